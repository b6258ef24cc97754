"""Turns: of many texts each epoch learns some, so that it reads new ones where a small network would know the old."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trainer.data.reviews import EncodedReviews

__all__ = ["Turns"]


@dataclass(frozen=True)
class Turns:
    """Reviews, some of which take turns; the others are learned in every epoch."""

    all: EncodedReviews
    waiting: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Rows that take turns."""
    at_once: int = 0
    """How many of them an epoch learns; where it is all of them, none waits."""

    def of(self, epoch: int, seed: int) -> EncodedReviews:
        """What epoch `epoch`, from 1, of the fit of `seed` learns. None comes twice before all came once."""
        if self.at_once >= len(self.waiting):
            return self.all
        always = np.setdiff1d(np.arange(len(self.all)), self.waiting, assume_unique=True)
        rows = np.concatenate([always, self.waiting[self._turn(epoch, seed)]])
        return self.all.take(rows)

    def _turn(self, epoch: int, seed: int) -> NDArray[np.int64]:
        """Places [at_once] among those that wait: a stretch of one random order after another."""
        count, first = len(self.waiting), (epoch - 1) * self.at_once
        rounds = range(first // count, (first + self.at_once - 1) // count + 1)
        orders = np.concatenate([np.random.default_rng([seed, number]).permutation(count) for number in rounds])
        start = first - rounds[0] * count
        return orders[start : start + self.at_once]
