"""The rows on which two models differ: the first of them, and all as a file."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorer.arrow.arrays import numbers, strings
from scorer.errors import UsageError
from scorer.evaluation.evaluate import Evaluation, EvaluationOptions, opened_source
from scorer.files.format import EXTENSIONS, CsvOptions, Format, plain_name
from scorer.files.opening import open_sink
from scorer.files.outputs import LocalOutput
from scorer.files.picking import PickedSource

__all__ = ["format_of_differences", "furthest_apart", "write_differences"]

_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),  # from 1
        ("text", pa.string()),
        ("label", pa.string()),
        ("probability", pa.float32()),
        ("other_probability", pa.float32()),
    ]
)


def format_of_differences(path: Path) -> Format:
    """The format that the name tells; raises `UsageError` if it tells none."""
    kind = EXTENSIONS.get(Path(plain_name(path.name)).suffix.lower())
    if kind is None:
        raise UsageError(f"--differences {path}: name a .parquet, .csv or .jsonl file")
    return kind


def furthest_apart(evaluation: Evaluation, options: EvaluationOptions, most: int) -> list[dict[str, Any]]:
    """At most so many of the rows whose verdicts differ, as `write_differences` has them, the furthest apart first."""
    places = evaluation.rows.differing[:most]
    rows = [row for batch in _batches(evaluation, options, np.sort(places)) for row in batch.to_pylist()]
    return sorted(rows, key=lambda row: -abs(row["probability"] - row["other_probability"]))


def write_differences(evaluation: Evaluation, options: EvaluationOptions, path: Path) -> None:
    """Write the rows whose verdicts differ to `path`, in their order, in a second pass over the input."""
    output, kind = LocalOutput(path), format_of_differences(path)
    output.work_folder.mkdir(mode=0o700, exist_ok=True)
    try:
        with open_sink(output, kind, _SCHEMA, CsvOptions()) as sink:
            for batch in _batches(evaluation, options, np.sort(evaluation.rows.differing)):
                sink.write(batch)
    finally:
        with suppress(OSError):  # a run has work of its own there
            output.work_folder.rmdir()


def _batches(evaluation: Evaluation, options: EvaluationOptions, places: NDArray[np.int64]) -> Iterator[pa.RecordBatch]:
    """The judged rows at these places, which ascend."""
    rows = evaluation.rows
    labels = strings(["negative", "positive"])
    source = PickedSource(opened_source(options), rows.number[places].tolist())
    for window in source.windows():
        chosen, places = places[: window.num_rows], places[window.num_rows :]
        columns = [
            numbers(rows.number[chosen] + 1),
            source.decode(window).texts.cast(pa.string()),
            labels.take(numbers(rows.label[chosen].astype(np.int8))),
            *(numbers(values[chosen]) for values in rows.probability),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)
