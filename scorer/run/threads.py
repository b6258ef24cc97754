"""The engine of one machine: source → scorer → sink, several windows at a time, rows in their order."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorer import __version__
from scorer.errors import InputError, OnError, OutputError, ReadOnceError
from scorer.files.inputs import Input
from scorer.files.opening import layout_of, open_sink, spelled_as
from scorer.files.outputs import Output
from scorer.files.pipes import is_pipe
from scorer.files.places import is_same, output_at
from scorer.files.source import Source
from scorer.model.batches import Batch
from scorer.model.sealed import SealedModel
from scorer.run.fingerprint import Fingerprint, fingerprint_of, identities
from scorer.run.options import OnProgress, RunOptions, RunSummary
from scorer.run.pipeline import scored_in_order, scored_one_by_one
from scorer.run.reading import Reading, open_inputs
from scorer.run.resume import FinishedWork, finished_work
from scorer.run.window import Window, prepare_window
from scorer.scores import Scores, scored_schema
from scorer.scoring import Scorer
from scorer.system.limits import available_cpus

__all__ = ["output_of", "output_schema", "refuse_to_replace", "run_in_caller", "run_in_threads"]

_Pipeline = Callable[
    [Iterable[pa.RecordBatch], Callable[[pa.RecordBatch], Window], Callable[[Batch], NDArray[np.float64]]],
    AbstractContextManager[Iterator[tuple[Window, Scores]]],
]
"""From windows to the same windows with their scores, in order, by what prepares one and what scores a batch of it."""


def run_in_threads(
    inputs: Sequence[Input], scorer: Scorer, options: RunOptions, on_progress: OnProgress | None
) -> RunSummary:
    """Score the rows of all inputs in threads of this process; an interrupted run goes on where it was."""
    pipeline = partial(scored_in_order, workers=options.workers or available_cpus())
    return _run(inputs, scorer, options, on_progress, pipeline)


def run_in_caller(
    inputs: Sequence[Input], scorer: Scorer, options: RunOptions, on_progress: OnProgress | None
) -> RunSummary:
    """Score them in the caller's thread: so few rows that others would begin when they are done."""
    return _run(inputs, scorer, options, on_progress, scored_one_by_one)


def _run(
    inputs: Sequence[Input],
    scorer: Scorer,
    options: RunOptions,
    on_progress: OnProgress | None,
    pipeline: _Pipeline,
) -> RunSummary:
    output = output_of(options)  # what cannot work is refused before anything is made
    source = open_inputs(inputs, options)
    schema = output_schema(source, options, scorer.sealed)
    fingerprint = fingerprint_of(inputs, options, scorer.sealed)
    with finished_work(output, fingerprint, every=options.keep_every, restart=options.restart) as work:
        is_new = any(map(is_pipe, options.inputs))
        if work.summary and not options.force and not is_new:  # all was done but the cleaning up
            summary = RunSummary(**work.summary)
            summary.resumed = summary.rows
            return summary
        refuse_to_replace(output, options)
        unchanged = partial(_refuse_changed, inputs, fingerprint)
        summary = RunSummary.of_nothing(options, scorer.sealed)
        summary.files = len(inputs)
        return _score_all(source, schema, output, scorer, options, work, unchanged, summary, on_progress, pipeline)


def _score_all(
    source: Source,
    schema: pa.Schema,
    output: Output,
    scorer: Scorer,
    options: RunOptions,
    work: FinishedWork,
    unchanged: Callable[[], None],
    summary: RunSummary,
    on_progress: OnProgress | None,
    pipeline: _Pipeline,
) -> RunSummary:
    reading = Reading(source)
    prepare = partial(prepare_window, scorer=scorer, source=source, work=work, explain=options.columns.explain)
    layout = layout_of(source, options.compression)
    with (
        open_sink(output, options.kind, schema, spelled_as(source, options.csv), layout) as sink,
        pipeline(reading.windows(), prepare, scorer.log_odds) as scored,
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
        skipped = source.skipped
        summary.skipped, summary.first_skipped, summary.skipped_in = skipped.lines, skipped.first, skipped.file
        unchanged()
        work.complete(asdict(summary), known=options.of_folder)
    return summary


def _refuse_unreadable(scores: Scores, source: Source, rows_before: int) -> None:
    if (row := scores.first_error) is not None:
        try:
            what = source.unreadable(rows_before + row)
        except ReadOnceError:
            what = f"{source.name}: row {rows_before + row + 1:,}: is not text; name its encoding with --encoding"
        raise InputError(f"{what}; or mark such rows and go on with --on-error null")


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
    """Raise `InputError` if an input is not what it was at the beginning: the rows may be of both."""
    for name, value in identities(inputs).items():
        if fingerprint.of_command[name] != value:
            what = inputs[0].name if len(inputs) == 1 else name.partition(" of ")[2]
            raise InputError(f"{what}: was changed while it was read; run again when nothing writes to it")
