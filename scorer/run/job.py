"""One scoring job: source → scorer → sink, several windows at a time, rows in their order."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scorer import __version__
from scorer.arrow.columns import ColumnPath, find_text_column
from scorer.errors import InputError, OutputError
from scorer.files.format import CsvOptions, Format, OnError, format_of
from scorer.files.sink import open_sink
from scorer.files.source import Source, open_source
from scorer.model.sealed import SealedModel
from scorer.run.fingerprint import fingerprint_of
from scorer.run.resume import FinishedWork, finished_work
from scorer.run.threads import scored_in_order
from scorer.run.window import prepare_window
from scorer.scoring import ScoreColumns, Scorer, Scores, Status, scored_schema
from scorer.system.atomic import naming, require_folder
from scorer.system.cpus import available_cpus

__all__ = ["Progress", "RunOptions", "RunSummary", "open_input", "run"]


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
    """Threads that run the network; None takes every CPU that this process may use."""
    restart: bool = False
    """Forget what an interrupted run has finished."""
    keep_every: float = 1.0
    """Seconds between two times that finished work is put on disk."""

    @property
    def kind(self) -> Format:
        """Of the output; raises `InputError` for an extension that tells none."""
        return self.output_format or format_of(self.output)


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
    resumed: int = 0
    """Rows that an earlier attempt had scored before it was interrupted."""
    verified: int = 0
    """Rows that were scored again, alone, without a difference."""
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
        """Rows of this attempt, scored or not, per second from opening the input to the finished file."""
        return (self.rows - self.resumed) / max(self.seconds, 1e-9)

    def as_dict(self) -> dict[str, Any]:
        """All counts and rates, ready for JSON."""
        return asdict(self) | {
            "positive_share": self.positive_share,
            "reviews_per_second": self.reviews_per_second,
        }

    def add(self, scores: Scores, threshold: float, resumed: bool) -> None:
        """Count one window."""
        counts = np.bincount(scores.status, minlength=len(Status))
        self.rows += len(scores.status)
        self.resumed += resumed * len(scores.status)
        self.truncated += int(counts[Status.truncated])
        self.empty += int(counts[Status.empty])
        self.null += int(counts[Status.null])
        self.error += int(counts[Status.error])
        self.scored += int(counts[Status.ok] + counts[Status.truncated])
        self.positive += int((scores.probability >= threshold).sum())


def run(options: RunOptions, scorer: Scorer, on_progress: Callable[[Progress], None] | None = None) -> RunSummary:
    """Score every row of the input into the output, which appears only when it is complete.

    Raises `InputError` for anything wrong with input or output, `OutputError` when the output's place is taken.
    Memory is bounded by a few windows of rows and one row group of output, not by the size of the file.
    """
    started = time.perf_counter()
    plan = _plan(options, scorer.sealed)
    fingerprint = fingerprint_of(options, scorer.sealed)
    with finished_work(options.output, fingerprint, every=options.keep_every, restart=options.restart) as work:
        if work.summary and not options.force:  # all was done but the cleaning up
            summary = RunSummary(**work.summary)
            summary.resumed = summary.rows
        else:
            _refuse_to_replace(options)
            summary = _score_all(plan, options, scorer, work, on_progress)
    summary.seconds = time.perf_counter() - started
    return summary


@dataclass(frozen=True, slots=True)
class _Plan:
    """What will be read and what written."""

    source: Source
    text_path: ColumnPath
    schema: pa.Schema
    """Of the output."""


def _plan(options: RunOptions, sealed: SealedModel) -> _Plan:
    """Open the input, and refuse what cannot work before anything is made."""
    source, text_path = open_input(options)
    schema = _output_schema(source, options, sealed)
    _refuse_bad_output(options)
    return _Plan(source, text_path, schema)


def open_input(options: RunOptions) -> tuple[Source, ColumnPath]:
    """The input as a run reads it, and where its text is; raises `InputError`."""
    keep_lines = options.kind is Format.jsonl
    source = open_source(options.input, options.input_format, options.csv, keep_lines=keep_lines)
    return source, find_text_column(source.path, source.schema, options.text_column)


def _score_all(
    plan: _Plan,
    options: RunOptions,
    scorer: Scorer,
    work: FinishedWork,
    on_progress: Callable[[Progress], None] | None,
) -> RunSummary:
    summary = _new_summary(options, scorer.sealed)
    prepare = partial(prepare_window, scorer=scorer, source=plan.source, text_path=plan.text_path, work=work)
    windows = plan.source.batches(plan.text_path)
    with (
        open_sink(options.output, options.kind, plan.schema, options.csv, work.partial) as sink,
        scored_in_order(windows, prepare, scorer.probabilities, options.workers or available_cpus()) as scored,
    ):
        for window, scores in scored:
            if options.on_error is OnError.fail:
                _refuse_unreadable(scores, plan.source, summary.rows)
            with naming(options.output):
                sink.write(scorer.append_scores(window.rows, scores, options.columns))
                if not window.resumed:
                    work.keep(window.digest, scores)
            summary.add(scores, scorer.sealed.card.threshold, window.resumed)
            if on_progress:
                on_progress(Progress(summary.rows, plan.source.fraction_read()))
        work.complete(asdict(summary))
    return summary


def _new_summary(options: RunOptions, sealed: SealedModel) -> RunSummary:
    text = sealed.card.text
    return RunSummary(
        str(options.input), str(options.output), sealed.sha256, kept_tokens=text.max_length, kept_end=text.keep
    )


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


def _refuse_bad_output(options: RunOptions) -> None:
    require_folder(options.output)
    if options.output.is_dir():
        raise InputError(f"{options.output}: is a folder; name a file")
    if options.output.exists() and options.output.samefile(options.input):
        raise InputError(f"{options.output}: is the input itself; name another output")


def _refuse_to_replace(options: RunOptions) -> None:
    if options.output.exists() and not options.force:
        raise OutputError(f"{options.output}: exists already; name another output or give --force to replace it")
