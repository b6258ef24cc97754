"""A sealed model, or two, judged on labelled reviews: one pass over the file, figures in all and by group."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.arrow.columns import column_at, find_column
from scorer.errors import InputError
from scorer.evaluation.labels import LEFT_OUT, USUAL_LABELS, LabelReading, label_keys, reading_of
from scorer.evaluation.metrics import Figures, Interval, McNemar, accuracy_gain, by_group, measure
from scorer.files.format import CsvOptions, Format
from scorer.files.inputs import LocalInput
from scorer.files.opening import open_source
from scorer.files.picking import PickedSource
from scorer.files.source import Source
from scorer.scores import WordCounts
from scorer.scoring import Scorer

__all__ = ["Evaluation", "EvaluationOptions", "JudgedRows", "evaluate", "opened_source", "texts_of"]


@dataclass(frozen=True)
class EvaluationOptions:
    """What `scorer evaluate` is asked to do."""

    input: Path
    text_column: str | None = None
    label_column: str | None = None
    """None looks for the usual names."""
    labels: LabelReading | None = None
    """What labels mean; None goes by what they are."""
    by: str | None = None
    """A column whose values part the reviews into groups."""
    threshold: float | None = None
    """Least probability that is called positive; None takes the model's."""
    input_format: Format | None = None
    csv: CsvOptions = field(default_factory=CsvOptions)


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """The rows that were judged, in their order; all arrays are [rows]."""

    number: NDArray[np.int64]
    """In the input, from 0."""
    label: NDArray[np.bool_]
    probability: list[NDArray[np.float32]]
    """By model."""
    thresholds: list[float]

    @property
    def verdicts(self) -> list[NDArray[np.bool_]]:
        """Which rows each model calls positive."""
        return [values >= least for values, least in zip(self.probability, self.thresholds, strict=True)]

    @property
    def differing(self) -> NDArray[np.int64]:
        """Places of the rows on which the verdicts of two models differ, those furthest apart first."""
        first, second = self.verdicts
        found = np.flatnonzero(first != second)
        apart = np.abs(self.probability[0][found] - self.probability[1][found])
        return found[np.argsort(-apart, kind="stable")]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was found."""

    input: str
    model_sha256: str
    reading: LabelReading
    left_out: int
    """Rows without a label, or whose label is neither positive nor negative."""
    unscored: int
    """Labelled rows without text."""
    skipped: int
    """Lines of CSV that are no rows."""
    figures: Figures
    groups: dict[str, Figures]
    words: WordCounts
    """Of all rows, as the first model reads them."""
    rows: JudgedRows
    against: "Comparison | None" = None

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        found: dict[str, Any] = {"input": self.input, "model_sha256": self.model_sha256}
        found |= {"labels": str(self.reading), "left_out": self.left_out, "unscored": self.unscored}
        found["skipped"] = self.skipped
        found["unknown_share"] = self.words.unknown_share
        found |= self.figures.as_dict()
        found["groups"] = {name: figures.as_dict() for name, figures in self.groups.items()}
        return found | (self.against.as_dict() if self.against else {})


@dataclass(frozen=True, slots=True)
class Comparison:
    """Another model on the same rows."""

    model_sha256: str
    figures: Figures
    test: McNemar
    """Which of both models alone is right."""
    gain: Interval
    """How much higher the accuracy of the first is."""

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        mcnemar = {**asdict(self.test), "p_value": self.test.p_value}
        against = {"model_sha256": self.model_sha256} | self.figures.as_dict()
        return {"against": against, "mcnemar": mcnemar, "accuracy_gain": asdict(self.gain)}


def evaluate(options: EvaluationOptions, scorer: Scorer, against: Scorer | None = None) -> Evaluation:
    """Judge `scorer`, and `against` if given, on the labelled rows of the input.

    A row without text counts as left out. Raises `InputError` for a file that cannot be read, without labels, or whose
    labels cannot be understood.
    """
    rows = _Rows.of(options, [scorer, *([against] if against else [])])
    reading = options.labels or reading_of(rows.keys(), f"{options.input}: column {rows.label_column!r}")
    label = rows.labels(reading)
    has_text = ~np.isnan(rows.probability[0])
    used = (label != LEFT_OUT) & has_text
    if not used.any():
        raise InputError(f"{options.input}: no row has both a text and a label; read were {reading}")
    thresholds = [_threshold(options, one) for one in (scorer, *([against] if against else []))]
    judged = JudgedRows(np.flatnonzero(used), label[used] == 1, [one[used] for one in rows.probability], thresholds)
    known = judged.probability[0], judged.label, thresholds[0]
    groups = by_group(rows.group_names, rows.group[used], *known) if options.by else {}
    return Evaluation(
        str(options.input),
        scorer.sealed.sha256,
        reading,
        int((label == LEFT_OUT).sum()),
        int(((label != LEFT_OUT) & ~has_text).sum()),
        rows.skipped,
        measure(*known),
        dict(sorted(groups.items())),
        rows.words,
        judged,
        _compared(judged, against) if against else None,
    )


def texts_of(options: EvaluationOptions, rows: Iterable[int]) -> dict[int, str]:
    """The texts of these rows by their numbers, in a second pass over the input; of a few, which are all kept."""
    numbers = sorted(set(rows))
    source = PickedSource(opened_source(options), numbers)
    texts = (text for window in source.windows() for text in source.decode(window).texts.to_pylist())
    return dict(zip(numbers, texts, strict=True))


def opened_source(options: EvaluationOptions) -> Source:
    """The input, as `options` say that it is read."""
    return open_source(LocalInput(options.input), options.text_column, options.input_format, options.csv)


def _compared(judged: JudgedRows, against: Scorer) -> Comparison:
    first, second = (verdicts == judged.label for verdicts in judged.verdicts)
    test = McNemar(int((first & ~second).sum()), int((second & ~first).sum()))
    figures = measure(judged.probability[1], judged.label, judged.thresholds[1])
    return Comparison(against.sealed.sha256, figures, test, accuracy_gain(first, second))


def _threshold(options: EvaluationOptions, scorer: Scorer) -> float:
    return scorer.sealed.card.threshold if options.threshold is None else options.threshold


@dataclass(frozen=True, slots=True)
class _Rows:
    """All that is kept of a file: some bytes a row."""

    label_column: str
    probability: list[NDArray[np.float32]]
    """By model, [rows]; NaN where there is no text."""
    label: NDArray[np.int32]
    """Which of `label_keys` each row has, [rows]."""
    label_keys: list[str | None]
    group: NDArray[np.int32]
    group_names: list[str]
    skipped: int
    words: WordCounts
    """As the first model reads them."""

    @classmethod
    def of(cls, options: EvaluationOptions, scorers: Sequence[Scorer]) -> "_Rows":
        """Read and score the input."""
        source = opened_source(options)
        label_path = find_column(source.name, source.schema, options.label_column, USUAL_LABELS, "--label-column")
        group_path = find_column(source.name, source.schema, options.by, (), "--by") if options.by else None
        probability: list[list[NDArray[np.float32]]] = [[np.empty(0, np.float32)] for _ in scorers]
        labels, groups, words = _Codes(), _Codes(), WordCounts()
        for window in source.windows():
            decoded = source.decode(window)
            scores = [scorer.score_texts(decoded.texts, decoded.unreadable) for scorer in scorers]
            words += scores[0].words
            for one, scored in zip(probability, scores, strict=True):
                one.append(scored.probability)
            labels.add(label_keys(decoded.rows, source.schema, label_path))
            if group_path:
                groups.add(str(value) for value in column_at(decoded.rows, group_path).to_pylist())
        joined = [np.concatenate(parts) for parts in probability]
        name = options.label_column or source.schema.field(label_path[0]).name
        of_groups = groups.codes, groups.values
        return cls(name, joined, labels.codes, labels.values, *of_groups, source.skipped.lines, words)

    def keys(self) -> Iterator[str]:
        """The different labels that there are."""
        return (key for key in self.label_keys if key is not None)

    def labels(self, reading: LabelReading) -> NDArray[np.int8]:
        """What each row's label means, int8 [rows]."""
        return np.array([reading.code(key) for key in self.label_keys], np.int8)[self.label]


class _Codes:
    """Values as numbers, in the order in which they first came."""

    def __init__(self) -> None:
        self._known: defaultdict[Any, int] = defaultdict(lambda: len(self._known))
        self._parts: list[NDArray[np.int32]] = [np.empty(0, np.int32)]

    def add(self, values: Iterable[Any]) -> None:
        self._parts.append(np.fromiter((self._known[value] for value in values), np.int32))

    @property
    def codes(self) -> NDArray[np.int32]:
        return np.concatenate(self._parts)

    @property
    def values(self) -> list[Any]:
        return list(self._known)
