"""Whole lines of JSON to columns: by Arrow where it is certain to see the same, else by Python, line by line.

Arrow reads a block of lines at once. It would also accept a value that spans lines, or two on one line; but if every
line begins with `{` and ends with `}`, values can only end where lines do, so as many rows as lines means one each.
Whatever else there is, Python reads line by line: it takes what Arrow does not (a key given twice, NaN, a number that
Arrow would round), and names the line that is no JSON.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson
from numpy.typing import NDArray

from scorer.arrow.arrays import offsets_of
from scorer.errors import InputError
from scorer.files.json_types import is_text, joined, read_number, type_of, type_of_column, value_at

__all__ = ["LineBlock"]

_NOT_TEXT = b"\xff"  # never in UTF-8, so it is found as any text is that does not decode
_STRING = rb'"(?:[^"\\]|\\.)*"'
_ESCAPE = r"\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|(?P<half>\\u[dD][89a-fA-F]\w\w)|\\."
_OUTLINED = 16
"""Levels within which a column of texts is looked for."""


@dataclass(frozen=True)
class LineBlock:
    """Some whole lines of the file `name`, the last with its line break too; `first` is the first one's number."""

    name: str
    first: int
    data: bytes

    @cached_property
    def values(self) -> NDArray[np.uint8]:
        """The bytes, uint8."""
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
        """Lines that are not blank."""
        return len(self.spans[0]) if self.is_plain else len(self.objects)

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """Every line's object, by Python; bytes that are not UTF-8 are lone surrogates in it."""
        lines = self.filled_lines()
        return [self._object(number, line.decode(errors="surrogateescape")) for number, line in lines]

    @cached_property
    def readable_objects(self) -> list[tuple[dict[str, Any], bool]]:
        """The same with `�` for what is not text, and whether there was any."""
        lines = ((number, line, _readable(line)) for number, line in self.filled_lines())
        return [(self._object(number, text), text.encode() != line) for number, line, text in lines]

    @cached_property
    def is_utf8(self) -> bool:
        """All bytes are text; Arrow does not look."""
        try:
            return self.data.decode() is not None
        except UnicodeDecodeError:
            return False

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

    def type(self) -> pa.StructType:
        """Names and types of all values, as `json_types.joined` joins them."""
        table = self.read(None) if self.is_utf8 else None
        if table is not None:
            kinds = [type_of_column(column.combine_chunks()) for column in table.columns]
            if None not in kinds:
                return pa.struct(zip(table.column_names, kinds, strict=True))
        return reduce(joined, (type_of(found) for found, _ in self.readable_objects), pa.struct([]))

    def outline(self) -> pa.StructType:
        """Names of all values, with types where a column of texts may be: strings where Arrow does not tell them."""
        table = self.read(None) if self.is_utf8 else None
        return pa.struct(_fields(self.objects)) if table is None else _outline(pa.struct(list(table.schema)))

    def require_depth(self, most: int) -> None:
        """Raise `InputError` for the first line that is nested deeper than that."""
        openers = self.data.count(b"{") + self.data.count(b"[")
        if openers <= len(self.ends) + most:  # no line can be, and this takes no time
            return
        for number, line in self.filled_lines():
            if line.lstrip().startswith(b"{") and line.count(b"{") + line.count(b"[") > most and _depth(line) > most:
                too_deep = f"nested deeper than {most:,} levels; for a .jsonl output 1,000 are read, for others 40"
                raise InputError(f"{self.name}: line {number}: {too_deep}")

    def texts(self, names: list[str]) -> pa.StringArray:
        """Each line's value of a name, or of names within names; what is no string becomes bytes that are no text."""
        outer, *inner = names
        kind = pa.string()
        for name in reversed(inner):
            kind = pa.struct([(name, kind)])
        table = self.read(pa.schema([(outer, kind)]))
        if table is None:
            return pa.array([_text(value_at(found, names)) for found in self.objects], pa.binary()).view(pa.string())
        column = table.column(0).combine_chunks()
        return pc.struct_field(column, [0] * len(inner)) if inner else column

    def heads(self) -> pa.LargeBinaryArray:
        """Each line up to its closing brace."""
        if not self.is_plain:
            return pa.array([line.rstrip()[:-1] for _, line in self.filled_lines()], pa.large_binary())
        starts, stops = self.spans
        kept = np.ones(len(self.data), np.bool_)  # of all bytes, those that stand in a head
        kept[self.ends] = False  # "\n"
        kept[self.ends - (self.values[self.ends - 1] == ord("\r"))] = False  # "\r" before it, else "\n" again
        kept[stops - 1] = False  # "}"
        buffers = [None, pa.py_buffer(offsets_of(stops - 1 - starts)), pa.py_buffer(self.values[kept])]
        return pa.Array.from_buffers(pa.large_binary(), len(starts), buffers)

    @property
    def numbers(self) -> list[int]:
        """Of the lines that are not blank."""
        return [number for number, _ in self.filled_lines()]

    def filled_lines(self) -> Iterator[tuple[int, bytes]]:
        """Number and bytes of each line that is not blank."""
        lines = enumerate(self.data.split(b"\n"), self.first)
        return ((number, line) for number, line in lines if line.strip())

    def _object(self, line: int, text: str) -> dict[str, Any]:
        if text.lstrip().startswith("["):
            raise self._not_lines(line, "not a JSON object but an array; write one on each line, as jq -c '.[]' does")
        if text.strip() == "{":
            raise self._not_lines(line, "an object that goes on; write each on one line, as jq -c . does")
        try:
            found = json.loads(text, parse_int=read_number, parse_float=read_number)
        except ValueError as error:
            what = re.sub(r": line 1 column (\d+) \(char \d+\)$", r" at character \1", str(error))
            raise InputError(f"{self.name}: line {line}: not JSON: {what}") from None
        except RecursionError:
            raise InputError(f"{self.name}: line {line}: not JSON that can be read: nested too deep") from None
        if not isinstance(found, dict):
            raise InputError(f"{self.name}: line {line}: not a JSON object, which is written in braces")
        return found

    def _not_lines(self, line: int, what: str) -> InputError:
        return InputError(f"{self.name}: line {line}: not JSON Lines: {what}")


def _fields(objects: list[dict[str, Any]], levels: int = _OUTLINED) -> list[pa.Field]:
    """A field for every name: a struct for what only has names within, else a string, whatever it is."""
    fields = []
    for name in dict.fromkeys(name for found in objects for name in found):
        values = [value for found in objects if (value := found.get(name)) is not None]
        inside = [value for value in values if isinstance(value, dict)]
        is_struct = bool(inside) and len(inside) == len(values) and levels
        kind = pa.struct(_fields(inside, levels - 1)) if is_struct else pa.string()
        fields.append(pa.field(name.encode(errors="replace"), kind))
    return fields


def _text(value: Any) -> bytes | None:
    try:
        return (None if value is None else str(value).encode()) if is_text(value) else _NOT_TEXT
    except UnicodeEncodeError:  # half of a surrogate pair
        return _NOT_TEXT


def _readable(line: bytes) -> str:
    """JSON in which all strings are text: `�` for bytes that are not UTF-8 and for half of a surrogate pair."""
    text = line.decode(errors="replace")
    return re.sub(_ESCAPE, lambda found: "\ufffd" if found["half"] else found[0], text)


def _depth(line: bytes) -> int:
    """How many braces and brackets of a line are open at once."""
    values = np.frombuffer(re.sub(_STRING, b"", line), np.uint8)
    opened, closed = np.isin(values, tuple(b"{[")), np.isin(values, tuple(b"}]"))
    return int(np.cumsum(opened.astype(np.int64) - closed).max(initial=0))


def _outline(kind: pa.DataType, levels: int = _OUTLINED) -> pa.DataType:
    """`kind` without what stands deep inside, and with strings for what Arrow's JSON reader takes for dates."""
    if pa.types.is_temporal(kind):
        return pa.string()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_outline(field.type, levels - 1)) for field in kind if levels])
    return pa.list_(pa.null()) if pa.types.is_list(kind) else kind
