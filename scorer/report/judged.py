"""Parts of pages on probabilities whose labels are known: figures, charts, groups, thresholds, mistakes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.calibration import reliability
from scorer.evaluation.metrics import Figures, Interval, measure
from scorer.report import charts
from scorer.report.page import Block, Cell, Chart, Column, Matrix, Span, Table, Tile, Tiles, count, number, percent

__all__ = ["Judged", "figure_blocks", "group_table", "surest_mistakes", "threshold_table"]

_MOST_POINTS = 200
"""Of a curve: more would not be seen, and make the page heavy."""
_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Judged:
    """P(positive) and labels of some reviews, both [rows]; from `threshold` on the verdict is positive."""

    probability: NDArray[np.floating[Any]]
    label: NDArray[np.bool_]
    threshold: float = 0.5
    names: tuple[str, str] = ("negative", "positive")
    """What the labels are called."""

    @cached_property
    def figures(self) -> Figures:
        """All that is measured."""
        return measure(self.probability, self.label, self.threshold)


def figure_blocks(judged: Judged, calibration_note: str = "") -> Iterator[Block]:
    """Figures with their intervals, and the charts behind them."""
    figures = judged.figures
    error = calibration_note or _between(figures.calibration_error, percent)
    yield Tiles(
        [
            _tile("Accuracy", figures.accuracy, percent),
            Tile("Always the same verdict", percent(figures.majority), "accuracy of the more frequent label"),
            _tile("Balanced accuracy", figures.balanced_accuracy, percent),
            _tile("F1", figures.f1, percent),
            _tile("ROC-AUC", figures.roc_auc, number),
            _tile("Log loss", figures.log_loss, number),
            Tile("Calibration error", percent(figures.calibration_error.value), error),
        ]
    )
    of = figures.confusion
    counts = [[of["true_negative"], of["false_positive"]], [of["false_negative"], of["true_positive"]]]
    yield Matrix("Labels and verdicts", judged.names, judged.names, counts, "label \\ verdict", [(0, 0), (1, 1)])
    if 0 < figures.positive < figures.rows:
        yield from _ranking(judged)
    yield _reliability(judged)


def _tile(name: str, figure: Interval, shown: Any) -> Tile:
    return Tile(name, shown(figure.value), _between(figure, shown))


def _between(figure: Interval, shown: Any) -> str:
    return f"{shown(figure.low)} to {shown(figure.high)}" if figure.value == figure.value else ""


def _ranking(judged: Judged) -> Iterator[Chart]:
    """How well probabilities order the reviews: ROC, precision and recall, at every threshold."""
    figures, label, probability = judged.figures, judged.label, judged.probability
    order = np.argsort(-probability, kind="stable")
    last = np.append(np.diff(probability[order]) != 0, True)  # equal probabilities fall to one side together
    hits, said = np.cumsum(label[order])[last], np.flatnonzero(last) + 1
    recall, false = hits / figures.positive, (said - hits) / (figures.rows - figures.positive)
    kept, where = _thinned(len(hits)), f"threshold {judged.threshold:g}"
    at = 1 - figures.recall_negative.value, figures.recall_positive.value
    roc = charts.curve(
        [0.0, *false[kept]],
        [0.0, *recall[kept]],
        xlabel="negative reviews called positive",
        ylabel="positive reviews found",
        chance=lambda share: share,
        spot=(*at, f"{where}: {at[1]:.1%} found, {at[0]:.1%} falsely"),
    )
    area = f"Area under the curve {number(figures.roc_auc.value)}: how likely a good review stands above a bad one."
    yield Chart("ROC", charts.drawn(roc), area)
    precision, share = np.nan_to_num(figures.precision.value), figures.positive / figures.rows
    both = charts.curve(
        recall[kept],
        (hits / said)[kept],
        xlabel="recall",
        ylabel="precision",
        chance=lambda _: share,
        spot=(at[1], float(precision), f"{where}: recall {at[1]:.1%}, precision {precision:.1%}"),
    )
    words = f"{percent(precision)} of what is called positive is, and {percent(at[1])} of the positive is found."
    yield Chart("Precision and recall", charts.drawn(both), f"At {where}, {words}")


def _thinned(points: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, points - 1, _MOST_POINTS).astype(np.int64))


def _reliability(judged: Judged) -> Chart:
    bins = reliability(judged.probability, judged.label)
    said, true, shares = ([getattr(one, name) for one in bins] for name in ("probability", "positive", "share"))
    rows = [[f"{one.probability:.3f}", percent(one.positive), percent(one.share)] for one in bins]
    numbers = Table("Reliability", [Column("said"), Column("true"), Column("of the reviews")], rows)
    words = "On the line, a probability means what it says; larger dots stand for more reviews."
    return Chart("Reliability", charts.drawn(charts.reliability(said, true, shares)), words, numbers)


def threshold_table(judged: Judged) -> Table:
    """What other thresholds would give."""
    rows = []
    for threshold in _THRESHOLDS:
        one = measure(judged.probability, judged.label, threshold)
        called = one.confusion["true_positive"] + one.confusion["false_positive"]
        figures = one.accuracy, one.balanced_accuracy, one.precision, one.recall_positive, one.f1
        rows.append([f"{threshold:.1f}", count(called), *(percent(figure.value) for figure in figures)])
    names = ("threshold", "called positive", "accuracy", "balanced accuracy", "precision", "recall", "F1")
    return Table("By threshold", [Column(name) for name in names], rows)


def group_table(title: str, groups: Mapping[str, Figures], overall: Figures) -> Table:
    """Figures of groups, each beside the accuracy in all."""
    rows: list[list[Cell]] = []
    for name, one in groups.items():
        accuracy = one.accuracy
        span = Span(accuracy.value, accuracy.low, accuracy.high, overall.accuracy.value)
        shares = one.positive / one.rows, accuracy.value
        more = percent(one.balanced_accuracy.value), number(one.roc_auc.value), percent(one.calibration_error.value)
        rows.append([name, count(one.rows), *map(percent, shares), span, *more])
    columns = [Column(title.removeprefix("By ").capitalize(), False), Column("reviews"), Column("positive")]
    columns += [Column("accuracy"), Column("with its interval", False), Column("balanced accuracy"), Column("AUC")]
    note = "The line across is the accuracy in all. Where a group's interval crosses it, the difference may be chance."
    return Table(title, [*columns, Column("calibration error")], rows, note)


def surest_mistakes(judged: Judged, most: int) -> Sequence[int]:
    """The rows whose wrong verdict is furthest from the threshold, the furthest first."""
    wrong = np.flatnonzero((judged.probability >= judged.threshold) != judged.label)
    distance = np.abs(judged.probability[wrong].astype(np.float64) - judged.threshold)
    chosen: list[int] = wrong[np.argsort(-distance, kind="stable")[:most]].tolist()
    return chosen
