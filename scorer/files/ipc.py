"""Arrow's own format, both ways: files, which Feather is another name of, and streams."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scorer.arrow.columns import find_text_column
from scorer.arrow.nested import leaf_types
from scorer.errors import InputError
from scorer.files.format import Format
from scorer.files.inputs import Input, share_read, start_of
from scorer.files.rebatching import windows_of
from scorer.files.source import Decoded, Skipped, arrow_errors, checked_columns, decode_text_rows

__all__ = ["IpcSink", "IpcSource"]

_FILE_MARK = b"ARROW1"
_MOST_UNPACKED = 1 << 10
"""Bytes that one byte becomes; of codecs that Arrow knows hardly any does more for real rows."""
_IMPOSSIBLE = 1 << 30
_BINARY = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}


class IpcSource:
    """Record batches as they were written; whether they are a file or a stream, the first bytes tell."""

    row_count: int | None = None

    def __init__(self, file: Input, text_column: str | None, window_rows: int, written_as: Format) -> None:
        self.name, self.skipped = file.name, Skipped()
        self._file, self._window_rows, self._share = file, window_rows, 0.0
        self._is_stream = not start_of(file).startswith(_FILE_MARK)
        with (
            arrow_errors(self.name, "not an Arrow file or stream, or damaged"),
            self._told_of_sizes(),
            self._opened() as raw,
        ):
            self.schema = _usable((pa.ipc.open_stream(raw) if self._is_stream else pa.ipc.open_file(raw)).schema)
        self.text = find_text_column(self.name, self.schema, text_column)
        self._checked = checked_columns(self.schema, self.text, written_as)

    def windows(self) -> Iterator[pa.RecordBatch]:
        """All rows in order; raises `InputError` for damaged data."""
        self._share = 0.0
        with arrow_errors(self.name, "damaged Arrow data"), self._told_of_sizes():
            if any(pa.types.is_dictionary(leaf) for field in self.schema for leaf in leaf_types(field.type)):
                for batch in self._batches():  # categories of two batches cannot always be joined
                    for start in range(0, batch.num_rows, self._window_rows):
                        yield batch.slice(start, self._window_rows)
            else:
                yield from windows_of(self._batches(), self._window_rows)

    def decode(self, window: pa.RecordBatch) -> Decoded:
        """Rows and texts, of UTF-8."""
        return decode_text_rows(window, self.text, self._checked)

    def unreadable(self, row: int) -> str:
        """What to say of `row`."""
        return f"{self.name}: row {row + 1:,}: its text, or another string, is not UTF-8"

    def fraction_read(self) -> float:
        """Batches read as a share of all; of a stream, bytes."""
        return self._share

    def _opened(self) -> Any:
        return pa.PythonFile(self._file.open(), "r") if self._file.once else self._file.open_random()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        with self._opened() as raw:
            if self._is_stream:
                for batch in pa.ipc.open_stream(raw):
                    self._share = share_read(self._file, raw.tell())
                    yield self._sound(batch)
                return
            reader = pa.ipc.open_file(raw)
            for number in range(reader.num_record_batches):
                self._share = (number + 1) / reader.num_record_batches
                yield self._sound(reader.get_batch(number))

    @contextmanager
    def _told_of_sizes(self) -> Iterator[None]:
        """Make `ArrowInvalid` of a size that no such file holds: it is damage, and more memory would not help."""
        try:
            yield
        except MemoryError as error:
            size = re.search(r"size (\d+)", str(error))
            if size and int(size[1]) > _MOST_UNPACKED * (self._file.size or _IMPOSSIBLE):
                raise pa.ArrowInvalid(f"a part of {int(size[1]):,} bytes") from error
            raise

    def _sound(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch; raises `ArrowInvalid` unless all that it refers to is there. Arrow believes what a file says."""
        for field, column in zip(batch.schema, batch.columns, strict=True):
            _as_bytes(column).validate(full=True)
            if column.null_count and not field.nullable:
                raise InputError(
                    f"{self.name}: damaged Arrow data: column {field.name!r} has nulls, and says it has none"
                )
        kinds = zip(batch.columns, self.schema.types, strict=True)
        columns = [column if column.type == kind else column.cast(kind) for column, kind in kinds]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def _usable(schema: pa.Schema) -> pa.Schema:
    """The schema with categories that Arrow can look up; those of Polars are views, which it cannot."""
    for index, field in enumerate(schema):
        kind = field.type
        if pa.types.is_dictionary(kind) and pa.types.is_string_view(kind.value_type):
            large = pa.dictionary(kind.index_type, pa.large_string(), kind.ordered)
            schema = schema.set(index, field.with_type(large))
    return schema


def _as_bytes(column: pa.Array) -> pa.Array:
    """Strings as bytes: which rows are not UTF-8 is looked for later, and told."""
    if (kind := _BINARY.get(column.type)) is None:
        return column
    return pa.Array.from_buffers(kind, len(column), column.buffers(), offset=column.offset)


class IpcSink:
    """Batches as they come, in a file for `Format.arrow`, else a stream; uncompressed, so that all can read them."""

    def __init__(self, file: pa.NativeFile, schema: pa.Schema, kind: Format) -> None:
        self._schema, self._is_file = schema, kind is Format.arrow
        options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
        new = pa.ipc.new_file if self._is_file else pa.ipc.new_stream
        self._writer = new(file, schema, options=options)
        self._categories: dict[int, pa.Array] = {}

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        columns = [self._column(*one) for one in enumerate(zip(batch.columns, self._schema.types, strict=True))]
        self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        """Write what ends a file or stream."""
        self._writer.close()

    def _column(self, index: int, found: tuple[pa.Array, pa.DataType]) -> pa.Array:
        column, kind = found
        if self._is_file and pa.types.is_dictionary(kind):
            return self._widened(index, column)
        return column if column.type == kind else column.cast(kind)

    def _widened(self, index: int, column: pa.DictionaryArray) -> pa.DictionaryArray:
        """The column with all categories so far, in one order: a file may add to them, and never change them."""
        new = column.dictionary
        known = self._categories.get(index, new.slice(0, 0))
        self._categories[index] = categories = pa.concat_arrays([known, new]).unique()
        places = pc.index_in(new, categories).take(column.indices).cast(column.type.index_type)
        return pa.DictionaryArray.from_arrays(places, categories, ordered=column.type.ordered)
