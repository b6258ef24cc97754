"""The report of a fit: one page on how it learned, how good it is on held-out reviews, and where it fails."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from scorer.evaluation.metrics import Figures, measure
from scorer.report import charts
from scorer.report.page import (
    Block,
    Cell,
    Chart,
    Column,
    Matrix,
    Page,
    Prose,
    Review,
    Reviews,
    Section,
    Span,
    Table,
    Tile,
    Tiles,
    count,
    number,
    percent,
)
from trainer.learning.calibration import reliability
from trainer.learning.checkpoint import Checkpoint, EpochRecord
from trainer.learning.evaluation import Prediction
from trainer.learning.report import best_epoch, describe_fit

__all__ = ["fit_page"]

_MOST_POINTS = 200
"""Of a curve: more would not be seen, and make the page heavy."""
_MOST_MISTAKES = 12
_MOST_CHARACTERS = 700
_LENGTHS = (16, 32, 64, 128, 256, 512)
"""Tokens up to which reviews are of one length."""
_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]


def fit_page(
    best: Checkpoint,
    history: Sequence[EpochRecord],
    judged: Prediction,
    texts: pa.Array,
    sources: NDArray[np.str_],
    lengths: NDArray[np.int64],
) -> Page:
    """A page on the fit that saved `best` after all epochs of `history`.

    `judged` is what `best` says, calibrated, of the held-out reviews; their texts, sources and lengths in tokens are
    [rows].
    """
    probability, label = torch.sigmoid(judged.logits).numpy(), judged.labels.numpy() > 0.5
    figures = measure(probability, label, 0.5)
    sections = [
        Section("Result", list(_result(best, figures, probability, label))),
        Section("Learning", list(_learning(history)), describe_fit(history)[-1].capitalize() + "."),
        Section("Thresholds", list(_thresholds(probability, label)), "What another threshold than 0.5 would give."),
        Section("Where it is good", list(_groups(probability, label, sources, lengths))),
        Section("Mistakes", [_mistakes(probability, label, texts, sources)]),
        Section("How it was made", list(_making(best, history))),
    ]
    rows = count(figures.rows)
    lead = f"Epoch {best.epoch} of {len(history)}, judged on {rows} held-out reviews, none of which it learned from."
    return Page(best.data.get("name", "fit"), "Training report", lead, sections, list(_facts(best)))


def _result(best: Checkpoint, figures: Figures, probability: Floats, label: Bools) -> Iterator[Block]:
    accuracy, balanced, auc = figures.accuracy, figures.balanced_accuracy, figures.roc_auc
    yield Tiles(
        [
            Tile("Accuracy", percent(accuracy.value), f"{percent(accuracy.low)} to {percent(accuracy.high)}"),
            Tile("Always the same verdict", percent(figures.majority), "accuracy of the more frequent label"),
            Tile("Balanced accuracy", percent(balanced.value), f"{percent(balanced.low)} to {percent(balanced.high)}"),
            Tile("ROC-AUC", number(auc.value), f"{number(auc.low)} to {number(auc.high)}"),
            Tile("Log loss", number(figures.log_loss.value), "nats"),
            Tile("Calibration error", percent(figures.calibration_error), f"temperature {best.temperature:.2f}"),
        ]
    )
    of = figures.confusion
    counts = [[of["true_negative"], of["false_positive"]], [of["false_negative"], of["true_positive"]]]
    names = ["negative", "positive"]
    yield Matrix("Labels and verdicts", names, names, counts, "label \\ verdict", [(0, 0), (1, 1)])
    if 0 < figures.positive < figures.rows:
        yield from _ranking(figures, probability, label)
    yield _reliability(probability, label)


def _ranking(figures: Figures, probability: Floats, label: Bools) -> Iterator[Chart]:
    """How well probabilities order the reviews: ROC, precision and recall, at every threshold."""
    order = np.argsort(-probability, kind="stable")
    last = np.append(np.diff(probability[order]) != 0, True)  # equal probabilities fall to one side together
    hits, said = np.cumsum(label[order])[last], np.flatnonzero(last) + 1
    recall, false = hits / figures.positive, (said - hits) / (figures.rows - figures.positive)
    at = 1 - figures.recall_negative, figures.recall_positive
    kept = _thinned(len(hits))
    roc = charts.curve(
        [0.0, *false[kept]],
        [0.0, *recall[kept]],
        xlabel="negative reviews called positive",
        ylabel="positive reviews found",
        chance=lambda share: share,
        spot=(*at, f"threshold 0.5: {at[1]:.1%} found, {at[0]:.1%} falsely"),
    )
    area = f"Area under the curve {number(figures.roc_auc.value)}: how likely a good review stands above a bad one."
    yield Chart("ROC", charts.drawn(roc), area)
    found = figures.confusion["true_positive"] + figures.confusion["false_positive"]
    precision, share = figures.confusion["true_positive"] / max(found, 1), figures.positive / figures.rows
    both = charts.curve(
        recall[kept],
        (hits / said)[kept],
        xlabel="recall",
        ylabel="precision",
        chance=lambda _: share,
        spot=(at[1], precision, f"threshold 0.5: recall {at[1]:.1%}, precision {precision:.1%}"),
    )
    words = (
        f"At 0.5, {percent(precision)} of what is called positive is, and {percent(at[1])} of the positive is found."
    )
    yield Chart("Precision and recall", charts.drawn(both), words)


def _thinned(points: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, points - 1, _MOST_POINTS).astype(np.int64))


def _reliability(probability: Floats, label: Bools) -> Chart:
    bins = reliability(probability, label.astype(np.float32), np.ones(len(label), np.float32))
    said, true, shares = ([getattr(one, name) for one in bins] for name in ("probability", "positive", "share"))
    rows = [[f"{one.probability:.3f}", percent(one.positive), percent(one.share)] for one in bins]
    numbers = Table("Reliability", [Column("said"), Column("true"), Column("of the reviews")], rows)
    words = "On the line, a probability means what it says; larger dots stand for more reviews."
    return Chart("Reliability", charts.drawn(charts.reliability(said, true, shares)), words, numbers)


def _learning(history: Sequence[EpochRecord]) -> Iterator[Block]:
    best, last = best_epoch(history), history[-1]
    epochs = [record.epoch for record in history]
    shaded = (best.epoch, last.epoch) if last.epoch > best.epoch else None
    for name, is_share in (("loss", False), ("accuracy", True)):
        series = {part: [getattr(one, f"{part}_{name}") for one in history] for part in ("train", "validation")}
        drawing = charts.lines(epochs, series, xlabel="epoch", shaded=shaded, mark=best.epoch, is_share=is_share)
        words = f"Epoch {best.epoch} has the lowest validation loss and was saved"
        words += "; what is shaded comes after it." if shaded else ", the last of all."
        yield Chart(name.capitalize(), charts.drawn(drawing), words)
    columns = ["epoch", "train loss", "train accuracy", "validation loss", "validation accuracy", "seconds"]
    rows: list[list[Cell]] = [
        [
            one.epoch,
            f"{one.train_loss:.4f}",
            percent(one.train_accuracy, 2),
            f"{one.validation_loss:.4f}",
            percent(one.validation_accuracy, 2),
            f"{one.seconds:,.1f}",
        ]
        for one in history
    ]
    yield Table("Epochs", [Column(name) for name in columns], rows)


def _thresholds(probability: Floats, label: Bools) -> Iterator[Table]:
    rows = []
    for threshold in _THRESHOLDS:
        one = measure(probability, label, threshold)
        called = one.confusion["true_positive"] + one.confusion["false_positive"]
        precision = one.confusion["true_positive"] / called if called else float("nan")
        shares = one.accuracy.value, one.balanced_accuracy.value, precision, one.recall_positive, one.f1
        rows.append([f"{threshold:.1f}", count(called), *map(percent, shares)])
    names = ("threshold", "called positive", "accuracy", "balanced accuracy", "precision", "recall", "F1")
    yield Table("By threshold", [Column(name) for name in names], rows)


def _groups(
    probability: Floats, label: Bools, sources: NDArray[np.str_], lengths: NDArray[np.int64]
) -> Iterator[Table]:
    place = np.digitize(lengths, _LENGTHS, right=True)
    names = [f"up to {most}" for most in _LENGTHS] + [f"more than {_LENGTHS[-1]}"]
    by_length = {name: place == number for number, name in enumerate(names) if (place == number).any()}
    yield _group_table("By length in tokens", by_length, probability, label)
    yield _group_table("By source", {str(name): sources == name for name in np.unique(sources)}, probability, label)


def _group_table(title: str, groups: Mapping[str, Bools], probability: Floats, label: Bools) -> Table:
    overall = float(((probability >= 0.5) == label).mean())
    rows: list[list[Cell]] = []
    for name, chosen in groups.items():
        one = measure(probability[chosen], label[chosen], 0.5)
        span = Span(one.accuracy.value, one.accuracy.low, one.accuracy.high, overall)
        rows.append([name, count(one.rows), percent(one.positive / one.rows), percent(one.accuracy.value), span])
    columns = [Column(title.removeprefix("By ").capitalize(), False), Column("reviews"), Column("positive")]
    return Table(title, [*columns, Column("accuracy"), Column("with its interval", False)], rows)


def _mistakes(probability: Floats, label: Bools, texts: pa.Array, sources: NDArray[np.str_]) -> Block:
    """The reviews whose wrong verdict is surest."""
    sure = np.where(label, 1 - probability, probability)
    wrong = [int(row) for row in np.argsort(-sure, kind="stable")[:_MOST_MISTAKES] if sure[row] > 0.5]
    if not wrong:
        return Prose(["None: every held-out review is judged rightly."])
    reviews = [
        Review(
            [(_cut(texts[row].as_py()), 0.0)],
            float(probability[row]),
            "positive" if probability[row] >= 0.5 else "negative",
            "says positive" if probability[row] >= 0.5 else "says negative",
            [f"label {'positive' if label[row] else 'negative'}", f"row {row + 1}", str(sources[row])],
        )
        for row in wrong
    ]
    return Reviews("The surest ones", reviews, "Look for wrong labels among them before you blame the model.")


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]} …"


def _making(best: Checkpoint, history: Sequence[EpochRecord]) -> Iterator[Block]:
    stages = [[name, _in_words(summary), f"{summary.get('seconds', 0):,.0f}"] for name, summary in best.stages.items()]
    epochs = f"{len(history)} epochs", f"the best is {best.epoch}", f"{sum(one.seconds for one in history):,.0f}"
    yield Table("Stages", [Column("stage", False), Column("reached", False), Column("seconds")], [*stages, epochs])
    yield _values("Data", {name: value for name, value in best.data.items() if name != "name"})
    recipe = asdict(best.recipe)
    teachers = recipe.pop("teachers") or {}
    yield _values("Settings", recipe | {f"teachers: {name}": value for name, value in teachers.items()})


def _in_words(summary: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in summary.items() if name != "seconds")


def _values(title: str, values: Mapping[str, Any]) -> Table:
    rows = [[name.replace("_", " "), str(value)] for name, value in values.items()]
    return Table(title, [Column("name", False), Column("value", False)], rows)


def _facts(best: Checkpoint) -> Iterator[tuple[str, str]]:
    yield "Recipe", best.recipe.name
    yield "Seed", str(best.seed)
    yield from best.versions.items()
