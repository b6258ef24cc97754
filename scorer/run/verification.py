"""Some rows of a finished output held against their texts, which are read anew and scored one by one."""

import json
import random
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
import pyarrow as pa

from scorer.errors import VerificationError
from scorer.files.compression import unpacked
from scorer.files.format import CsvOptions, Format
from scorer.files.inputs import Input
from scorer.files.opening import open_source, spelled_as
from scorer.files.places import input_at, shown
from scorer.files.source import Source
from scorer.run.options import RunOptions, RunSummary
from scorer.run.plan import inputs_of, plan_run
from scorer.run.reading import open_inputs
from scorer.scores import ScoreColumns
from scorer.scoring import Scorer

__all__ = ["verify_rows"]

_CHUNK_BYTES = 1 << 20


def verify_rows(options: RunOptions, scorer: Scorer, summary: RunSummary, count: int, seed: int = 0) -> int:
    """Score `count` random rows of each input alone; returns how many these were.

    Raises `VerificationError` if anything that the output says of one of them differs, be it by a bit.
    """
    if options.one_each:
        done = {one.output: one for one in summary.outputs}
        units = [unit for unit in plan_run(options).units if unit.name in done]  # others were there already
        return sum(verify_rows(unit.options, scorer, done[unit.name], count, seed) for unit in units)
    rows = sorted(random.Random(seed).sample(range(summary.rows), min(count, summary.rows)))
    source = open_inputs(inputs_of(options), options)
    expected = (_scored_alone(row, source, options.columns, scorer) for row in _pick(source, rows))
    is_lines, csv = options.kind is Format.jsonl, spelled_as(source, options.csv)
    written = _written_lines(options, rows) if is_lines else _written_rows(options, csv, rows)
    compared = zip_longest(rows, expected, written)
    wrong = [(row, alone, there) for row, alone, there in compared if alone != there]
    if wrong:
        row, alone, there = wrong[0]
        raise VerificationError(
            f"{summary.output}: {len(wrong):,} of {len(rows):,} verified rows differ from their texts scored alone, "
            f"the first is row {row + 1}: {there}, not {alone}"
        )
    return len(rows)


def _pick(source: Source, rows: Sequence[int]) -> Iterator[pa.RecordBatch]:
    """The rows with these numbers, in ascending order, each as a batch of one."""
    before, wanted = 0, iter(rows)
    row = next(wanted, None)
    for window in source.windows():
        while row is not None and row < before + window.num_rows:
            yield window.slice(row - before, 1)
            row = next(wanted, None)
        before += window.num_rows


def _scored_alone(row: pa.RecordBatch, source: Source, columns: ScoreColumns, scorer: Scorer) -> list[Any]:
    decoded = source.decode(row)
    scores = scorer.score_texts(decoded.texts, decoded.unreadable, explain=columns.explain)
    return _last_values(scorer.append_scores(decoded.rows, scores, columns), columns)


def _written_rows(options: RunOptions, given: CsvOptions, rows: Sequence[int]) -> Iterator[list[Any]]:
    spelled = given.of_output(shown(options.output))
    csv = CsvOptions(spelled.delimiter, spelled.encoding, header=spelled.header)
    # A column of text that is always there.
    label = options.columns.fields[1].name if spelled.header or options.kind is not Format.csv else "1"
    output = open_source(input_at(options.output), label, options.kind, csv)
    return (_last_values(row, options.columns) for row in _pick(output, rows))


def _last_values(row: pa.RecordBatch, columns: ScoreColumns) -> list[Any]:
    return _comparable([column[0].as_py() for column in row.columns[-len(columns.fields) :]], columns)


def _written_lines(options: RunOptions, rows: Sequence[int]) -> Iterator[list[Any]]:
    wanted = set(rows)
    for line in (line for row, line in enumerate(_lines(unpacked(input_at(options.output)))) if row in wanted):
        found = json.loads(line)
        yield _comparable([found[field.name] for field in options.columns.fields], options.columns)


def _lines(file: Input) -> Iterator[bytes]:
    with file.open() as raw:
        rest = b""
        while chunk := raw.read(_CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines


def _comparable(values: Sequence[Any], columns: ScoreColumns) -> list[Any]:
    """Probability and effects bit for bit, and words; None for null, which in CSV is nothing."""
    kinds = [field.type for field in columns.fields]
    return [
        None if value in (None, "") else _as_written(value, kind) for value, kind in zip(values, kinds, strict=True)
    ]


def _as_written(value: Any, kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        words = json.loads(value) if isinstance(value, str) else value  # CSV holds it as JSON
        return [(one["word"], np.float32(one["effect"])) for one in words]
    return np.float32(value) if pa.types.is_floating(kind) else value
