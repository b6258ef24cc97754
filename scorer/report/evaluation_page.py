"""The page of `scorer evaluate --report`: how good a model is on labelled reviews, and where it errs."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from scorer.evaluation.evaluate import Comparison, Evaluation, EvaluationOptions, texts_of
from scorer.evaluation.metrics import Figures, Interval
from scorer.report.judged import Judged, figure_blocks, group_table, surest_mistakes, threshold_table
from scorer.report.page import Block, Column, Page, Prose, Review, Reviews, Section, Table, count, number, percent
from scorer.report.reviews import coloured
from scorer.scoring import Scorer

__all__ = ["evaluation_page"]

_COMPARED: dict[str, tuple[str, Callable[[float], str]]] = {
    "accuracy": ("accuracy", percent),
    "balanced_accuracy": ("balanced accuracy", percent),
    "f1": ("F1", percent),
    "roc_auc": ("ROC-AUC", number),
    "log_loss": ("log loss", number),
    "calibration_error": ("calibration error", percent),
}
_MOST = 12
"""Of the mistakes, and of the rows on which two models differ."""


def evaluation_page(evaluation: Evaluation, options: EvaluationOptions, scorer: Scorer) -> Page:
    """A page on what `scorer` was found to be; texts are read in a second pass over the input."""
    rows = evaluation.rows
    judged = Judged(rows.probability[0], rows.label, rows.thresholds[0], scorer.sealed.card.labels)
    figures = evaluation.figures
    sections = [
        Section("Result", list(figure_blocks(judged))),
        Section("Thresholds", [threshold_table(judged)], "What other thresholds would give."),
    ]
    if evaluation.groups:
        by = options.by or "group"
        sections.append(Section("By group", [group_table(f"By {by}", evaluation.groups, figures)]))
    if evaluation.against:
        differing = rows.differing[:_MOST]
        blocks = [*_comparison(figures, evaluation.against), _differing(evaluation, options, scorer, differing)]
        sections.append(Section("Beside the other model", blocks))
    sections.append(Section("Mistakes", [_mistakes(evaluation, options, scorer, judged)]))
    lead = f"{count(figures.rows)} labelled reviews, {percent(figures.positive / figures.rows)} of them positive."
    return Page(options.input.name, "Evaluation", lead, sections, list(_facts(evaluation, scorer)))


def _comparison(figures: Figures, against: Comparison) -> Iterator[Block]:
    test = against.test
    counts = f"Only the first is right on {count(test.only_first)} reviews, only the other on {count(test.only_second)}"
    by_chance = f"chance alone parts them so far with p = {test.p_value:.2g} (McNemar's test)"
    yield Prose([_verdict(against.gain), f"{counts}; {by_chance}."])
    columns = [Column("figure", False), *map(Column, ("this model", "interval", "the other", "its interval"))]
    rows = [
        [title, *_written(getattr(figures, name), shown), *_written(getattr(against.figures, name), shown)]
        for name, (title, shown) in _COMPARED.items()
    ]
    yield Table("Figures of both", columns, rows)


def _written(figure: Interval, shown: Callable[[float], str]) -> tuple[str, str]:
    return shown(figure.value), f"{shown(figure.low)} to {shown(figure.high)}"


def _verdict(gain: Interval) -> str:
    points = f"{100 * gain.value:+.1f} points of accuracy ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
    if gain.low > 0:
        return f"This model is better than the other: {points}."
    if gain.high < 0:
        return f"This model is worse than the other: {points}."
    return f"These reviews do not tell which of both models is better: {points}."


def _differing(evaluation: Evaluation, options: EvaluationOptions, scorer: Scorer, places: NDArray[np.int64]) -> Block:
    if not len(places):
        return Prose(["Their verdicts differ on no review."])
    rows = evaluation.rows
    other, is_right = rows.probability[1], rows.verdicts[0] == rows.label
    facts = [
        [f"the other says {other[place]:.3f}", f"only {'this model' if is_right[place] else 'the other'} is right"]
        for place in places
    ]
    note = f"Of {count(len(rows.differing))}, the furthest apart; words are coloured by this model."
    reviews = _reviews(evaluation, options, scorer, places.tolist(), facts)
    return Reviews("Where their verdicts differ", reviews, note)


def _mistakes(evaluation: Evaluation, options: EvaluationOptions, scorer: Scorer, judged: Judged) -> Block:
    places = surest_mistakes(judged, _MOST)
    if not places:
        return Prose(["None: every review is judged rightly."])
    reviews = _reviews(evaluation, options, scorer, places, [[] for _ in places])
    note = "Look for wrong labels among them before you blame the model. Colours say what each word does to the score."
    return Reviews("The surest ones", reviews, note)


def _reviews(
    evaluation: Evaluation,
    options: EvaluationOptions,
    scorer: Scorer,
    places: Sequence[int],
    facts: Sequence[Sequence[str]],
) -> list[Review]:
    """The judged rows at these places, with the effects of their words."""
    rows, names = evaluation.rows, scorer.sealed.card.labels
    numbers = rows.number[list(places)].tolist()
    read = texts_of(options, numbers)
    texts = [read[row] for row in numbers]
    found, verdicts = [], rows.verdicts[0]
    for place, row, words, more in zip(places, numbers, scorer.explain(texts), facts, strict=True):
        said = int(verdicts[place])
        known = [f"label {names[int(rows.label[place])]}", f"row {row + 1:,}", *more]
        side, probability = ("negative", "positive")[said], float(rows.probability[0][place])
        found.append(Review(coloured(read[row], words), probability, side, f"says {names[said]}", known))
    return found


def _facts(evaluation: Evaluation, scorer: Scorer) -> Iterator[tuple[str, str]]:
    yield "Input", evaluation.input
    yield "Labels read as", str(evaluation.reading)
    yield "Not counted", f"{evaluation.left_out:,} without such a label, {evaluation.unscored:,} without text"
    if evaluation.skipped:
        yield "Left out", f"{evaluation.skipped:,} bad lines"
    yield "Model", f"{scorer.sealed.path.name}, sha256 {evaluation.model_sha256}"
    yield "Threshold", f"{evaluation.rows.thresholds[0]:g}"
    if evaluation.against:
        yield "The other model", f"sha256 {evaluation.against.model_sha256}"
    yield "Intervals", "of 95 %"
