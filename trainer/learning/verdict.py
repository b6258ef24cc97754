"""How good a fitted model is on reviews that had no part in it, beside what it has to surpass; in words as well."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorer.evaluation.metrics import Figures, Interval, balanced_gain, measure
from scorer.model.sealed import EMBEDDED_MODEL
from scorer.scoring import Scorer

__all__ = ["Verdict", "describe_verdict", "embedded_probabilities", "reach_verdict"]

_OWN, _EMBEDDED = "this model", "embedded model"
_THRESHOLD = 0.5
_HEADS = (
    "",
    "accuracy",
    "balanced accuracy",
    "recall positive",
    "negative",
    "F1",
    "ROC-AUC",
    "log loss",
    "calibration error",
)


@dataclass(frozen=True)
class Verdict:
    """Figures on the same reviews."""

    judged_on: str
    """Which reviews, in words."""
    figures: dict[str, Figures]
    """By model, the fitted one first."""
    gains: dict[str, Interval]
    """How much higher its balanced accuracy is than that of each other model."""

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        gains = {name: [gain.value, gain.low, gain.high] for name, gain in self.gains.items()}
        figures = {name: one.as_dict() for name, one in self.figures.items()}
        return {"judged_on": self.judged_on, "figures": figures, "gains": gains}


def reach_verdict(
    judged_on: str, labels: NDArray[np.bool_], own: NDArray[np.floating], others: Mapping[str, NDArray[np.floating]]
) -> Verdict:
    """Measure P(positive) of the fitted model, `own`, and of `others` by name against `labels`, all [rows]."""
    probabilities = {_OWN: own, **others}
    figures = {name: measure(values, labels, _THRESHOLD) for name, values in probabilities.items()}
    hits = {name: (values >= _THRESHOLD) == labels for name, values in probabilities.items()}
    gains = {name: balanced_gain(hits[_OWN], hits[name], labels) for name in others}
    return Verdict(judged_on, figures, gains)


def embedded_probabilities(texts: pa.LargeStringArray) -> dict[str, NDArray[np.floating]]:
    """P(positive) of `texts` by the embedded model, by its name; 0.5 where there is no word."""
    return {_EMBEDDED: np.nan_to_num(Scorer.open(EMBEDDED_MODEL).score_texts(texts).probability, nan=_THRESHOLD)}


def describe_verdict(verdict: Verdict) -> list[str]:
    """A table of all figures, and what they mean: a line for each model that was to be surpassed."""
    own = verdict.figures[_OWN]
    head = f"{own.rows:,} {verdict.judged_on}, {own.positive:,} of them positive; in brackets 95 % intervals:"
    rows = [_HEADS, *(_row(name, figures) for name, figures in verdict.figures.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    gains = [_gain(name, gain) for name, gain in verdict.gains.items() if gain.value == gain.value]
    return [head, *table, _against_majority(own), *gains]


def _row(name: str, figures: Figures) -> tuple[str, ...]:
    balanced, auc = figures.balanced_accuracy, figures.roc_auc
    return (
        name,
        f"{figures.accuracy.value:.1%}",
        f"{balanced.value:.1%} ({100 * balanced.low:.1f}–{100 * balanced.high:.1f})",
        f"{figures.recall_positive.value:.1%}",
        f"{figures.recall_negative.value:.1%}",
        f"{figures.f1.value:.3f}",
        f"{auc.value:.3f} ({auc.low:.3f}–{auc.high:.3f})",
        f"{figures.log_loss.value:.3f}",
        f"{figures.calibration_error.value:.1%}",
    )


def _against_majority(own: Figures) -> str:
    label = "positive" if 2 * own.positive >= own.rows else "negative"
    always = f"always saying {label} ({own.majority:.1%} right, 50 % of both classes)"
    if own.balanced_accuracy.low > _THRESHOLD:
        return f"better than {always}"
    return f"no better than {always}, as far as {own.rows:,} reviews can tell: do not use it"


def _gain(name: str, gain: Interval) -> str:
    told = f"balanced accuracy {100 * gain.value:+.1f} points ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
    if gain.low > 0:
        return f"better than the {name}: {told}"
    if gain.high < 0:
        return f"worse than the {name}: {told}"
    return f"no better than the {name}, as far as these reviews can tell: {told}"
