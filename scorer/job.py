"""One scoring job: source → scorer → sink, several windows at a time, rows in their order."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from scorer import __version__
from scorer.cpus import available_cpus
from scorer.decoding import decode_rows, decode_texts
from scorer.errors import InputError
from scorer.formats import CsvOptions, Format, OnError, format_of
from scorer.scoring import ScoreColumns, Scorer, Scores, Status, scored_schema
from scorer.sealed import SealedModel
from scorer.sinks import open_sink
from scorer.sources import Source, find_text_column, open_source

__all__ = ["Progress", "RunOptions", "RunSummary", "run"]

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True)
class RunOptions:
    """What `scorer run` is asked to do."""

    input: Path
    output: Path
    text_column: str | None = None
    """The column to score; None looks for the usual names."""
    input_format: Format | None = None
    """None goes by the extension, as for the output."""
    output_format: Format | None = None
    csv: CsvOptions = field(default_factory=CsvOptions)
    columns: ScoreColumns = field(default_factory=ScoreColumns)
    on_error: OnError = OnError.fail
    force: bool = False
    """Replace an existing output."""
    workers: int | None = None
    """Windows scored at the same time; None takes every CPU that this process may use."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is."""

    rows: int
    fraction: float
    """Of the input, 0 to 1."""


@dataclass
class RunSummary:
    """What a job did; counts are rows."""

    input: str
    output: str
    model_sha256: str
    rows: int = 0
    scored: int = 0
    positive: int = 0
    truncated: int = 0
    empty: int = 0
    null: int = 0
    error: int = 0
    kept_tokens: int = 0
    """Of a truncated text."""
    kept_end: str = ""
    """Of a truncated text: `head` or `tail`."""
    seconds: float = 0.0

    @property
    def positive_share(self) -> float:
        """Positive rows among the scored ones, 0 where there are none."""
        return self.positive / max(self.scored, 1)

    @property
    def reviews_per_second(self) -> float:
        """Rows, scored or not, per second of wall time from opening the input to the finished file."""
        return self.rows / max(self.seconds, 1e-9)

    def as_dict(self) -> dict[str, Any]:
        """All counts and rates, ready for JSON."""
        return asdict(self) | {
            "positive_share": self.positive_share,
            "reviews_per_second": self.reviews_per_second,
        }

    def add(self, scores: Scores, threshold: float) -> None:
        """Count one window."""
        counts = np.bincount(scores.status, minlength=len(Status))
        self.rows += len(scores.status)
        self.truncated += int(counts[Status.truncated])
        self.empty += int(counts[Status.empty])
        self.null += int(counts[Status.null])
        self.error += int(counts[Status.error])
        self.scored += int(counts[Status.ok] + counts[Status.truncated])
        self.positive += int((scores.probability >= threshold).sum())


def run(options: RunOptions, scorer: Scorer, on_progress: Callable[[Progress], None] | None = None) -> RunSummary:
    """Score every row of the input into the output, which appears only when it is complete.

    Raises `InputError` for anything wrong with input or output. Memory is bounded by a few windows of rows and
    one row group of output, not by the size of the file.
    """
    started = time.perf_counter()
    source = open_source(options.input, options.input_format, options.csv)
    text_index = find_text_column(source, options.text_column)
    schema = _output_schema(source, options, scorer.sealed)
    kind = options.output_format or format_of(options.output)
    _refuse_to_lose(options)

    text = scorer.sealed.card.text
    summary = RunSummary(
        str(options.input), str(options.output), scorer.sealed.sha256, kept_tokens=text.max_length, kept_end=text.keep
    )
    workers = options.workers or available_cpus()
    score_window = partial(_score_window, scorer=scorer, source=source, text_index=text_index, columns=options.columns)
    with (
        open_sink(options.output, kind, schema, options.csv) as sink,
        ThreadPoolExecutor(workers) as pool,
    ):
        for batch, scores in _ordered_map(pool, score_window, source.batches(), ahead=2 * workers):
            if options.on_error is OnError.fail:
                _refuse_unreadable(scores, source, summary.rows)
            sink.write(batch)
            summary.add(scores, scorer.sealed.card.threshold)
            if on_progress:
                on_progress(Progress(summary.rows, source.fraction_read()))
    summary.seconds = time.perf_counter() - started
    return summary


def _score_window(
    window: pa.RecordBatch, *, scorer: Scorer, source: Source, text_index: int, columns: ScoreColumns
) -> tuple[pa.RecordBatch, Scores]:
    if source.is_text:
        window, unreadable = decode_rows(window)
        scores = scorer.score(window.column(text_index), unreadable)
    else:
        scores = scorer.score(*decode_texts(window.column(text_index)))
    return scorer.append_scores(window, scores, columns), scores


def _refuse_unreadable(scores: Scores, source: Source, rows_before: int) -> None:
    errors = np.flatnonzero(scores.status == Status.error)
    if len(errors):
        what = source.unreadable(rows_before + int(errors[0]))
        raise InputError(f"{source.path}: {what}; or mark such rows and go on with --on-error null")


def _output_schema(source: Source, options: RunOptions, sealed: SealedModel) -> pa.Schema:
    """The scored schema with the model's identity in its metadata."""
    taken = [field.name for field in options.columns.fields if field.name in source.schema.names]
    if taken:
        raise InputError(f"{source.path}: already has a column {taken[0]!r}; name the new ones with --prefix")
    schema = scored_schema(source.schema, options.columns)
    made_by = {"sentiment_scorer.version": __version__, "sentiment_scorer.model_sha256": sealed.sha256}
    return schema.with_metadata({**(schema.metadata or {}), **made_by})


def _refuse_to_lose(options: RunOptions) -> None:
    if not options.output.exists():
        return
    if options.output.samefile(options.input):
        raise InputError(f"{options.output}: is the input itself; name another output")
    if options.output.is_dir():
        raise InputError(f"{options.output}: is a folder; name a file")
    if not options.force:
        raise InputError(f"{options.output}: exists already; name another output or give --force to replace it")


def _ordered_map(
    pool: ThreadPoolExecutor, function: Callable[[_In], _Out], items: Iterable[_In], ahead: int
) -> Iterator[_Out]:
    """`map` over a pool, in order, that reads at most `ahead` items further than it has yielded."""
    pending: deque[Future[_Out]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) >= ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
