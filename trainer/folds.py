"""Cross-validation: of few reviews every one judges, each by a network that learned from the other folds.

A tenth of two hundred reviews is twenty, which tell neither a good epoch from a bad one nor a temperature.
"""

from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from scorer.tokens.encoder import TextEncoder
from trainer.data.batches import validation_batches
from trainer.data.reviews import EncodedReviews
from trainer.learning.epochs import learn_epoch
from trainer.learning.evaluation import joined_predictions, predict
from trainer.learning.judges import FoldJudge
from trainer.learning.learner import Learner
from trainer.recipes import Recipe
from trainer.stages import Made, StageProgress, Stages
from trainer.start import Start

__all__ = ["MOST_FOLDED", "CrossValidation"]

MOST_FOLDED = 2_000
"""More reviews than that are not judged in folds: a tenth of them, held out, says enough."""


@dataclass(frozen=True)
class CrossValidation:
    """Fits on all folds but one, each like the fit of all reviews that follows."""

    recipe: Recipe
    start: Start
    encoder: TextEncoder
    seed: int
    stages: Stages

    def judge(
        self, reviews: EncodedReviews, sources: NDArray[np.str_], texts: pa.Array, folds: NDArray[np.int64]
    ) -> FoldJudge:
        """Judge `reviews`, whose `folds` are numbered from 0, after every epoch; all arguments are [rows]."""
        logits = torch.zeros(self.recipe.epochs + 1, len(reviews))
        for fold in range(int(folds.max()) + 1):
            inside = np.flatnonzero(folds == fold)
            logits[:, torch.from_numpy(inside)] = self._fold(fold, reviews, inside)
        return FoldJudge(reviews, sources, texts, logits)

    def _fold(self, fold: int, reviews: EncodedReviews, inside: NDArray[np.int64]) -> Tensor:
        """Logits [epochs + 1, inside] of one fold by what learned the others."""
        outside = np.setdiff1d(np.arange(len(reviews)), inside)

        def work(_: StageProgress) -> Made:
            logits = self._learn(reviews.take(outside), reviews.take(inside))
            return {"logits": logits}, {"judged": len(inside)}

        settings = {**asdict(self.recipe), "start": self.start.digest()}
        plan = f"learning {len(outside):,} reviews to judge {len(inside):,} others"
        return self.stages.run(f"fold-{fold + 1}", plan, settings, [], work).tensors["logits"]

    def _learn(self, learned: EncodedReviews, judged: EncodedReviews) -> Tensor:
        torch.manual_seed(self.seed)
        settings = self.recipe.network_settings(self.start.network.vocab_size)
        learner = Learner(self.recipe, settings, self.encoder.unknown_id)
        learner.start_from(self.start.weights)
        found = [self._logits(learner, judged)]
        for epoch in range(1, self.recipe.epochs + 1):
            learn_epoch(learner, learned, self.recipe, self.encoder.settings, self.seed, epoch)
            found.append(self._logits(learner, judged))
        return torch.stack(found)

    def _logits(self, learner: Learner, judged: EncodedReviews) -> Tensor:
        batches = validation_batches(judged, self.recipe, self.encoder.settings)
        return joined_predictions(predict(learner.served_network(), batches)).logits.clone()
