"""JSON Lines to record batches.

What goes back to JSON Lines is never taken apart: a line keeps its own bytes, only its text is read. What goes to
another format is typed by a first pass over the whole file.

Arrow reads a block of lines at once. It would also accept a value that spans lines, or two on one line; but if every
line begins with `{` and ends with `}`, values can only end where lines do, so as many rows as lines means one each.
Whatever else there is, Python reads line by line: it takes what Arrow does not (a key given twice, NaN), and names the
line that is no JSON.
"""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson
from numpy.typing import NDArray

from scorer.arrow.columns import ColumnPath
from scorer.errors import InputError
from scorer.files.rebatching import windows_of

__all__ = ["LINE", "JsonLinesSource"]

LINE = pa.field("line", pa.large_binary(), metadata={"sentiment_scorer": "whole lines"})
"""The column of whole lines, each without its closing brace; the metadata tells it from a value of that name."""

_BLOCK_BYTES = 1 << 20
_LONGEST_LINE = 1 << 30
_NOT_TEXT = b"\xff"  # never in UTF-8, so it is found as any text is that does not decode


class JsonLinesSource:
    """One JSON object on each line, blank lines aside; raises `InputError` for a line that is none.

    With `keep_lines` a window has the whole lines and, of their values, only the text.
    """

    def __init__(self, path: Path, *, keep_lines: bool) -> None:
        self.path = path
        self.is_text = not keep_lines
        self._keep_lines = keep_lines
        self._bytes_read = 0
        self.schema: pa.Schema = self._find_schema()

    def batches(self, text_path: ColumnPath) -> Iterator[pa.RecordBatch]:
        """All rows in order, in windows of at most a few thousand."""
        blocks = self._blocks()
        yield from windows_of(map(partial(self._whole_lines, text_path) if self._keep_lines else self._typed, blocks))

    def unreadable(self, row: int) -> str:
        """On which line `row` is, counted from 0, and what is wrong with it."""
        with self.path.open("rb") as file:
            numbers = (number for number, line in enumerate(file, 1) if line.strip())
            line = next(number for place, number in enumerate(numbers) if place == row)
        return f"line {line}: its text is not a string of UTF-8"

    def fraction_read(self) -> float:
        """How much of the file has been read, 0 to 1."""
        return self._bytes_read / max(self.path.stat().st_size, 1)

    def _blocks(self) -> Iterator["_Block"]:
        """The file in pieces of whole lines."""
        number, pieces = 1, [b""]
        self._bytes_read = 0
        with self.path.open("rb") as file:
            if file.read(3) != codecs.BOM_UTF8:
                file.seek(0)
            while chunk := file.read(_BLOCK_BYTES):
                self._bytes_read += len(chunk)
                cut = chunk.rfind(b"\n") + 1
                if cut:
                    block = _Block(self.path, number, b"".join([*pieces, chunk[:cut]]))
                    number, pieces = number + len(block.ends), [chunk[cut:]]
                    yield block
                else:
                    pieces.append(chunk)
                    if sum(map(len, pieces)) > _LONGEST_LINE:
                        raise InputError(f"{self.path}: line {number}: longer than 1 GiB; is this JSON Lines?")
        if last := b"".join(pieces):
            yield _Block(self.path, number, last + b"\n")

    def _find_schema(self) -> pa.Schema:
        """The types of all values; if lines are kept, names are enough, and those of the first block."""
        if self._keep_lines:
            return next((block.names() for block in self._blocks()), pa.schema([]))
        schema = pa.schema([])
        for block in self._blocks():
            try:
                schema = pa.unify_schemas([schema, block.infer_schema()], promote_options="permissive")
            except (pa.ArrowException, UnicodeError, OverflowError) as error:
                raise self._not_typed(block, error) from error
        return schema

    def _whole_lines(self, text_path: ColumnPath, block: "_Block") -> pa.RecordBatch:
        texts = block.texts(_names_on(text_path, self.schema))
        columns = _placed(texts, text_path, self.schema)
        fields = [pa.field(name, column.type) for name, column in zip(self.schema.names, columns, strict=True)]
        return pa.RecordBatch.from_arrays([*columns, block.heads()], schema=pa.schema([*fields, LINE]))

    def _typed(self, block: "_Block") -> pa.RecordBatch:
        table = block.read(self.schema)
        try:
            if table is None:
                return pa.RecordBatch.from_pylist(block.objects, self.schema)
            return pa.RecordBatch.from_arrays([c.combine_chunks() for c in table.columns], schema=self.schema)
        except (pa.ArrowException, UnicodeError, OverflowError, TypeError) as error:
            raise self._not_typed(block, error) from error

    def _not_typed(self, block: "_Block", error: Exception) -> InputError:
        lines = f"lines {block.first}–{block.first + len(block.ends) - 1}"
        return InputError(f"{self.path}: {lines}: values of different kinds, write them as .jsonl: {error}")


@dataclass(frozen=True)
class _Block:
    """Some whole lines of the file `path`, the last with its line break too; `first` is the first one's number."""

    path: Path
    first: int
    data: bytes

    @cached_property
    def values(self) -> NDArray[np.uint8]:
        return np.frombuffer(self.data, np.uint8)

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """Places of the line breaks."""
        return np.flatnonzero(self.values == ord("\n"))

    @cached_property
    def spans(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First byte of each line that is not empty, and the place after its last; a carriage return is no part."""
        starts = np.concatenate([[0], self.ends[:-1] + 1])
        stops = self.ends - ((self.values[self.ends - 1] == ord("\r")) & (self.ends > starts))
        filled = stops > starts
        return starts[filled], stops[filled]

    @cached_property
    def is_plain(self) -> bool:
        """Every line begins and ends with a brace."""
        starts, stops = self.spans
        return bool((self.values[starts] == ord("{")).all() and (self.values[stops - 1] == ord("}")).all())

    @cached_property
    def rows(self) -> int:
        return len(self.spans[0]) if self.is_plain else len(self.objects)

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """Every line's object, by Python."""
        return [self._object(number, line) for number, line in self._filled_lines()]

    def read(self, schema: pa.Schema | None) -> pa.Table | None:
        """The values of `schema`, or all of them, by Arrow; None where it cannot, or not for certain."""
        behaviour = "ignore" if schema else "infer"
        options = pajson.ParseOptions(explicit_schema=schema, unexpected_field_behavior=behaviour)
        block_size = pajson.ReadOptions(use_threads=False, block_size=len(self.data))
        try:
            table = pajson.read_json(pa.BufferReader(self.data), block_size, options) if self.is_plain else None
        except pa.ArrowException:
            return None
        return table if table is not None and table.num_rows == self.rows else None

    def infer_schema(self) -> pa.Schema:
        """Names and types of all values; what looks like a date stays the string that it is."""
        table = self.read(None)
        if table is None:
            table = pa.table({name: [found.get(name) for found in self.objects] for name in self.names().names})
        return pa.schema([field.with_type(_without_dates(field.type)) for field in table.schema])

    def names(self) -> pa.Schema:
        """Names of all values, with their types where Arrow tells them, else as strings, which they may be."""
        if self.read(None) is not None:
            return self.infer_schema()
        return pa.schema(_fields(self.objects))

    def texts(self, names: list[str]) -> pa.StringArray:
        """Each line's value of a name, or of names within names; what is no string becomes bytes that are no text."""
        outer, *inner = names
        kind = pa.string()
        for name in reversed(inner):
            kind = pa.struct([(name, kind)])
        table = self.read(pa.schema([(outer, kind)]))
        if table is None:
            return pa.array([_text(found, names) for found in self.objects], pa.binary()).view(pa.string())
        column = table.column(0).combine_chunks()
        return pc.struct_field(column, [0] * len(inner)) if inner else column

    def heads(self) -> pa.LargeBinaryArray:
        """Each line up to its closing brace."""
        if not self.is_plain:
            return pa.array([line.rstrip()[:-1] for _, line in self._filled_lines()], pa.large_binary())
        starts, stops = self.spans
        kept = np.ones(len(self.data), np.bool_)
        kept[self.ends] = kept[self.ends - (self.values[self.ends - 1] == ord("\r"))] = kept[stops - 1] = False
        offsets = np.concatenate([[0], np.cumsum(stops - 1 - starts)])
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self.values[kept])]
        return pa.Array.from_buffers(pa.large_binary(), len(starts), buffers)

    def _filled_lines(self) -> Iterator[tuple[int, bytes]]:
        lines = enumerate(self.data.split(b"\n"), self.first)
        return ((number, line) for number, line in lines if line.strip())

    def _object(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            found = json.loads(line.decode(errors="surrogateescape"))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{self.path}: line {number}: not JSON: {error}") from None
        if not isinstance(found, dict):
            raise InputError(f"{self.path}: line {number}: not a JSON object, which is written in braces")
        return found


def _fields(objects: list[dict[str, Any]]) -> list[pa.Field]:
    """A field for every name: a struct for what has names within, else a string, whatever it is."""
    fields = []
    for name in dict.fromkeys(name for found in objects for name in found):
        inside = [found[name] for found in objects if isinstance(found.get(name), dict)]
        fields.append(pa.field(name, pa.struct(_fields(inside)) if inside else pa.string()))
    return fields


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


def _text(value: Any, names: list[str]) -> bytes | None:
    for name in names:
        if not isinstance(value, dict):
            break
        value = value.get(name)
    if value is None or not isinstance(value, str):
        return None if value is None else _NOT_TEXT
    try:
        return value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return _NOT_TEXT


def _without_dates(kind: pa.DataType) -> pa.DataType:
    """`kind` with strings for what Arrow's JSON reader takes for dates."""
    if pa.types.is_temporal(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_without_dates(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_without_dates(field.type)) for field in kind])
    return kind
