"""The engine of one machine: source → scorer → sink, several windows at a time, rows in their order."""

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice

import numpy as np
import pyarrow as pa

from scorer import __version__
from scorer.errors import InputError, OnError, OutputError
from scorer.files.inputs import Input
from scorer.files.opening import layout_of, open_sink, open_source
from scorer.files.outputs import Output
from scorer.files.places import is_same, output_at
from scorer.files.source import Source
from scorer.model.sealed import SealedModel
from scorer.run.fingerprint import Fingerprint, fingerprint_of
from scorer.run.options import OnProgress, Progress, RunOptions, RunSummary
from scorer.run.pipeline import scored_in_order
from scorer.run.resume import FinishedWork, finished_work
from scorer.run.window import prepare_window
from scorer.scores import Scores, scored_schema
from scorer.scoring import Scorer
from scorer.system.limits import available_cpus

__all__ = ["Reading", "open_input", "output_of", "output_schema", "refuse_to_replace", "run_in_threads"]


def run_in_threads(
    inputs: Sequence[Input], scorer: Scorer, options: RunOptions, on_progress: OnProgress | None
) -> RunSummary:
    """Score the rows of the one input in threads of this process; an interrupted run goes on where it was."""
    (file,) = inputs
    output = output_of(options)  # what cannot work is refused before anything is made
    source = open_input(file, options)
    schema = output_schema(source, options, scorer.sealed)
    fingerprint = fingerprint_of(inputs, options, scorer.sealed)
    with finished_work(output, fingerprint, every=options.keep_every, restart=options.restart) as work:
        if work.summary and not options.force:  # all was done but the cleaning up
            summary = RunSummary(**work.summary)
            summary.resumed = summary.rows
            return summary
        refuse_to_replace(output, options)
        unchanged = partial(_refuse_changed, inputs, fingerprint)
        return _score_all(source, schema, output, scorer, options, work, unchanged, on_progress)


def open_input(file: Input, options: RunOptions) -> Source:
    """The input as a run reads it; raises `InputError`."""
    return open_source(
        file,
        options.text_column,
        options.input_format,
        options.csv,
        written_as=options.kind,
        window_rows=options.window_rows,
        row_groups=options.row_groups,
    )


def _score_all(
    source: Source,
    schema: pa.Schema,
    output: Output,
    scorer: Scorer,
    options: RunOptions,
    work: FinishedWork,
    unchanged: Callable[[], None],
    on_progress: OnProgress | None,
) -> RunSummary:
    summary = RunSummary.of_nothing(options, scorer.sealed)
    reading = Reading(source)
    prepare = partial(prepare_window, scorer=scorer, source=source, work=work)
    workers = options.workers or available_cpus()
    layout = layout_of(source, options.compression)
    with (
        open_sink(output, options.kind, schema, options.csv, layout) as sink,
        scored_in_order(reading.windows(), prepare, scorer.probabilities, workers) as scored,
    ):
        for window, scores in scored:
            if options.on_error is OnError.fail:
                _refuse_unreadable(scores, source, summary.rows)
            with output.naming():
                sink.write(scorer.append_scores(window.rows, scores, options.columns))
                if not window.resumed:
                    work.keep(window.digest, scores)
            summary.add(scores, scorer.verdicts(scores.probability, options.columns.decision), window.resumed)
            if on_progress:
                on_progress(reading.progress(summary))
        summary.skipped, summary.first_skipped = source.skipped.lines, source.skipped.first
        unchanged()
        work.complete(asdict(summary))
    return summary


class Reading:
    """The windows of a source, counted: what is read is several windows ahead of what is written."""

    def __init__(self, source: Source) -> None:
        self._source, self._rows = source, 0
        self._read = deque([(0, 0.0)])  # rows, and the share of the input that these were, window by window

    def windows(self) -> Iterator[pa.RecordBatch]:
        """All of them, in order."""
        for window in self._source.windows():
            self._rows += window.num_rows
            self._read.append((self._rows, self._source.fraction_read()))
            yield window

    def progress(self, done: RunSummary) -> Progress:
        """How far a job is that has written what `done` counts."""
        exact = self._source.row_count
        expected = round(self._rows / max(self._source.fraction_read(), 1e-9))
        total = max(expected, self._rows) if exact is None else exact
        return Progress(
            done.rows, total, exact is not None, self.fraction(done.rows), done.resumed, done.scored, done.positive
        )

    def fraction(self, written: int) -> float:
        """The share of the input that the first rows are; between the ends of two windows all rows count alike."""
        while len(self._read) > 2 and self._read[1][0] <= written:
            self._read.popleft()
        rows, shares = zip(*islice(self._read, 2), strict=True)
        return float(np.interp(written, rows, shares))


def _refuse_unreadable(scores: Scores, source: Source, rows_before: int) -> None:
    if (row := scores.first_error) is not None:
        what = source.unreadable(rows_before + row)
        raise InputError(f"{source.name}: {what}; or mark such rows and go on with --on-error null")


def output_schema(source: Source, options: RunOptions, sealed: SealedModel) -> pa.Schema:
    """The scored schema with the model's identity in its metadata."""
    taken = [field.name for field in options.columns.fields if field.name in source.schema.names]
    if taken:
        raise InputError(f"{source.name}: already has a column {taken[0]!r}; name the new ones with --prefix")
    schema = scored_schema(source.schema, options.columns)
    decision = options.columns.decision
    said = {"cuts": decision.cuts(sealed.card.threshold), "labels": decision.labels(sealed.card.labels)}
    made_by = {"version": __version__, "model_sha256": sealed.sha256, "decision": json.dumps(said)}
    named = {f"sentiment_scorer.{name}": value for name, value in made_by.items()}
    return schema.with_metadata({**(schema.metadata or {}), **named})


def output_of(options: RunOptions) -> Output:
    """Where the rows go; raises `InputError` where nothing can be written, or where the input is."""
    output = output_at(options.output)
    if is_same(options.input, options.output):
        raise InputError(f"{output.name}: is the input itself; name another output")
    return output


def refuse_to_replace(output: Output, options: RunOptions) -> None:
    """Raise `OutputError` for an output that is there, unless it may be replaced."""
    if not options.force and output.exists():
        raise OutputError(f"{output.name}: exists already; name another output or give --force to replace it")


def _refuse_changed(inputs: Sequence[Input], fingerprint: Fingerprint) -> None:
    """Raise `InputError` if an input is not what it was at the beginning: its rows may be of both."""
    for file in inputs:
        now = file.identity()
        if any(fingerprint.of_command[name] != value for name, value in now.items()):
            raise InputError(f"{file.name}: was changed while it was read; run again when nothing writes to it")
