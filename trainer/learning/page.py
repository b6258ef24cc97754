"""The report of a fit: one page on how it learned, how good it is on held-out reviews, and where it fails."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from scorer.evaluation.metrics import by_group
from scorer.report import charts
from scorer.report.judged import Judged, figure_blocks, group_table, surest_mistakes, threshold_table
from scorer.report.page import Block, Cell, Chart, Column, Page, Prose, Review, Reviews, Section, Table, count, percent
from trainer.learning.checkpoint import Checkpoint, EpochRecord
from trainer.learning.evaluation import Prediction
from trainer.learning.report import best_epoch, describe_fit

__all__ = ["fit_page"]

_MOST_MISTAKES = 12
_MOST_CHARACTERS = 700
_LENGTHS = (16, 32, 64, 128, 256, 512)
"""Tokens up to which reviews are of one length."""


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
    found = Judged(torch.sigmoid(judged.logits).numpy(), judged.labels.numpy() > 0.5)
    sections = [
        Section("Result", list(figure_blocks(found, f"temperature {best.temperature:.2f}"))),
        Section("Learning", list(_learning(history)), describe_fit(history)[-1].capitalize() + "."),
        Section("Thresholds", [threshold_table(found)], "What another threshold than 0.5 would give."),
        Section("Where it is good", list(_groups(found, sources, lengths))),
        Section("Mistakes", [_mistakes(found, texts, sources)]),
        Section("How it was made", list(_making(best, history))),
    ]
    rows = count(len(found.label))
    lead = f"Epoch {best.epoch} of {len(history)}, judged on {rows} held-out reviews, none of which it learned from."
    return Page(best.data.get("name", "fit"), "Training report", lead, sections, list(_facts(best)))


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


def _groups(judged: Judged, sources: NDArray[np.str_], lengths: NDArray[np.int64]) -> Iterator[Table]:
    names = [f"up to {most}" for most in _LENGTHS] + [f"more than {_LENGTHS[-1]}"]
    known = judged.probability, judged.label, judged.threshold
    by_length = by_group(names, np.digitize(lengths, _LENGTHS, right=True), *known)
    yield group_table("By length in tokens", by_length, judged.figures)
    found, place = np.unique(sources, return_inverse=True)
    yield group_table("By source", by_group(found.tolist(), place, *known), judged.figures)


def _mistakes(judged: Judged, texts: pa.Array, sources: NDArray[np.str_]) -> Block:
    """The reviews whose wrong verdict is surest."""
    wrong = surest_mistakes(judged, _MOST_MISTAKES)
    if not wrong:
        return Prose(["None: every held-out review is judged rightly."])
    reviews = []
    for row in wrong:
        label, said = ("positive", "negative") if judged.label[row] else ("negative", "positive")
        facts = f"label {label}", f"row {row + 1}", str(sources[row])
        text = _cut(texts[row].as_py())
        reviews.append(Review([(text, 0.0)], float(judged.probability[row]), said, f"says {said}", facts))
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
