"""How many reviews are positive, truly: a classifier's own share is biased wherever it errs more on one side.

With recalls `p` of positive and `n` of negative reviews, a true share `t` shows up as `t p + (1 - t)(1 - n)`. The
adjusted count solves this for `t` (Gart and Buck 1966; Forman 2008).
"""

from dataclasses import dataclass
from math import sqrt

from scorer.evaluation.metrics import Interval, Z

__all__ = ["Recalls", "adjusted_share"]

_LEAST_INFORMED = 0.2
"""Sum of both recalls above 1, below which dividing by it says nothing."""


@dataclass(frozen=True, slots=True)
class Recalls:
    """How often a model is right on positive and on negative reviews, each measured on so many `rows`, or exact."""

    positive: float
    negative: float
    rows: tuple[int, int] | None
    source: str
    """Where they come from, in words."""

    @property
    def gain(self) -> float:
        """By how much more often positive reviews are called positive than negative ones are."""
        return self.positive + self.negative - 1


def adjusted_share(called: Interval, rows: int, recalls: Recalls) -> Interval | None:
    """The share that is positive, from the share of `rows` that is `called` so; None for a model that hardly knows.

    The interval takes in that both recalls were measured on so many reviews only (delta method). It does not take in
    that these reviews may differ from those.
    """
    if not rows or recalls.gain < _LEAST_INFORMED:
        return None
    share = (called.value - (1 - recalls.negative)) / recalls.gain
    bounded = min(1.0, max(0.0, share))
    variance = _variance(called.value, rows)
    if recalls.rows:
        variance += bounded**2 * _variance(recalls.positive, recalls.rows[0])
        variance += (1 - bounded) ** 2 * _variance(recalls.negative, recalls.rows[1])
    half = Z * sqrt(variance) / recalls.gain
    return Interval(bounded, max(0.0, min(bounded, share - half)), min(1.0, max(bounded, share + half)))


def _variance(share: float, rows: int) -> float:
    return share * (1 - share) / max(rows, 1)
