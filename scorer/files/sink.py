"""Record batches to files: written aside, complete or not there at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from scorer.errors import InputError
from scorer.files.csv_cells import csv_batch, csv_schema
from scorer.files.format import CsvOptions, Format
from scorer.files.json_sink import JsonLinesSink
from scorer.system.atomic import moved_into_place, naming

__all__ = ["Sink", "open_sink"]

_ROW_GROUP_ROWS = 131_072
_ROW_GROUP_BYTES = 8 << 20  # encoded while others are scored; what is left at the end is waited for


class Sink(Protocol):
    """An output file that takes record batches of one schema."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""

    def close(self) -> None:
        """Write what is still held back."""


@contextmanager
def open_sink(path: Path, kind: Format, schema: pa.Schema, csv_options: CsvOptions, partial: Path) -> Iterator[Sink]:
    """A sink whose file appears at `path` only when the block ends without an error; until then it is `partial`.

    Raises `InputError` when the schema cannot be written in this format.
    """
    with moved_into_place(partial, path):
        try:
            sink = _open(partial, kind, schema, csv_options)
            yield sink
            with naming(path):
                sink.close()
        except MemoryError:  # Arrow's is one of its exceptions too
            raise
        except pa.ArrowException as error:
            raise InputError(f"{path}: cannot be written as {kind}: {error}") from error


def _open(path: Path, kind: Format, schema: pa.Schema, csv_options: CsvOptions) -> Sink:
    if kind is Format.jsonl:
        return JsonLinesSink(path)
    return _ParquetSink(path, schema) if kind is Format.parquet else _CsvSink(path, schema, csv_options)


class _ParquetSink:
    """Gathers batches into row groups of a useful size."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = _created(path)
        self._writer = pq.ParquetWriter(self._file, schema)
        self._held: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch) -> None:
        self._held.append(batch)
        rows = sum(held.num_rows for held in self._held)
        if rows >= _ROW_GROUP_ROWS or sum(held.nbytes for held in self._held) >= _ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_batches(self._held), row_group_size=_ROW_GROUP_ROWS)
            self._held.clear()

    def close(self) -> None:
        self._flush()
        self._writer.close()
        self._file.close()


class _CsvSink:
    """CSV in UTF-8 as RFC 4180 has it: null is nothing, an empty string is two quotes."""

    def __init__(self, path: Path, schema: pa.Schema, options: CsvOptions) -> None:
        self._escape_formulas = options.escape_formulas
        self._schema = csv_schema(schema, options.escape_formulas)
        self._file = _created(path)
        self._writer = pacsv.CSVWriter(
            self._file, self._schema, write_options=pacsv.WriteOptions(delimiter=options.delimiter)
        )

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(csv_batch(batch, self._schema, self._escape_formulas))

    def close(self) -> None:
        self._writer.close()
        self._file.close()


def _created(path: Path) -> pa.OSFile:
    """A new file, opened by its name's bytes: Arrow takes no other names that are not UTF-8."""
    return pa.OSFile(os.fsencode(path), "w")
