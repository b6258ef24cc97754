"""JSON Lines, both ways.

What goes back to JSON Lines is never taken apart: a line keeps its own bytes, only its text is read. What goes to
another format is typed by a first pass over the whole file.
"""

import codecs
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scorer.arrow.columns import ColumnPath, find_text_column
from scorer.errors import InputError
from scorer.files.inputs import Input
from scorer.files.json_lines import LineBlock
from scorer.files.rebatching import windows_of
from scorer.files.source import Decoded, decode_column, decode_text_rows

__all__ = ["JsonLinesSink", "JsonLinesSource", "WholeLinesSource"]

_LINE = pa.field("line", pa.large_binary(), metadata={"sentiment_scorer": "whole lines"})
"""The column of whole lines, each without its closing brace; the metadata tells it from a value of that name."""

_BLOCK_BYTES = 1 << 20
_LONGEST_LINE = 1 << 30
_NO_MEMBERS = r"^[ \t\r]*\{[ \t\r]*$"


class _LinesSource(ABC):
    """One JSON object on each line, blank lines aside; raises `InputError` for a line that is none."""

    row_count: int | None = None

    def __init__(self, file: Input, text_column: str | None, window_rows: int) -> None:
        self.name = file.name
        self._file, self._window_rows = file, window_rows
        self._bytes_read = 0
        self.schema = self._find_schema()
        self._text = find_text_column(self.name, self.schema, text_column)

    @abstractmethod
    def _find_schema(self) -> pa.Schema:
        """Names and types of the values, from the lines themselves."""

    @abstractmethod
    def _rows(self, block: LineBlock) -> pa.RecordBatch:
        """The rows of a block of lines."""

    def windows(self) -> Iterator[pa.RecordBatch]:
        """All rows in order; raises `InputError` for damaged data."""
        return windows_of(map(self._rows, self._blocks()), self._window_rows)

    def unreadable(self, row: int) -> str:
        """On which line `row` is, counted from 0, and what is wrong with it."""
        filled = (number for block in self._blocks() for number, _ in block.filled_lines())
        return f"line {next(islice(filled, row, None))}: its text is not a string of UTF-8"

    def fraction_read(self) -> float:
        """Bytes read, as a share of all."""
        return self._bytes_read / max(self._file.size, 1)

    def _blocks(self) -> Iterator[LineBlock]:
        """The file in pieces of whole lines."""
        with self._file.open() as file:
            start = file.read(len(codecs.BOM_UTF8))
            self._bytes_read = len(start)
            number, pieces = 1, [start.removeprefix(codecs.BOM_UTF8)]
            while chunk := file.read(_BLOCK_BYTES):
                self._bytes_read += len(chunk)
                cut = chunk.rfind(b"\n") + 1
                if cut:
                    block = LineBlock(self.name, number, b"".join([*pieces, chunk[:cut]]))
                    number, pieces = number + len(block.ends), [chunk[cut:]]
                    yield block
                else:
                    pieces.append(chunk)
                    if sum(map(len, pieces)) > _LONGEST_LINE:
                        raise InputError(f"{self.name}: line {number}: longer than 1 GiB; is this JSON Lines?")
        if last := b"".join(pieces):
            yield LineBlock(self.name, number, last + b"\n")


class JsonLinesSource(_LinesSource):
    """Every value with the type that a first pass over the whole file finds."""

    def decode(self, window: pa.RecordBatch) -> Decoded:
        """Rows of UTF-8, and their texts."""
        return decode_text_rows(window, self._text)

    def _find_schema(self) -> pa.Schema:
        schema = pa.schema([])
        for block in self._blocks():
            try:
                schema = pa.unify_schemas([schema, block.infer_schema()], promote_options="permissive")
            except (pa.ArrowException, UnicodeError, OverflowError) as error:
                raise self._not_typed(block, error) from error
        return schema

    def _rows(self, block: LineBlock) -> pa.RecordBatch:
        table = block.read(self.schema)
        try:
            if table is None:
                return pa.RecordBatch.from_pylist(block.objects, self.schema)
            return pa.RecordBatch.from_arrays([c.combine_chunks() for c in table.columns], schema=self.schema)
        except (pa.ArrowException, UnicodeError, OverflowError, TypeError) as error:
            raise self._not_typed(block, error) from error

    def _not_typed(self, block: LineBlock, error: Exception) -> InputError:
        lines = f"lines {block.first}–{block.first + len(block.ends) - 1}"
        return InputError(f"{self.name}: {lines}: values of different kinds, write them as .jsonl: {error}")


class WholeLinesSource(_LinesSource):
    """Whole lines and, of their values, only the text: for a sink that writes JSON Lines again."""

    def decode(self, window: pa.RecordBatch) -> Decoded:
        """Lines as they are, and their texts."""
        return decode_column(window, self._text)

    def _find_schema(self) -> pa.Schema:
        """The names in the first block are enough."""
        return next((block.names() for block in self._blocks()), pa.schema([]))

    def _rows(self, block: LineBlock) -> pa.RecordBatch:
        texts = block.texts(_names_on(self._text, self.schema))
        columns = _placed(texts, self._text, self.schema)
        fields = [pa.field(name, column.type) for name, column in zip(self.schema.names, columns, strict=True)]
        return pa.RecordBatch.from_arrays([*columns, block.heads()], schema=pa.schema([*fields, _LINE]))


class JsonLinesSink:
    """JSON in UTF-8, one object on each line; a number that JSON does not have, NaN or infinite, is null.

    Raises `ArrowInvalid` when a line already has a member of a new one's name.
    """

    def __init__(self, file: pa.NativeFile) -> None:
        self._file = file

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        names, columns = batch.schema.names, batch.columns
        before: list[Any] = [_binary("{")]
        place = next((i for i, field in enumerate(batch.schema) if field.equals(_LINE, check_metadata=True)), None)
        if place is not None:
            heads = columns[place]
            names, columns = names[place + 1 :], columns[place + 1 :]
            _refuse_taken(heads, names)
            has_none = pc.match_substring_regex(heads, _NO_MEMBERS)
            before = [heads, pc.if_else(has_none, _binary(""), _binary(", "))]
        members = [part for name, column in zip(names, columns, strict=True) for part in _member(name, column)]
        lines = pc.binary_join_element_wise(*before, *members[1:], _binary("}\n"), _binary(""))
        if len(lines):
            self._file.write(_bytes_of(lines))

    def close(self) -> None:
        """Nothing is held back."""


def _bytes_of(lines: pa.LargeBinaryArray) -> memoryview:
    """All lines end to end, without a copy."""
    _, offset_buffer, data = lines.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(data)[offsets[0] : offsets[-1]]


def _binary(text: str) -> pa.Scalar:
    return pa.scalar(text.encode(), pa.large_binary())


def _member(name: str, column: pa.Array) -> list[Any]:
    """What stands for one column in each object, its comma first."""
    return [_binary(", "), _binary(f"{json.dumps(name, ensure_ascii=False)}: "), _values(column)]


def _values(column: pa.Array) -> pa.LargeBinaryArray:
    """Each value as JSON."""
    kind = column.type
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, kind))
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return pc.fill_null(column.cast(pa.large_string()).cast(pa.large_binary()), b"null")
    if pa.types.is_temporal(kind):
        column = column.cast(pa.large_string())
    values = (json.dumps(value, ensure_ascii=False, default=_plain).encode() for value in column.to_pylist())
    return pa.array(values, pa.large_binary())


def _plain(value: object) -> str:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


def _refuse_taken(heads: pa.LargeBinaryArray, names: list[str]) -> None:
    """Look closely only where a name stands in quotes: it may as well be a value."""
    for name in names:
        suspects = heads.filter(pc.match_substring(heads, json.dumps(name)))
        for head in suspects.to_pylist():
            if name in json.loads(head + b"}"):
                raise pa.ArrowInvalid(f"a line already has a member {name!r}; name the new ones with --prefix")


def _names_on(path: ColumnPath, fields: pa.Schema | pa.StructType) -> list[str]:
    """The names that lead along `path`."""
    field = fields.field(path[0])
    return [field.name, *(_names_on(path[1:], field.type) if path[1:] else [])]


def _placed(texts: pa.StringArray, path: ColumnPath, fields: pa.Schema | pa.StructType) -> list[pa.Array]:
    """Columns for `fields`, all null but `texts` at `path`."""
    columns = [pa.nulls(len(texts))] * len(fields)
    columns[path[0]] = texts
    if path[1:]:
        inside = fields.field(path[0]).type
        names = [field.name for field in inside.fields]
        columns[path[0]] = pa.StructArray.from_arrays(_placed(texts, path[1:], inside), names)
    return columns
