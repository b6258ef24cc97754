"""JSON Lines, both ways.

What goes back to JSON Lines is never taken apart: a line keeps its own bytes, only its text is read. What goes to
another format is typed by a first pass over the whole file.
"""

import codecs
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import reduce
from itertools import islice, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scorer.arrow.arrays import bools, bools_of, bytes_of, strings
from scorer.arrow.columns import ColumnPath, column_at, find_text_column, is_certain, names_on
from scorer.arrow.decoding import decode_texts, unreadable_rows
from scorer.arrow.rendering import json_members, require_different_names
from scorer.errors import InputError
from scorer.files.inputs import Input, InputPart, share_read
from scorer.files.json_lines import LineBlock
from scorer.files.json_types import fitted, is_text, joined, mixed_path, settled, type_of, value_at
from scorer.files.pipes import START_BYTES
from scorer.files.rebatching import windows_of
from scorer.files.source import Decoded, Skipped, decode_column

__all__ = ["JsonLinesSink", "JsonLinesSource", "WholeLinesSource", "line_ranges", "lines_of"]

_LINE = pa.field("line", pa.large_binary(), metadata={"sentiment_scorer": "whole lines"})
"""The column of whole lines, each without its closing brace; the metadata tells it from a value of that name."""
_UNREADABLE = pa.field("unreadable", pa.bool_())
"""The last column of typed windows."""

_BLOCK_BYTES = 1 << 20
_LONGEST_LINE = 1 << 30
_NO_MEMBERS = r"^[ \t\r]*\{[ \t\r]*$"


class _LinesSource(ABC):
    """One JSON object on each line, blank lines aside; raises `InputError` for a line that is none."""

    row_count: int | None = None
    _deepest: int
    """Levels that a line may be nested."""

    def __init__(
        self, file: Input, text_column: str | None, window_rows: int, part: tuple[int, int] | None = None
    ) -> None:
        self.name, self.skipped = file.name, Skipped()
        self._whole, self._first, self._window_rows = file, part[0] if part else 0, window_rows
        self._file = InputPart(file, *part) if part else file
        self._bytes_read = 0
        fields = self._find_fields(text_column)
        self.text = find_text_column(self.name, pa.schema(list(fields)), text_column)
        self.schema = self._schema_of(fields)

    @abstractmethod
    def _find_fields(self, text_column: str | None) -> pa.StructType:
        """Names and types of the values, from the lines themselves."""

    @abstractmethod
    def _schema_of(self, fields: pa.StructType) -> pa.Schema:
        """The same as columns."""

    @abstractmethod
    def _rows(self, block: LineBlock) -> pa.RecordBatch:
        """The rows of a block of lines."""

    def windows(self) -> Iterator[pa.RecordBatch]:
        """All rows in order; raises `InputError` for damaged data."""
        try:
            yield from windows_of(map(self._rows, self._blocks(self._file)), self._window_rows)
        except InputError:
            if self._first:  # the number of its line is that in the part
                for _ in map(self._rows, self._blocks(self._file, 1 + self._lines_before())):
                    pass
            raise

    def unreadable(self, row: int) -> str:
        """On which line `row` is, counted from 0, and what is wrong with it."""
        filled = (line for block in self._blocks(self._file, 1 + self._lines_before()) for line in block.filled_lines())
        number, line = next(islice(filled, row, None))
        text = LineBlock(self.name, number, line + b"\n").texts(names_on(self.text, self.schema))
        what = "its text" if unreadable_rows(text).any() else "another value"
        return f"{self.name}: line {number}: {what} is not a string of UTF-8"

    def fraction_read(self) -> float:
        """Bytes read, as a share of all."""
        return share_read(self._file, self._bytes_read)

    def _lines_before(self) -> int:
        """How many lines stand before the part: only who asks for the number of a line has to wait for it."""
        return sum(len(block.ends) for block in self._blocks(InputPart(self._whole, 0, self._first)))

    def _blocks(self, opened: Input, number: int = 1) -> Iterator[LineBlock]:
        """A file in pieces of whole lines; `number` is that of the first one."""
        with opened.open() as file:
            start = file.read(len(codecs.BOM_UTF8))
            is_later = opened is self._file and self._first > 0  # where a mark is no mark
            pieces = [start if is_later else start.removeprefix(codecs.BOM_UTF8)]
            while chunk := file.read(_BLOCK_BYTES):
                self._bytes_read = file.tell()
                cut = chunk.rfind(b"\n") + 1
                if cut:
                    block = LineBlock(self.name, number, b"".join([*pieces, chunk[:cut]]))
                    number, pieces = number + len(block.ends), [chunk[cut:]]
                    block.require_depth(self._deepest)
                    yield block
                else:
                    pieces.append(chunk)
                    if sum(map(len, pieces)) > _LONGEST_LINE:
                        raise InputError(f"{self.name}: line {number}: longer than 1 GiB; is this JSON Lines?")
        if last := b"".join(pieces):
            block = LineBlock(self.name, number, last + b"\n")
            block.require_depth(self._deepest)
            yield block


class JsonLinesSource(_LinesSource):
    """Every value with the type that a first pass over the whole file finds, or one over several, as `fields` say.

    Values of several kinds have none: they are refused, or strings where they are `only_read`.
    """

    fields: pa.StructType
    """Names and types as they were found: what several files have can be joined."""
    _deepest = 40
    """Lists are two levels of a Parquet file, of which Arrow reads 100."""

    def __init__(
        self,
        file: Input,
        text_column: str | None,
        window_rows: int,
        *,
        only_read: bool = False,
        fields: pa.StructType | None = None,
    ) -> None:
        self._only_read, self._given = only_read, fields
        super().__init__(file, text_column, window_rows)

    def decode(self, window: pa.RecordBatch) -> Decoded:
        """Rows of UTF-8, and their texts."""
        *columns, unreadable = window.columns
        rows = pa.RecordBatch.from_arrays(columns, schema=self.schema)
        return Decoded(rows, decode_texts(column_at(rows, self.text))[0], bools_of(unreadable))

    def _find_fields(self, text_column: str | None) -> pa.StructType:
        known = (block.type() for block in self._blocks(self._whole))
        self.fields = self._given or reduce(joined, known, pa.struct([]))
        return self.fields

    def _schema_of(self, fields: pa.StructType) -> pa.Schema:
        names = names_on(self.text, fields)
        fields = _with_texts(fields, names)
        if mixed_path(fields) and not self._only_read:
            self._refuse_mixed(names)
        return pa.schema(list(settled(fields)))

    def _refuse_mixed(self, text: list[str]) -> None:
        """Raise `InputError` for the first line on which a value, but for the text, is of another kind than before."""
        fields = pa.struct([])
        lines = (
            line
            for block in self._blocks(self._whole)
            for line in zip(block.numbers, block.readable_objects, strict=True)
        )
        for number, (found, _) in lines:
            fields = joined(fields, type_of(found))
            if path := mixed_path(_with_texts(fields, text)):
                raise InputError(
                    f"{self.name}: line {number}: {'.'.join(path)!r} is of another kind than on the lines before; "
                    "mend it, or name a .jsonl output"
                )

    def _rows(self, block: LineBlock) -> pa.RecordBatch:
        """Columns of the schema, and which rows are not text."""
        schema = self.schema.append(_UNREADABLE)
        table = block.read(self.schema) if block.is_utf8 else None
        if table is not None:
            columns = [column.combine_chunks() for column in table.columns]
            return pa.RecordBatch.from_arrays([*columns, bools(np.zeros(block.rows, np.bool_))], schema=schema)
        names, kind = names_on(self.text, self.schema), pa.struct(list(self.schema))
        found = [
            {**fitted(one, kind), _UNREADABLE.name: has_bytes or not is_text(value_at(one, names))}
            for one, has_bytes in block.readable_objects
        ]
        return pa.RecordBatch.from_pylist(found, schema)


class WholeLinesSource(_LinesSource):
    """Whole lines and, of their values, only the text: for a sink that writes JSON Lines again."""

    _deepest = 1000
    """Far from the depth at which Arrow's reader overflows the stack, beyond 5,000."""

    def decode(self, window: pa.RecordBatch) -> Decoded:
        """Lines as they are, and their texts."""
        return decode_column(window, self.text)

    def _find_fields(self, text_column: str | None) -> pa.StructType:
        """The names on as many lines as are needed to know the column of texts, of a pipe those of its start."""
        fields = pa.struct([])
        for block in self._blocks(self._whole):
            fields = joined(fields, block.outline())
            is_gone = self._whole.once and self._bytes_read >= START_BYTES // 2
            if is_gone or is_certain(pa.schema(list(fields)), text_column):
                break
        return fields

    def _schema_of(self, fields: pa.StructType) -> pa.Schema:
        return pa.schema(list(fields))

    def _rows(self, block: LineBlock) -> pa.RecordBatch:
        texts = block.texts(names_on(self.text, self.schema))
        columns = _placed(texts, self.text, self.schema)
        fields = [pa.field(name, column.type) for name, column in zip(self.schema.names, columns, strict=True)]
        return pa.RecordBatch.from_arrays([*columns, block.heads()], schema=pa.schema([*fields, _LINE]))


def line_ranges(file: Input, rows: int) -> list[tuple[int, int]]:
    """Ranges of bytes that begin and end where lines do, of about so many `rows` by the length of the first ones."""
    size = file.size or 0
    with file.open_random() as raw:
        first = raw.read(_BLOCK_BYTES)
        most = rows * len(first) / max(first.count(b"\n"), 1)
        count = max(round(size / most), 1)
        cuts = {_next_line(raw, size * number // count) for number in range(1, count)}
    return list(pairwise(sorted({0, *cuts, size})))


def _next_line(raw: pa.NativeFile, place: int) -> int:
    """Where the first line begins after the one that `place` is in; the end of the file if none does."""
    raw.seek(place)
    while chunk := raw.read(_BLOCK_BYTES >> 4):
        if found := chunk.find(b"\n") + 1:
            return int(place + found)
        place += len(chunk)
    return place


class JsonLinesSink:
    """JSON in UTF-8, one object on each line; a number that JSON does not have, NaN or infinite, is null.

    Raises `ArrowInvalid` when two columns have one name, or a line already has a member of a new one's name.
    """

    def __init__(self, file: pa.NativeFile, schema: pa.Schema) -> None:
        require_different_names(schema)
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
        members = [piece.cast(pa.large_binary()) for piece in json_members(names, columns)]
        lines = pc.binary_join_element_wise(*before, *members, _binary("}\n"), _binary(""))
        if len(lines):
            self._file.write(bytes_of(lines))

    def close(self) -> None:
        """Nothing is held back."""


def lines_of(rows: pa.RecordBatch) -> tuple[pa.Field, pa.LargeBinaryArray] | None:
    """The column of whole lines, if that is what `rows` are."""
    found = zip(rows.schema, rows.columns, strict=True)
    return next((one for one in found if one[0].equals(_LINE, check_metadata=True)), None)


def _binary(text: str) -> pa.Scalar:
    return strings([text], pa.large_string()).cast(pa.large_binary())[0]


def _refuse_taken(heads: pa.LargeBinaryArray, names: list[str]) -> None:
    """Look closely only where a name stands in quotes: it may as well be a value."""
    for name in names:
        suspects = heads.filter(pc.match_substring(heads, json.dumps(name)))
        for head in suspects.to_pylist():
            if name in json.loads(head + b"}"):
                raise pa.ArrowInvalid(f"a line already has a member {name!r}; name the new ones with --prefix")


def _with_texts(fields: pa.StructType, names: list[str]) -> pa.StructType:
    """`fields` with a string where `names` lead, whatever some of its values are."""
    (name, *inner), kinds = names, {field.name: field.type for field in fields}
    if inner and pa.types.is_struct(kinds.get(name, pa.null())):
        kinds[name] = _with_texts(kinds[name], inner)
    elif not inner and not pa.types.is_null(kinds.get(name, pa.null())):
        kinds[name] = pa.string()
    return pa.struct(list(kinds.items()))


def _placed(texts: pa.StringArray, path: ColumnPath, fields: pa.Schema | pa.StructType) -> list[pa.Array]:
    """Columns for `fields`, all null but `texts` at `path`."""
    columns = [pa.nulls(len(texts))] * len(fields)
    columns[path[0]] = texts
    if path[1:]:
        inside = fields.field(path[0]).type
        names = [field.name for field in inside.fields]
        columns[path[0]] = pa.StructArray.from_arrays(_placed(texts, path[1:], inside), names)
    return columns
