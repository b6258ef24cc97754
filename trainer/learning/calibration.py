"""Calibration: one temperature that makes probabilities mean what they say (Guo et al. 2017)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

__all__ = ["BINS", "Bin", "Calibration", "calibrate", "expected_calibration_error", "fit_temperature", "reliability"]

BINS = 15

_COLDEST, _HOTTEST = 0.1, 10.0  # beyond, the held-out slice is too small to tell
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
    """Reviews of similar probability: how many, their mean probability, and the share that is positive."""

    rows: int
    probability: float
    positive: float


def reliability(probabilities: NDArray[np.floating], labels: NDArray[np.floating], bins: int = BINS) -> list[Bin]:
    """The non-empty ones of `bins` equal-width bins of P(positive); both arrays are [rows]."""
    place = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    chosen = (place == i for i in np.unique(place))
    return [Bin(int(rows.sum()), float(probabilities[rows].mean()), float(labels[rows].mean())) for rows in chosen]


def expected_calibration_error(
    probabilities: NDArray[np.floating], labels: NDArray[np.floating], bins: int = BINS
) -> float:
    """Mean gap, over reviews, between P(positive) and the share of positive ones in its bin; 0 is best."""
    found = reliability(probabilities, labels, bins)
    return sum(one.rows * abs(one.probability - one.positive) for one in found) / len(labels)


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature of the least cross-entropy of `logits` / temperature with `labels`, both [rows]."""

    def loss(log_temperature: float) -> float:
        return binary_cross_entropy_with_logits(logits.double() / np.exp(log_temperature), labels.double()).item()

    return float(np.exp(_minimum(loss, float(np.log(_COLDEST)), float(np.log(_HOTTEST)))))


def calibrate(logits: Tensor, labels: Tensor, bins: int = BINS) -> Calibration:
    """Fit a temperature and measure what it does; `logits` and `labels` [rows] are held-out ones."""
    temperature = fit_temperature(logits, labels)
    before, after = (
        expected_calibration_error(torch.sigmoid(scaled).numpy(), labels.numpy(), bins)
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
