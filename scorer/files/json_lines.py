"""Whole lines of JSON to columns: by Arrow where it is certain to see the same, else by Python, line by line.

Arrow reads a block of lines at once. It would also accept a value that spans lines, or two on one line; but if every
line begins with `{` and ends with `}`, values can only end where lines do, so as many rows as lines means one each.
Whatever else there is, Python reads line by line: it takes what Arrow does not (a key given twice, NaN), and names the
line that is no JSON.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson
from numpy.typing import NDArray

from scorer.arrow.arrays import offsets_of
from scorer.errors import InputError

__all__ = ["LineBlock"]

_NOT_TEXT = b"\xff"  # never in UTF-8, so it is found as any text is that does not decode


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
        """Every line's object, by Python."""
        return [self._object(number, line) for number, line in self.filled_lines()]

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
            return pa.array([line.rstrip()[:-1] for _, line in self.filled_lines()], pa.large_binary())
        starts, stops = self.spans
        kept = np.ones(len(self.data), np.bool_)  # of all bytes, those that stand in a head
        kept[self.ends] = False  # "\n"
        kept[self.ends - (self.values[self.ends - 1] == ord("\r"))] = False  # "\r" before it, else "\n" again
        kept[stops - 1] = False  # "}"
        buffers = [None, pa.py_buffer(offsets_of(stops - 1 - starts)), pa.py_buffer(self.values[kept])]
        return pa.Array.from_buffers(pa.large_binary(), len(starts), buffers)

    def filled_lines(self) -> Iterator[tuple[int, bytes]]:
        """Number and bytes of each line that is not blank."""
        lines = enumerate(self.data.split(b"\n"), self.first)
        return ((number, line) for number, line in lines if line.strip())

    def _object(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            found = json.loads(line.decode(errors="surrogateescape"))
        except (ValueError, RecursionError) as error:
            what = re.sub(r": line 1 column (\d+) \(char \d+\)$", r" at character \1", str(error))
            raise InputError(f"{self.name}: line {number}: not JSON: {what}") from None
        if not isinstance(found, dict):
            raise InputError(f"{self.name}: line {number}: not a JSON object, which is written in braces")
        return found


def _fields(objects: list[dict[str, Any]]) -> list[pa.Field]:
    """A field for every name: a struct for what has names within, else a string, whatever it is."""
    fields = []
    for name in dict.fromkeys(name for found in objects for name in found):
        inside = [found[name] for found in objects if isinstance(found.get(name), dict)]
        fields.append(pa.field(name, pa.struct(_fields(inside)) if inside else pa.string()))
    return fields


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
