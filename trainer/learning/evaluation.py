"""Loss and accuracy of a network on batches, and of a checkpoint on a split."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from trainer.data.batches import Batch, validation_batches
from trainer.data.reviews import DataSource, encode_reviews, load_split
from trainer.learning.calibration import expected_calibration_error
from trainer.learning.checkpoint import load_checkpoint, save_checkpoint
from trainer.network.lstm import SentimentLSTM

__all__ = ["Evaluation", "Mean", "Predictions", "evaluate_checkpoint", "mean_of", "predict"]

Predictions = list[tuple[Tensor, Tensor]]
"""Logits and labels, both [batch], of every batch."""


@dataclass(frozen=True)
class Evaluation:
    """How well a network does; `loss` is binary cross-entropy in nats, `accuracy` a share of 1."""

    loss: float
    accuracy: float
    reviews: int


@dataclass(frozen=True)
class CalibratedEvaluation(Evaluation):
    """How well a checkpoint does with its temperature, which is what its sealed model serves."""

    ece: float
    """Expected calibration error of P(positive), a share of 1."""


class Mean:
    """Running mean of loss and accuracy, over rows or, as tutorials do, over batches whatever their size."""

    def __init__(self, over: Literal["rows", "batches"]) -> None:
        self._over = over
        self._loss = self._hits = self._weight = 0.0
        self.reviews = 0

    def add(self, loss: float, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """Count one batch: its mean loss, and logits against labels, both [batch]."""
        weight = len(labels) if self._over == "rows" else 1
        self._loss += loss * weight
        self._hits += ((logits > 0) == (labels > 0.5)).float().mean().item() * weight
        self._weight += weight
        self.reviews += len(labels)

    @property
    def result(self) -> Evaluation:
        """The means so far."""
        weight = max(self._weight, 1)
        return Evaluation(self._loss / weight, self._hits / weight, self.reviews)


def predict(network: SentimentLSTM, batches: Iterable[Batch], temperature: float = 1.0) -> Predictions:
    """Logits / temperature and labels of all `batches`, without dropout; leaves the network in evaluation mode."""
    return list(_predict(network.eval(), batches, temperature))


@torch.inference_mode()
def _predict(network: SentimentLSTM, batches: Iterable[Batch], temperature: float) -> Iterator[tuple[Tensor, Tensor]]:
    for input_ids, mask, labels in batches:
        yield network(input_ids, mask) / temperature, labels


def mean_of(predictions: Predictions, over: Literal["rows", "batches"]) -> Evaluation:
    """Loss and accuracy of `predict`'s result."""
    mean = Mean(over)
    for logits, labels in predictions:
        mean.add(binary_cross_entropy_with_logits(logits, labels).item(), logits, labels)
    return mean.result


def evaluate_checkpoint(path: Path, source: DataSource, split: str, *, record: bool = False) -> CalibratedEvaluation:
    """Loss, accuracy and calibration error, over rows, of a checkpoint on one split; raises `TrainerError`.

    With `record` the figures are kept in the checkpoint, from where they reach the card of its sealed model.
    """
    checkpoint = load_checkpoint(path)
    reviews = encode_reviews(load_split(source, split), checkpoint.build_encoder())
    batches = validation_batches(reviews, checkpoint.recipe, checkpoint.text)
    predictions = predict(checkpoint.build_network(), batches, checkpoint.temperature)
    logits, labels = (torch.cat(parts) for parts in zip(*predictions, strict=True))
    ece = expected_calibration_error(torch.sigmoid(logits).numpy(), labels.numpy())
    result = CalibratedEvaluation(**asdict(mean_of(predictions, "rows")), ece=ece)
    if record:
        metrics = {**checkpoint.metrics, split: asdict(result)}
        save_checkpoint(replace(checkpoint, metrics=metrics), path)
    return result
