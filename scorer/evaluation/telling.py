"""Figures in words, for terminals."""

from collections.abc import Iterator, Mapping, Sequence

from scorer.evaluation.metrics import Figures, Interval
from scorer.system.terminal import printable, shortened

__all__ = ["as_number", "as_percent", "figure_lines", "group_lines"]

_TITLES = ("group", "rows", "positive", "accuracy", "balanced accuracy", "AUC", "calibration error")
_NOTHING = "–"


def figure_lines(figures: Figures) -> Iterator[str]:
    """All figures, with their intervals."""
    right = figures.confusion
    yield f"accuracy           {as_percent(figures.accuracy)}   always the same: {figures.majority:.1%}"
    recalls = f"positive {as_percent(figures.recall_positive)}, negative {as_percent(figures.recall_negative)}"
    yield f"balanced accuracy  {as_percent(figures.balanced_accuracy)}   of {recalls}"
    yield f"F1                 {as_percent(figures.f1)}   of precision {as_percent(figures.precision)}"
    yield f"ROC-AUC            {as_number(figures.roc_auc)}"
    yield f"log loss           {as_number(figures.log_loss)}"
    yield f"calibration error  {as_percent(figures.calibration_error)}"
    yield (
        f"right: {right['true_positive']:,} positive, {right['true_negative']:,} negative; "
        f"wrong: {right['false_positive']:,} called positive, {right['false_negative']:,} called negative"
    )


def group_lines(groups: Mapping[str, Figures]) -> Iterator[str]:
    """A table with a line for each group, and one for their mean; nothing where there are none."""
    if not groups:
        return
    rows = [_TITLES, *(_cells(name, one) for name, one in groups.items())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield from (_line(row, widths) for row in rows)
    known = [one.balanced_accuracy.value for one in groups.values() if one.balanced_accuracy.value >= 0]
    errors = [one.calibration_error.value for one in groups.values()]
    mean = f"mean of groups: balanced accuracy {sum(known) / len(known):.1%}, " if known else "mean of groups: "
    yield f"{mean}calibration error {sum(errors) / len(errors):.1%}"


def as_percent(figure: Interval) -> str:
    """A share with its interval; a dash for what could not be measured."""
    if figure.value != figure.value:
        return _NOTHING
    return f"{figure.value:.1%} ({100 * figure.low:.1f}–{100 * figure.high:.1f})"


def as_number(figure: Interval) -> str:
    """A number with its interval; a dash for what could not be measured."""
    return _NOTHING if figure.value != figure.value else f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f})"


def _cells(name: str, figures: Figures) -> tuple[str, ...]:
    auc = figures.roc_auc.value
    return (
        shortened(printable(name)),
        f"{figures.rows:,}",
        f"{figures.positive / figures.rows:.1%}",
        as_percent(figures.accuracy),
        as_percent(figures.balanced_accuracy),
        _NOTHING if auc != auc else f"{auc:.3f}",
        f"{figures.calibration_error.value:.1%}",
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *cells = row
    return "  ".join([name.ljust(widths[0]), *(cell.rjust(wide) for cell, wide in zip(cells, widths[1:], strict=True))])
