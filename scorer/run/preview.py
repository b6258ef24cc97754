"""What a run would do and how long it would take, found out on its first rows without writing any."""

import time
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import pyarrow as pa

from scorer.arrow.columns import names_on
from scorer.files.compression import unpacked
from scorer.files.format import Format, format_of
from scorer.files.opening import layout_of, open_sink, spelled_as
from scorer.files.outputs import NoOutput, Output
from scorer.files.places import shown
from scorer.files.source import Source
from scorer.model.sealed import SealedModel
from scorer.run.options import Progress, RunOptions, RunSummary
from scorer.run.pipeline import scored_in_order
from scorer.run.plan import inputs_of, plan_run
from scorer.run.reading import Reading, open_input, open_inputs
from scorer.run.threads import output_of, output_schema, refuse_to_replace
from scorer.run.window import Window
from scorer.scores import WordCounts
from scorer.scoring import Scorer
from scorer.system.limits import available_cpus

__all__ = ["Preview", "preview"]

_SAMPLE_WINDOWS = 3
"""Some 49,000 short reviews or 12,000 long ones: a second or two on two cores."""


@dataclass(frozen=True)
class Preview:
    """What a run would do."""

    input: str
    input_format: Format
    input_bytes: int
    text_column: str
    output: str
    output_format: Format
    replaces: bool
    """The output is there, and may be replaced."""
    schema: pa.Schema
    """Of the output."""
    new_columns: list[str]
    sealed: SealedModel
    workers: int
    sample: Progress
    """How far the first rows are in the input."""
    sample_seconds: float
    words: WordCounts
    """Of the first rows."""

    @property
    def seconds(self) -> float:
        """What the whole input would take, by the bytes of the sample; loading the model is not counted."""
        return self.sample_seconds / (self.sample.fraction or 1.0)

    def as_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "input": self.input,
            "input_format": str(self.input_format),
            "input_bytes": self.input_bytes,
            "rows": self.sample.total,
            "rows_are_exact": self.sample.is_exact,
            "text_column": self.text_column,
            "model": str(self.sealed.path),
            "model_sha256": self.sealed.sha256,
            "output": self.output,
            "output_format": str(self.output_format),
            "replaces": self.replaces,
            "schema": {field.name: str(field.type) for field in self.schema},
            "new_columns": self.new_columns,
            "workers": self.workers,
            "sample_rows": self.sample.rows,
            "sample_positive": self.sample.positive,
            "sample_seconds": self.sample_seconds,
            "unknown_share": self.words.unknown_share,
            "seconds": self.seconds,
        }


def preview(options: RunOptions, scorer: Scorer) -> Preview:
    """Do all that a run does with the first rows but keep them; raises what a run raises before it writes.

    Of several outputs it is done for the first, whose folder need not be there.
    """
    if options.one_each:
        unit = plan_run(options).units[0]
        return _preview_of(unit.output if unit.is_there() else NoOutput(unit.name), unit.options, scorer)
    return _preview_of(output_of(options), options, scorer)


def _preview_of(output: Output, options: RunOptions, scorer: Scorer) -> Preview:
    inputs = inputs_of(options)
    source, file, first = open_inputs(inputs, options), inputs[0], open_input(inputs[0], options)
    schema = output_schema(source, options, scorer.sealed)
    refuse_to_replace(output, options)
    started = time.perf_counter()
    sample, words = _scored_sample(source, schema, scorer, options)
    return Preview(
        input=file.name if len(inputs) == 1 else f"{len(inputs):,} files from {file.name}",
        input_format=options.input_format or format_of(unpacked(file).plain_name, file.name),
        input_bytes=sum(one.size or 0 for one in inputs),
        text_column=".".join(names_on(first.text, first.schema)),
        output=output.name,
        output_format=options.kind,
        replaces=output.exists(),
        schema=schema,
        new_columns=[field.name for field in options.columns.fields],
        sealed=scorer.sealed,
        workers=options.workers or available_cpus(),
        sample=sample,
        sample_seconds=time.perf_counter() - started,
        words=words,
    )


def _scored_sample(
    source: Source, schema: pa.Schema, scorer: Scorer, options: RunOptions
) -> tuple[Progress, WordCounts]:
    """The first windows read, scored and written to nowhere."""
    reading, summary = Reading(source), RunSummary.of_nothing(options, scorer.sealed)
    windows, workers = reading.windows(), options.workers or available_cpus()
    prepare = partial(_prepared, source=source, scorer=scorer, explain=options.columns.explain)
    layout, nowhere = layout_of(source, options.compression), NoOutput(shown(options.output))
    with (
        open_sink(nowhere, options.kind, schema, spelled_as(source, options.csv), layout) as sink,
        scored_in_order(islice(windows, _SAMPLE_WINDOWS), prepare, scorer.log_odds, workers) as scored,
    ):
        for window, scores in scored:
            sink.write(scorer.append_scores(window.rows, scores, options.columns))
            summary.add(scores, scorer.verdicts(scores.probability, options.columns.decision), resumed=False)
    sample = reading.progress(summary)
    if next(windows, None) is None:  # it was the whole input
        sample = replace(sample, total=sample.rows, is_exact=True, fraction=1.0)
    return sample, summary.word_counts


def _prepared(rows: pa.RecordBatch, *, source: Source, scorer: Scorer, explain: bool) -> Window:
    decoded = source.decode(rows)
    return Window(decoded.rows, b"", None, scorer.prepare(decoded.texts, decoded.unreadable, explain=explain))
