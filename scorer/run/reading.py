"""The inputs of a run as one source, with the rows and columns that it is asked for."""

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

import numpy as np
import pyarrow as pa

from scorer.errors import InputError
from scorer.files.csv import CsvSource
from scorer.files.csv_types import TypedSource
from scorer.files.format import CsvTypes
from scorer.files.inputs import Input
from scorer.files.joining import JoinedSource, Part, partition_of
from scorer.files.opening import keep, open_source
from scorer.files.picking import PickedSource, sampled
from scorer.files.places import shown
from scorer.files.source import Source
from scorer.run.options import Progress, RunOptions, RunSummary

__all__ = ["Reading", "open_input", "open_inputs"]


def open_inputs(inputs: Sequence[Input], options: RunOptions) -> Source:
    """All inputs of one output, as a run reads them; raises `InputError`.

    Folders called as in `country=DE` become columns, but where the input is a single file that is named itself, and
    where the folders of the output say the same.
    """
    is_typed = options.csv.types is CsvTypes.infer
    if options.sample is not None or is_typed:  # rows are counted first, or held against types
        for file in inputs:
            keep(file)
    source = _joined(inputs, options) if _is_joined(inputs, options) else open_input(inputs[0], options)
    texts = source.text_names if isinstance(source, JoinedSource) else {source.schema.names[source.text[0]]}
    source = _picked(source, options)
    return TypedSource(source, texts) if is_typed else source


def _picked(source: Source, options: RunOptions) -> Source:
    """The rows that are asked for."""
    if options.sample is not None:
        return sampled(source, options.sample, options.seed)
    return source if options.limit is None else PickedSource(source, range(options.limit))


def open_input(file: Input, options: RunOptions, json_fields: pa.StructType | None = None) -> Source:
    """One input as it is; raises `InputError`."""
    source = open_source(
        file,
        options.text_column,
        options.input_format,
        options.csv,
        written_as=options.kind,
        window_rows=options.window_rows,
        part=options.part,
        columns=options.keep_columns,
        json_fields=json_fields,
    )
    if options.csv.types is CsvTypes.infer and not isinstance(source, CsvSource):
        raise InputError(f"{file.name}: has types already; --types infer is for CSV")
    return source


def _is_joined(inputs: Sequence[Input], options: RunOptions) -> bool:
    return len(inputs) > 1 or bool(options.keep_columns) or inputs[0].name != shown(options.input)


def _joined(inputs: Sequence[Input], options: RunOptions) -> JoinedSource:
    said = partition_of(shown(options.output)).items()
    is_single = len(inputs) == 1 and inputs[0].name == shown(options.input)
    parts = [
        Part(
            file,
            partial(open_input, file, options),
            {} if is_single else dict(partition_of(file.name).items() - said),
        )
        for file in inputs
    ]
    return JoinedSource(parts, options.window_rows, union=options.union, columns=options.keep_columns)


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
        share = self._source.fraction_read()
        expected = max(round(self._rows / share), self._rows) if share else None
        total = expected if exact is None else exact
        return Progress(
            done.rows, total, exact is not None, self.fraction(done.rows), done.resumed, done.scored, done.positive
        )

    def fraction(self, written: int) -> float:
        """The share of the input that the first rows are; between the ends of two windows all rows count alike."""
        while len(self._read) > 2 and self._read[1][0] <= written:
            self._read.popleft()
        rows, shares = zip(*islice(self._read, 2), strict=True)
        return float(np.interp(written, rows, shares))
