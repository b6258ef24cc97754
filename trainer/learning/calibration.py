"""Calibration: a temperature and a shift that make probabilities mean what they say (Platt 1999, Guo et al. 2017).

Few held-out reviews must not make certainty: their labels are smoothed as Platt did, and both numbers stay near 1 and
0 unless many reviews speak against it. The shift is put into the network's own bias. So the threshold stays 0.5: where
good and bad weigh alike, as they do in training, that is where a calibrated probability parts them best, and a
threshold fitted on the same reviews would say no more than the shift does.
"""

from dataclasses import dataclass
from math import exp

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from scorer.evaluation.calibration import BINS, expected_calibration_error
from trainer.data.weights import effective_rows

__all__ = ["Calibration", "calibrate", "fit_scaling"]

_PARTS = 5
_SPREAD = 0.7  # deviation of the logarithm of temperatures, and of shifts, that are to be expected


@dataclass(frozen=True)
class Calibration:
    """What a checkpoint and the sealed model's card keep of a calibration."""

    temperature: float
    """Logits are divided by it."""
    ece_before: float
    ece_after: float
    bins: int
    rows: int
    """Held-out reviews that it was fitted to."""
    shift: float = 0.0
    """What is then added; a checkpoint's network has it in its bias already."""

    def of(self, logits: Tensor) -> Tensor:
        """Calibrated logits, of any shape."""
        return logits / self.temperature + self.shift


def fit_scaling(logits: Tensor, labels: Tensor, weights: Tensor) -> tuple[float, float]:
    """Temperature and shift that suit `logits` and `labels` best, all [rows]; (1, 0) where only one label is there."""
    positive = int((labels > 0.5).sum())
    negative = len(labels) - positive
    if not positive or not negative:
        return 1.0, 0.0
    smoothed = torch.where(labels > 0.5, (positive + 1) / (positive + 2), 1 / (negative + 2)).double()
    rows = effective_rows(weights.numpy())
    scaling = torch.zeros(2, dtype=torch.float64, requires_grad=True)  # logarithm of the temperature, and shift
    optimizer = torch.optim.LBFGS([scaling], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        scaled = logits.double() / scaling[0].exp() + scaling[1]
        value = binary_cross_entropy_with_logits(scaled, smoothed, weights.double() / weights.mean())
        value = value + scaling.square().sum() / (2 * _SPREAD**2 * rows)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    log_temperature, shift = scaling.tolist()
    return exp(log_temperature), shift


def calibrate(logits: Tensor, labels: Tensor, weights: Tensor, bins: int = BINS) -> Calibration:
    """Fit temperature and shift and measure what they do; `logits`, `labels`, `weights` [rows] are held-out reviews'.

    The weights are those of training (`trainer.data.weights`): what is fitted to a skewed source as it comes would
    suit its frequent label alone.
    """
    return _measured(logits, labels, weights, *fit_scaling(logits, labels, weights), bins)


def as_it_comes(logits: Tensor, labels: Tensor, weights: Tensor, bins: int = BINS) -> Calibration:
    """A calibration that changes nothing, measured like others."""
    return _measured(logits, labels, weights, 1.0, 0.0, bins)


def cross_calibrated(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Logits [rows], those of each fifth calibrated by the others: as good as they would be of new reviews."""
    part = torch.arange(len(logits)) % _PARTS
    found = torch.empty_like(logits)
    for one in range(_PARTS):
        others = part != one
        temperature, shift = fit_scaling(logits[others], labels[others], weights[others])
        found[~others] = logits[~others] / temperature + shift
    return found


def _measured(
    logits: Tensor, labels: Tensor, weights: Tensor, temperature: float, shift: float, bins: int
) -> Calibration:
    before, after = (
        expected_calibration_error(torch.sigmoid(scaled).numpy(), labels.numpy(), weights.numpy(), bins)
        for scaled in (logits, logits / temperature + shift)
    )
    return Calibration(temperature, before, after, bins, len(labels), shift)
