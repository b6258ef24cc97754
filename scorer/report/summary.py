"""What scored reviews say, all in all: counted in one pass, in memory that does not grow with the file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scorer.arrow.arrays import bools_of, numbers
from scorer.arrow.columns import ColumnPath, column_at, find_column, type_at
from scorer.errors import InputError
from scorer.evaluation.metrics import Interval
from scorer.evaluation.prevalence import Recalls, adjusted_share
from scorer.files.source import Decoded, Source
from scorer.report.days import days_of, last_part
from scorer.report.decided import decided
from scorer.report.examples import Example, Examples
from scorer.report.recalls import recalls_of
from scorer.report.reviews import coloured
from scorer.report.tally import Cells, Counts, Tally, total
from scorer.report.words import WordTally
from scorer.scores import Decision
from scorer.scoring import Scorer
from scorer.system.terminal import shortened
from scorer.tokens.encoder import TextEncoder

__all__ = ["BINS", "Summary", "SummaryOptions", "summarize"]

BINS = 40
_SUFFIX = "sentiment_probability"
_MOST_EXAMPLES = 8
_MOST_CHECKED = 8
"""Texts of any length, the first of the file, by which its model is known where no example is shown."""
_LENGTHS = (25, 50, 100, 200, 400, 800, 1600, 3200)
"""Characters up to which reviews are of one length."""
_ALIKE = 2e-3
"""How far a probability may be from what the model at hand says of the text: files round them."""

Floats = NDArray[np.float32]
Pieces = list[tuple[str, float]]


@dataclass(frozen=True)
class SummaryOptions:
    """What `scorer report` is asked to read."""

    name: str
    """Of the input, or of all inputs together."""
    probability_column: str | None = None
    """None looks for the one that `scorer run` appends."""
    by: str | None = None
    time: str | None = None
    since: date | None = None
    """Where the later of two periods begins; None takes the last quarter of the reviews."""
    decision: Decision = field(default_factory=Decision)
    """What it leaves open is as the file says."""
    recalls: tuple[float, float] | None = None
    """Of positive and of negative reviews like these, as measured elsewhere; None takes those of the model's card."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was found."""

    input: str
    rows: int
    statuses: dict[str, int]
    skipped: int
    counts: Counts
    """Of the scored rows."""
    histogram: NDArray[np.int64]
    """Of probabilities, [BINS]."""
    cuts: tuple[float, float]
    labels: list[str]
    """Of each `Verdict`."""
    lengths: dict[str, Counts]
    by: str | None
    """The column that parts the reviews into groups."""
    groups: dict[str, Counts]
    days: dict[date, Counts]
    undated: int
    """Scored rows without a time."""
    since: date | None
    words: WordTally
    examples: dict[str, list[Example]]
    colours: dict[str, Pieces]
    """The pieces of each text that is shown, with the effects of its words."""
    model: str
    recalls: Recalls | None
    """None where the model is not known, or calls some reviews unsure."""

    @property
    def scored(self) -> int:
        """Rows with a probability."""
        return self.counts.rows()

    def adjusted(self, counts: Counts, period: int | None = None) -> Interval | None:
        """The share that is positive, corrected for how often the model errs on either side."""
        if self.recalls is None:
            return None
        return adjusted_share(counts.share(period), counts.rows(period), self.recalls)

    def as_dict(self) -> dict[str, Any]:
        """The figures, ready for JSON."""
        found: dict[str, Any] = {"input": self.input, "rows": self.rows, "scored": self.scored}
        found |= {"statuses": self.statuses} | _plain(self, self.counts)
        found["groups"] = {name: _plain(self, counts) for name, counts in self.groups.items()}
        found["days"] = {str(day): _plain(self, counts) for day, counts in sorted(self.days.items())}
        return found


def _plain(summary: Summary, counts: Counts) -> dict[str, Any]:
    adjusted, share = summary.adjusted(counts), counts.share()
    found: dict[str, Any] = {"reviews": counts.rows(), "positive_share": [share.value, share.low, share.high]}
    return found | {"adjusted_share": [adjusted.value, adjusted.low, adjusted.high] if adjusted else None}


def summarize(source: Source, options: SummaryOptions, scorer: Scorer) -> Summary:
    """Read the scored rows of `source`; `scorer` is the model that scored them, or one that may be it.

    Raises `InputError` for a file that cannot be read, without probabilities, or whose columns are not what they
    should be.
    """
    columns = _Columns.of(source, options)
    since = options.since or (_later_period(columns) if columns.time else None)
    reading = _Reading(columns, scorer, decided(source.schema, options.decision), since)
    for window in columns.source.windows():
        reading.add(columns.source.decode(window))
    if not reading.rows:
        raise InputError(f"{options.name}: has no rows")
    if not reading.scored:
        raise InputError(f"{options.name}: no row has a probability")
    return reading.summary(options, since)


@dataclass(frozen=True)
class _Columns:
    """Where in a scored file is what."""

    source: Source
    probability: ColumnPath
    status: ColumnPath | None
    by: ColumnPath | None
    time: ColumnPath | None
    names: Mapping[str, str]

    @classmethod
    def of(cls, source: Source, options: SummaryOptions) -> "_Columns":
        schema, file = source.schema, source.name
        found = [name for name in schema.names if name.endswith(_SUFFIX)]
        if not found and not options.probability_column:
            raise InputError(f"{file}: no column {_SUFFIX}; score it first: scorer run {file} -o scored.parquet")
        name = options.probability_column or found[0]
        status = name.replace("probability", "status")
        where = {"probability": name, "by": options.by or "", "time": options.time or ""}

        def path(named: str, option: str) -> ColumnPath | None:
            return find_column(file, schema, named, (), option) if named else None

        probability = find_column(file, schema, name, (), "--probability-column")
        by = path(where["by"], "--by")
        if by and pa.types.is_nested(kind := type_at(schema, by)):
            what = f"column {options.by!r} is {shortened(str(kind))}, which makes no groups"
            raise InputError(f"{file}: {what}{_inside(options.by, kind)}")
        has_status = status if status != name and status in schema.names else ""
        return cls(source, probability, path(has_status, ""), by, path(where["time"], "--time"), where)

    def days(self, rows: pa.RecordBatch) -> pa.Array:
        """The day of each row; all null where no time is asked for."""
        if self.time is None:
            return pa.nulls(len(rows), pa.date32())
        return days_of(column_at(rows, self.time), f"{self.source.name}: column {self.names['time']!r}")

    def probabilities(self, rows: pa.RecordBatch, first: int) -> Floats:
        """P(positive) of each row, NaN for null; `first` is the number of the first of them, from 0."""
        column, where = column_at(rows, self.probability), f"{self.source.name}: column {self.names['probability']!r}"
        try:
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                column = pc.if_else(pc.equal(column, ""), pa.scalar(None, column.type), column)
            said = column.cast(pa.float32()).fill_null(float("nan")).to_numpy(zero_copy_only=False)
        except pa.ArrowException as error:
            raise InputError(
                f"{where}: is {shortened(str(column.type))}, and holds no probabilities: {error}"
            ) from error
        wrong = np.flatnonzero((said < 0) | (said > 1))
        if len(wrong):
            row = first + int(wrong[0]) + 1
            raise InputError(f"{where}, row {row:,}: {said[wrong[0]]:g} is no probability from 0 to 1")
        return np.asarray(said, np.float32)


def _inside(name: str | None, kind: pa.DataType) -> str:
    """How to name what stands in a struct."""
    is_struct = pa.types.is_struct(kind) and kind.num_fields
    return f"; name a field of it, such as {name}.{kind.field(0).name}" if is_struct else ""


def _later_period(columns: _Columns) -> date | None:
    """Where the later period begins, from the days of all rows."""
    days = Tally()
    for window in columns.source.windows():
        day = columns.days(window)
        nothing = np.zeros(len(window), np.int8)
        days.add(day, Cells.of(bools_of(day.is_valid()), nothing, nothing))
    return last_part({key: counts for key, counts in days if isinstance(key, date)})


class _Reading:
    """Everything that is kept of the rows that were read."""

    def __init__(self, columns: _Columns, scorer: Scorer, decision: Decision, since: date | None) -> None:
        self.rows = 0
        self._columns, self._scorer, self._decision, self._since = columns, scorer, decision, since
        sealed = scorer.sealed
        self._encoder = TextEncoder(sealed.tokenizer_json, sealed.card.text)
        self._threshold = sealed.card.threshold
        self._cuts = decision.cuts(self._threshold)
        self._statuses: dict[str, int] = {}
        self._histogram = np.zeros(BINS, np.int64)
        self._lengths, self._groups, self._days = Tally(), Tally(), Tally()
        self._words = WordTally(words_by_id(self._encoder))
        self._examples = {name: Examples(_MOST_EXAMPLES) for name in ("positive", "negative", "doubtful")}
        self._first: dict[str, float] = {}

    @property
    def scored(self) -> int:
        """Rows with a probability so far."""
        return int(self._histogram.sum())

    def add(self, decoded: Decoded) -> None:
        """Count a window."""
        probability = self._columns.probabilities(decoded.rows, self.rows)
        scored = ~np.isnan(probability)
        days = self._columns.days(decoded.rows)
        cells = Cells.of(scored, self._decision.verdicts(probability, self._threshold), self._periods(days))
        self._histogram += np.histogram(probability[scored], BINS, (0, 1))[0]
        self._lengths.add(numbers(_length_class(decoded.texts)), cells)
        if self._columns.by:
            self._groups.add(column_at(decoded.rows, self._columns.by), cells)
        if self._columns.time:
            self._days.add(days, cells)
        self._words.add(self._encoder.encode(decoded.texts.take(pa.array(cells.rows))), cells.cell)
        self._count_statuses(decoded.rows, scored)
        self._show(probability, decoded.texts)
        self.rows += len(probability)

    def _periods(self, days: pa.Array) -> NDArray[np.int8]:
        """0 before the later period or without any, 1 in it, 2 without a time."""
        if self._since is None:
            return np.zeros(len(days), np.int8)
        later = pc.greater_equal(days, pa.scalar(self._since, pa.date32()))
        period = pc.if_else(later, 1, 0).fill_null(2)
        return np.asarray(period.to_numpy(zero_copy_only=False), np.int8)

    def _count_statuses(self, rows: pa.RecordBatch, scored: NDArray[np.bool_]) -> None:
        """By the file's own column, else by whether there is a probability."""
        if self._columns.status:
            counted = pc.value_counts(column_at(rows, self._columns.status)).to_pylist()
            pairs = [(str(one["values"]), int(one["counts"])) for one in counted]
        else:
            pairs = [("scored", int(scored.sum())), ("not scored", int((~scored).sum()))]
        for name, count in pairs:
            self._statuses[name] = self._statuses.get(name, 0) + count

    def _show(self, probability: Floats, texts: pa.Array) -> None:
        p, middle = probability.astype(np.float64), sum(self._cuts) / 2
        is_text = bools_of(texts.is_valid()) & ~np.isnan(p)
        for at in np.flatnonzero(is_text)[: _MOST_CHECKED - len(self._first)]:
            self._first[texts[int(at)].as_py()] = float(p[at])
        for name, rank in {"positive": p, "negative": -p, "doubtful": -np.abs(p - middle)}.items():
            ranked = np.where(np.isnan(rank) | ~_shown(texts), -np.inf, rank)
            self._examples[name].add(ranked, texts, probability, self.rows)

    def summary(self, options: SummaryOptions, since: date | None) -> Summary:
        """What was counted, and the colours of the reviews that are shown."""
        examples = {name: kept.best for name, kept in self._examples.items()}
        shown = {one.text: one.probability for kept in examples.values() for one in kept}
        is_known = self._is_of_the_model(self._first | shown)
        lengths = {key: counts for key, counts in self._lengths if isinstance(key, int)}
        days = {key: counts for key, counts in self._days if isinstance(key, date)}
        return Summary(
            input=options.name,
            rows=self.rows,
            statuses={name: count for name, count in self._statuses.items() if count},
            skipped=self._columns.source.skipped.lines,
            counts=total(lengths.values()),
            histogram=self._histogram,
            cuts=self._cuts,
            labels=self._decision.labels(self._scorer.sealed.card.labels),
            lengths={_length_name(key): lengths[key] for key in sorted(lengths)},
            by=options.by,
            groups=_by_size(self._groups),
            days=days,
            undated=total(c for _, c in self._days).rows() - total(days.values()).rows(),
            since=since,
            words=self._words,
            examples=examples,
            colours=self._colours(list(shown)) if is_known else {text: [(text, 0.0)] for text in shown},
            model=f"{self._scorer.sealed.path.name} ({self._scorer.sealed.sha256[:12]})" if is_known else "",
            recalls=self._recalls(options, is_known=is_known),
        )

    def _recalls(self, options: SummaryOptions, *, is_known: bool) -> Recalls | None:
        if self._decision.unsure:
            return None
        if options.recalls:
            return Recalls(*options.recalls, None, "--recalls")
        return recalls_of(self._scorer.sealed.card) if is_known else None

    def _is_of_the_model(self, known: Mapping[str, float]) -> bool:
        """The model at hand says of these texts what the file says."""
        said = np.array(self._scorer.score(list(known)), np.float64)
        return bool(known) and bool(np.allclose(said, list(known.values()), rtol=0, atol=_ALIKE))

    def _colours(self, texts: list[str]) -> dict[str, Pieces]:
        explained = self._scorer.explain(texts)
        return {text: coloured(text, words) for text, words in zip(texts, explained, strict=True)}


def words_by_id(encoder: TextEncoder) -> list[str | None]:
    """The words of a vocabulary by their ids; None for signs, special tokens and ends of words."""
    found: list[str | None] = [None] * encoder.vocab_size
    for word, at in encoder.vocabulary().items():
        if any(map(str.isalnum, word)) and not word.startswith(("##", "[", "<")):
            found[at] = word
    return found


def _shown(texts: pa.Array) -> NDArray[np.bool_]:
    """Which texts can be shown as an example: those with some words, and not whole chapters."""
    length = pc.utf8_length(texts).fill_null(0).to_numpy(zero_copy_only=False)
    return np.asarray((length >= 20) & (length <= 2000))


def _length_class(texts: pa.Array) -> NDArray[np.int64]:
    length = pc.utf8_length(texts).fill_null(0).to_numpy(zero_copy_only=False)
    return np.asarray(np.digitize(length, _LENGTHS, right=True), np.int64)


def _length_name(place: int) -> str:
    return f"up to {_LENGTHS[place]:,}" if place < len(_LENGTHS) else f"more than {_LENGTHS[-1]:,}"


def _by_size(groups: Tally) -> dict[str, Counts]:
    """The groups, the largest first; values that look alike as text are one."""
    named: dict[str, Counts] = {}
    for key, counts in groups:
        name = "(none)" if key is None else str(key)
        named[name] = named[name] + counts if name in named else counts
    return dict(sorted(named.items(), key=lambda pair: -pair[1].rows()))
