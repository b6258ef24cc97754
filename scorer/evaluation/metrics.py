"""Figures of probabilities against labels, with their intervals of 95 %."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import comb, hypot, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.calibration import calibration_gaps

__all__ = [
    "Figures",
    "Interval",
    "McNemar",
    "Z",
    "accuracy_gain",
    "balanced_gain",
    "by_group",
    "measure",
    "roc_auc",
    "share_gain",
    "share_interval",
]

Z = 1.959964
"""97.5 % of a normal distribution lie below."""
_LEAST = 1e-7  # of a probability, so that one sure mistake does not make a log loss infinite
_MOST_EXACT = 1000  # discordant rows; beyond, the normal distribution is as good

Bools = NDArray[np.bool_]
Probabilities = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the bounds of its 95 % interval; all NaN where there is nothing to measure."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Figures:
    """How good probabilities are; shares are of 1, `log_loss` is in nats."""

    rows: int
    positive: int
    """Rows whose label is positive."""
    confusion: dict[str, int]
    """Rows by label and verdict."""
    accuracy: Interval
    balanced_accuracy: Interval
    """Mean of the two recalls: 0.5 for a verdict that is always the same."""
    majority: float
    """Accuracy of always saying what is more frequent."""
    precision: Interval
    """Of the positive class, as `f1` is."""
    recall_positive: Interval
    recall_negative: Interval
    f1: Interval
    roc_auc: Interval
    log_loss: Interval
    calibration_error: Interval

    def as_dict(self) -> dict[str, Any]:
        """All figures, ready for JSON; None for what could not be measured."""
        return {name: _plain(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class McNemar:
    """Two models on the same rows (McNemar 1947): who alone is right how often, and how likely chance does that."""

    only_first: int
    only_second: int

    @property
    def p_value(self) -> float:
        """Two-sided: exact by the binomial distribution, by the normal one where rows are many."""
        total, fewer = self.only_first + self.only_second, min(self.only_first, self.only_second)
        if total == 0:
            return 1.0
        if total > _MOST_EXACT:
            distance = (abs(self.only_first - self.only_second) - 1) / sqrt(total)
            return float(2 * (1 - NormalDist().cdf(max(distance, 0.0))))
        return min(1.0, float(2 * sum(comb(total, k) for k in range(fewer + 1)) / 2**total))


def measure(probability: Probabilities, label: Bools, threshold: float) -> Figures:
    """All figures of P(positive) against labels, both [rows]; from `threshold` on the verdict is positive."""
    said = probability >= threshold
    hits = said == label
    rows, positive = len(label), int(label.sum())
    true_positive, true_negative = int((said & label).sum()), int((~said & ~label).sum())
    false_positive, false_negative = rows - positive - true_negative, positive - true_positive
    recalls = share_interval(true_positive, positive), share_interval(true_negative, rows - positive)
    return Figures(
        rows,
        positive,
        {
            "true_positive": true_positive,
            "false_positive": false_positive,
            "true_negative": true_negative,
            "false_negative": false_negative,
        },
        share_interval(int(hits.sum()), rows),
        _balanced(recalls),
        max(positive, rows - positive) / rows if rows else float("nan"),
        share_interval(true_positive, true_positive + false_positive),
        *recalls,
        _f1(true_positive, false_positive + false_negative),
        _auc_interval(roc_auc(probability, label), positive, rows - positive),
        _log_loss(probability, label),
        _calibration_error(probability, label),
    )


def by_group(
    names: Sequence[str], place: NDArray[np.integer], probability: Probabilities, label: Bools, threshold: float
) -> dict[str, Figures]:
    """Figures of each group that has rows, in the order of `names`; `place` says which group each row is in, [rows]."""
    ends = np.cumsum(np.bincount(place, minlength=len(names)))
    rows = np.split(np.argsort(place, kind="stable"), ends[:-1])
    return {
        name: measure(probability[chosen], label[chosen], threshold)
        for name, chosen in zip(names, rows, strict=False)
        if len(chosen)
    }


def accuracy_gain(first: Bools, second: Bools) -> Interval:
    """How much higher the first's accuracy is; `first`, `second` say which verdicts on the same rows were right."""
    if not len(first):
        return Interval(*[float("nan")] * 3)
    gains = first.astype(np.float64) - second
    half = Z * float(gains.std()) / sqrt(len(gains))
    return Interval(float(gains.mean()), float(gains.mean()) - half, float(gains.mean()) + half)


def balanced_gain(first: Bools, second: Bools, label: Bools) -> Interval:
    """How much higher the first's balanced accuracy is; `first`, `second` say which verdicts were right, all [rows].

    The rows are the same, so the interval is of their differences, class by class; NaN with one class only.
    """
    gains = first.astype(np.float64) - second
    classes = [gains[label], gains[~label]]
    if not all(map(len, classes)):
        return Interval(*[float("nan")] * 3)
    mean = sum(float(one.mean()) for one in classes) / 2
    half = Z * sqrt(sum(float(one.var()) / len(one) for one in classes)) / 2
    return Interval(mean, mean - half, mean + half)


def share_gain(first: Interval, second: Interval) -> Interval:
    """How much higher the first share is, of other rows than the second (Newcombe 1998); both by `share_interval`."""
    gain = first.value - second.value
    down = hypot(first.value - first.low, second.high - second.value)
    up = hypot(first.high - first.value, second.value - second.low)
    return Interval(gain, gain - down, gain + up)


def roc_auc(probability: Probabilities, label: Bools) -> float:
    """How likely a positive row has a higher probability than a negative one, ties half; NaN with one class only."""
    positive = int(label.sum())
    negative = len(label) - positive
    if not positive or not negative:
        return float("nan")
    _, place, counts = np.unique(probability, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # the mean rank of equal values
    return float((ranks[place][label].sum() - positive * (positive + 1) / 2) / (positive * negative))


def share_interval(hits: int, rows: int) -> Interval:
    """A share of `rows` with its score interval (Wilson 1927); all NaN of none."""
    if not rows:
        return Interval(*[float("nan")] * 3)
    share, z2 = hits / rows, Z**2
    middle = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = Z * sqrt(share * (1 - share) / rows + z2 / (4 * rows**2)) / (1 + z2 / rows)
    return Interval(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


def _f1(hits: int, mistakes: int) -> Interval:
    """2 s / (1 + s), where s is the share of hits in what label or verdict calls positive (Hand et al. 2021)."""
    share = share_interval(hits, hits + mistakes)
    return Interval(*(2 * one / (1 + one) for one in (share.value, share.low, share.high)))


def _balanced(recalls: tuple[Interval, Interval]) -> Interval:
    """The mean of both recalls, its interval from theirs (Newcombe 1998): it has a width where all rows are right."""
    mean = sum(one.value for one in recalls) / 2
    below, above = (hypot(*(getattr(one, end) - one.value for one in recalls)) / 2 for end in ("low", "high"))
    return Interval(mean, mean - below, mean + above)


def _auc_interval(auc: float, positive: int, negative: int) -> Interval:
    """By the formula of Hanley and McNeil (1982)."""
    if auc != auc:
        return Interval(auc, auc, auc)
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positive - 1) * (first - auc**2) + (negative - 1) * (second - auc**2)
    return _around(auc, sqrt(max(variance, 0.0) / (positive * negative)), 1.0)


def _log_loss(probability: Probabilities, label: Bools) -> Interval:
    if not len(label):
        return Interval(*[float("nan")] * 3)
    of_truth = np.where(label, probability, 1 - probability.astype(np.float64))
    losses = -np.log(np.clip(of_truth, _LEAST, 1.0))
    return _around(float(losses.mean()), float(losses.std() / sqrt(len(losses))), float("inf"))


def _calibration_error(probability: Probabilities, label: Bools) -> Interval:
    """As a mean over rows; of a model that errs nowhere it is above 0 as well, by chance, the more the fewer rows."""
    if not len(label):
        return Interval(*[float("nan")] * 3)
    gaps = calibration_gaps(probability, label)
    return _around(float(gaps.mean()), float(gaps.std() / sqrt(len(gaps))), 1.0)


def _around(value: float, deviation: float, most: float) -> Interval:
    return Interval(value, max(0.0, value - Z * deviation), min(most, value + Z * deviation))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return None if isinstance(value, float) and value != value else value
