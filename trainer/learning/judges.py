"""What judges an epoch: reviews that are held out, or all of few reviews, by networks that learned without them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from scorer.tokens.encoder import TextSettings
from trainer.data.batches import validation_batches
from trainer.data.reviews import EncodedReviews
from trainer.learning.calibration import Calibration
from trainer.learning.checkpoint import Checkpoint
from trainer.learning.evaluation import Prediction, joined_predictions, predict
from trainer.network.lstm import SentimentLSTM
from trainer.recipes import Recipe

__all__ = ["FoldJudge", "HeldOutJudge", "Judge"]


class Judge(Protocol):
    """Says how good an epoch is."""

    @property
    def reviews(self) -> EncodedReviews:
        """Those that judge."""

    @property
    def sources(self) -> NDArray[np.str_]:
        """The source of each of them: [rows]."""

    @property
    def texts(self) -> pa.Array:
        """The text of each of them: [rows]."""

    def predictions(self, epoch: int, network: SentimentLSTM) -> list[Prediction]:
        """What is said after an epoch, by `network` or what stands for it, of the reviews that judge."""

    def judged(self, checkpoint: Checkpoint) -> Prediction:
        """What a checkpoint of the fit, or what stands for it, says in the end, calibrated."""


@dataclass(frozen=True)
class HeldOutJudge:
    """Reviews that the network does not learn."""

    reviews: EncodedReviews
    sources: NDArray[np.str_]
    texts: pa.Array
    recipe: Recipe
    text: TextSettings

    def predictions(self, epoch: int, network: SentimentLSTM) -> list[Prediction]:
        """What `network` says of them."""
        return predict(network, validation_batches(self.reviews, self.recipe, self.text))

    def judged(self, checkpoint: Checkpoint) -> Prediction:
        """What the checkpoint's network says of them, calibrated."""
        batches = validation_batches(self.reviews, self.recipe, self.text)
        return joined_predictions(predict(checkpoint.build_network(), batches, checkpoint.temperature))


@dataclass(frozen=True)
class FoldJudge:
    """All reviews, each judged by a network that learned the other folds in the same way."""

    reviews: EncodedReviews
    sources: NDArray[np.str_]
    texts: pa.Array
    logits: Tensor
    """After every epoch, the model that the fit goes on from first: [epochs + 1, rows]."""

    def predictions(self, epoch: int, network: SentimentLSTM) -> list[Prediction]:
        """What the folds' networks said after as many epochs."""
        labels, weights = (torch.from_numpy(values) for values in (self.reviews.labels, self.reviews.weights))
        return [Prediction(self.logits[epoch], labels, weights, np.arange(len(labels)))]

    def judged(self, checkpoint: Checkpoint) -> Prediction:
        """What the folds' networks said after the checkpoint's epoch, calibrated as it is."""
        (raw,) = self.predictions(checkpoint.epoch, checkpoint.build_network())
        return raw._replace(logits=Calibration(**checkpoint.calibration).of(raw.logits))
