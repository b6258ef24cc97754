"""Whether probabilities mean what they say: reliability and its expected error (Guo et al. 2017)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BINS", "Bin", "calibration_gaps", "expected_calibration_error", "reliability"]

BINS = 15

Numbers = NDArray[np.floating[Any]] | NDArray[np.bool_]


@dataclass(frozen=True)
class Bin:
    """Reviews of similar probability: their share of all weight, mean probability, and share of positives."""

    share: float
    probability: float
    positive: float


def reliability(probability: Numbers, label: Numbers, weights: Numbers | None = None, bins: int = BINS) -> list[Bin]:
    """The non-empty ones of `bins` equal-width bins of P(positive); all arrays are [rows], `weights` None are alike."""
    total, said, true, _ = _binned(probability, label, weights, bins)
    found = np.flatnonzero(total)
    columns = total[found] / total.sum(), said[found] / total[found], true[found] / total[found]
    return [Bin(*map(float, one)) for one in zip(*columns, strict=True)]


def expected_calibration_error(
    probability: Numbers, label: Numbers, weights: Numbers | None = None, bins: int = BINS
) -> float:
    """Weighted mean gap, over rows, between P(positive) and the share of positive ones in its bin; 0 is best."""
    if not len(label):
        return float("nan")
    return float(np.average(calibration_gaps(probability, label, weights, bins), weights=weights))


def calibration_gaps(
    probability: Numbers, label: Numbers, weights: Numbers | None = None, bins: int = BINS
) -> NDArray[np.float64]:
    """How far each row's probability is from its label towards the side on which its bin errs, float64 [rows].

    Their mean is the expected calibration error.
    """
    _, said, true, place = _binned(probability, label, weights, bins)
    gaps: NDArray[np.float64] = np.sign(said - true)[place] * (probability.astype(np.float64) - label)
    return gaps


def _binned(probability: Numbers, label: Numbers, weights: Numbers | None, bins: int) -> tuple[NDArray[Any], ...]:
    """Of each bin its weight, and the sums of probabilities and of positives; of each row its bin."""
    place = np.minimum((probability * bins).astype(np.int64), bins - 1)
    weight = np.ones(len(label)) if weights is None else weights
    sums = (np.bincount(place, weight * values, bins) for values in (1.0, probability.astype(np.float64), label))
    return *sums, place
