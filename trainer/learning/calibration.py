"""Calibration: one temperature that makes probabilities mean what they say (Guo et al. 2017)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

__all__ = [
    "BINS",
    "COLDEST",
    "HOTTEST",
    "Bin",
    "Calibration",
    "calibrate",
    "expected_calibration_error",
    "fit_temperature",
    "reliability",
]

BINS = 15

COLDEST, HOTTEST = 0.1, 10.0  # beyond, the held-out slice is too small to tell
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Calibration:
    """What a checkpoint and the sealed model's card keep of a calibration."""

    temperature: float
    """Logits are divided by it."""
    ece_before: float
    ece_after: float
    bins: int
    rows: int
    """Held-out reviews that the temperature was fitted to."""


@dataclass(frozen=True)
class Bin:
    """Reviews of similar probability: their share of all weight, mean probability, and share of positives."""

    share: float
    probability: float
    positive: float


def reliability(
    probabilities: NDArray[np.floating], labels: NDArray[np.floating], weights: NDArray[np.floating], bins: int = BINS
) -> list[Bin]:
    """The non-empty ones of `bins` equal-width bins of P(positive); all arrays are [rows]."""
    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    total, said, true = (np.bincount(place, weights * values) for values in (1.0, probabilities, labels))
    found = np.flatnonzero(total)
    columns = total[found] / total.sum(), said[found] / total[found], true[found] / total[found]
    return [Bin(*map(float, one)) for one in zip(*columns, strict=True)]


def expected_calibration_error(
    probabilities: NDArray[np.floating], labels: NDArray[np.floating], weights: NDArray[np.floating], bins: int = BINS
) -> float:
    """Weighted mean gap, over reviews, between P(positive) and the share of positive ones in its bin; 0 is best."""
    found = reliability(probabilities, labels, weights, bins)
    return sum(one.share * abs(one.probability - one.positive) for one in found)


def fit_temperature(logits: Tensor, labels: Tensor, weights: Tensor) -> float:
    """The temperature of the least weighted cross-entropy of `logits` / temperature with `labels`, all [rows]."""
    true, shares = labels.double(), weights.double()

    def loss(log_temperature: float) -> float:
        return binary_cross_entropy_with_logits(logits.double() / np.exp(log_temperature), true, shares).item()

    return float(np.exp(_minimum(loss, float(np.log(COLDEST)), float(np.log(HOTTEST)))))


def calibrate(logits: Tensor, labels: Tensor, weights: Tensor, bins: int = BINS) -> Calibration:
    """Fit a temperature and measure what it does; `logits`, `labels` and `weights` [rows] are of held-out reviews.

    The weights are those of training (`trainer.data.weights`): a temperature fitted to a skewed source as it comes
    would suit its frequent label alone.
    """
    temperature = fit_temperature(logits, labels, weights)
    before, after = (
        expected_calibration_error(torch.sigmoid(scaled).numpy(), labels.numpy(), weights.numpy(), bins)
        for scaled in (logits, logits / temperature)
    )
    return Calibration(temperature, before, after, bins, len(labels))


def _minimum(function: Callable[[float], float], low: float, high: float, rounds: int = 40) -> float:
    """Where a function with one valley is lowest, by golden-section search (Kiefer 1953)."""
    for _ in range(rounds):
        step = _GOLDEN * (high - low)
        if function(high - step) < function(low + step):
            high = low + step
        else:
            low = high - step
    return (low + high) / 2
