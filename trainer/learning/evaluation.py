"""Loss, accuracy and calibration of a network on batches, and of a checkpoint on a split, source by source."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from scorer.evaluation.calibration import expected_calibration_error
from scorer.evaluation.metrics import Figures, by_group, measure
from trainer.data.batches import Batch, validation_batches
from trainer.data.reviews import DataOptions, encode_reviews, sources_of
from trainer.data.splits import choose_judged
from trainer.data.weights import cell_weights
from trainer.learning.checkpoint import load_checkpoint, save_checkpoint
from trainer.network.lstm import SentimentLSTM

__all__ = [
    "CheckpointEvaluation",
    "Evaluation",
    "Mean",
    "Prediction",
    "SourceFigures",
    "describe_sources",
    "evaluate_checkpoint",
    "figures_by_source",
    "joined_predictions",
    "losses_of",
    "mean_of",
    "predict",
]

_THRESHOLD = 0.5


class Prediction(NamedTuple):
    """What a network says of a batch, or of a whole split."""

    logits: Tensor
    """[batch]."""
    labels: Tensor
    """[batch]."""
    weights: Tensor
    """[batch]."""
    rows: NDArray[np.int64]
    """Where in the split they stand: [batch]."""


@dataclass(frozen=True)
class Evaluation:
    """How well a network does; `loss` is binary cross-entropy in nats, `accuracy` a share of 1, both weighted."""

    loss: float
    accuracy: float
    reviews: int


@dataclass(frozen=True)
class SourceFigures:
    """How well a network does on one source, whose good and bad reviews weigh alike whatever their numbers."""

    reviews: int
    balanced_accuracy: float
    """Mean of the shares of good and of bad reviews that are judged rightly."""
    ece: float
    """Expected calibration error of P(positive)."""


@dataclass(frozen=True)
class CheckpointEvaluation:
    """How well a checkpoint does with its temperature, as its sealed model serves it."""

    figures: Figures
    sources: dict[str, Figures]
    """By name, where there are several."""
    judged_by: str
    """Which rows of the data were judged."""

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        sources = {name: figures.as_dict() for name, figures in self.sources.items()}
        return {**self.figures.as_dict(), "sources": sources, "judged_by": self.judged_by}


class Mean:
    """Running mean of loss and accuracy, over weighted rows or, as tutorials do, over batches whatever their size."""

    def __init__(self, over: Literal["rows", "batches"]) -> None:
        self._over = over
        self._loss = self._hits = self._losses = self._weight = 0.0
        self.reviews = 0

    def add(self, loss: float, logits: Tensor, labels: Tensor, weights: Tensor) -> None:
        """Count one batch: its mean weighted loss; logits against true labels, and weights, all [batch].

        Where there is no true label, NaN, the loss counts alone.
        """
        weights = weights * ~labels.isnan()
        hits, rows = (weights * ((logits > 0) == (labels > 0.5))).sum().item(), len(labels)
        weight = weights.sum().item()
        if self._over == "batches":
            hits, rows, weight = hits / weight, 1, 1.0
        self._loss, self._losses = self._loss + loss * rows, self._losses + rows
        self._hits, self._weight = self._hits + hits, self._weight + weight
        self.reviews += len(labels)

    @property
    def result(self) -> Evaluation:
        """The means so far."""
        return Evaluation(self._loss / max(self._losses, 1), self._hits / max(self._weight, 1e-9), self.reviews)


def predict(network: SentimentLSTM, batches: Iterable[Batch], temperature: float = 1.0) -> list[Prediction]:
    """Logits / temperature of all `batches`, without dropout; leaves the network in evaluation mode."""
    return list(_predict(network.eval(), batches, temperature))


@torch.inference_mode()
def _predict(network: SentimentLSTM, batches: Iterable[Batch], temperature: float) -> Iterator[Prediction]:
    for batch in batches:
        logits = network(batch.input_ids, batch.mask) / temperature
        yield Prediction(logits, batch.labels, batch.weights, batch.rows)


def mean_of(predictions: Sequence[Prediction], over: Literal["rows", "batches"]) -> Evaluation:
    """Loss and accuracy of `predict`'s result."""
    mean = Mean(over)
    for logits, labels, weights, _ in predictions:
        loss = binary_cross_entropy_with_logits(logits, labels, weights).item()
        mean.add(loss, logits, labels, weights)
    return mean.result


def losses_of(judged: Prediction) -> Tensor:
    """Each row's weighted cross-entropy: [rows]."""
    return binary_cross_entropy_with_logits(judged.logits, judged.labels, judged.weights, reduction="none")


def joined_predictions(predictions: Sequence[Prediction]) -> Prediction:
    """All batches as one, in the split's order."""
    logits, labels, weights = (torch.cat(list(parts)) for parts in list(zip(*predictions, strict=True))[:3])
    rows = np.concatenate([one.rows for one in predictions])
    order = torch.from_numpy(np.argsort(rows))
    return Prediction(logits[order], labels[order], weights[order], rows[order.numpy()])


def figures_by_source(judged: Prediction, sources: NDArray[np.str_]) -> dict[str, dict[str, float]]:
    """`SourceFigures`, as fields, of each source by its name; `sources` [rows] are those of a whole split."""
    probabilities, labels = torch.sigmoid(judged.logits).numpy(), judged.labels.numpy()
    return {
        str(name): asdict(_figures(probabilities[sources == name], labels[sources == name]))
        for name in np.unique(sources)
    }


def _figures(probabilities: NDArray[np.float32], labels: NDArray[np.float32]) -> SourceFigures:
    one_source = np.zeros(len(labels), np.int64)
    weights = cell_weights(one_source, labels.astype(np.int64), "equal", "balanced")
    accuracy = np.average((probabilities > 0.5) == (labels > 0.5), weights=weights)
    return SourceFigures(len(labels), float(accuracy), expected_calibration_error(probabilities, labels, weights))


def describe_sources(sources: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A line for each of several sources, and one for their mean; nothing for a single one."""
    if len(sources) < 2:
        return []
    mean = {
        key: sum(figures[key] for figures in sources.values()) / len(sources) for key in ("balanced_accuracy", "ece")
    }
    rows = [*sources.items(), (f"mean of {len(sources)} sources", mean)]
    wide = max(len(name) for name, _ in rows)
    return [
        f"  {name:<{wide}}  balanced accuracy {figures['balanced_accuracy']:.2%}"
        + f"  calibration error {figures['ece']:.2%}"
        + (f"  {figures['reviews']:,} reviews" if "reviews" in figures else "")
        for name, figures in rows
    ]


def evaluate_checkpoint(
    path: Path, data: DataOptions, split: str | None = None, *, record: bool = False
) -> CheckpointEvaluation:
    """Figures of a checkpoint on one split, in all and by source; raises `TrainerError`.

    `split` None means the test split, else the rows that were kept from training, else all rows of other data.
    With `record` the figures are kept in the checkpoint, from where they reach the card of its sealed model.
    """
    checkpoint = load_checkpoint(path)
    fitted = checkpoint.recipe, checkpoint.seed, checkpoint.data["fingerprint"]
    judged_by, reviews = choose_judged(data, split, *fitted)
    encoded = encode_reviews(reviews, checkpoint.build_encoder(), np.ones(len(reviews), np.float32))
    batches = validation_batches(encoded, checkpoint.recipe, checkpoint.text)
    judged = joined_predictions(predict(checkpoint.build_network(), batches, checkpoint.temperature))
    probability, label = torch.sigmoid(judged.logits).numpy(), judged.labels.numpy() > _THRESHOLD
    names, place = np.unique(sources_of(reviews), return_inverse=True)
    sources = by_group(names.tolist(), place, probability, label, _THRESHOLD)
    figures = measure(probability, label, _THRESHOLD)
    result = CheckpointEvaluation(figures, sources if len(sources) > 1 else {}, judged_by)
    if record:
        metrics = {**checkpoint.metrics, split or "test": result.as_dict()}
        save_checkpoint(replace(checkpoint, metrics=metrics), path)
    return result
