"""Record batches to JSON Lines: new members at the end of the lines there were, or whole objects of all columns."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scorer.files.jsonl import LINE

__all__ = ["JsonLinesSink"]

_NO_MEMBERS = r"^[ \t\r]*\{[ \t\r]*$"


class JsonLinesSink:
    """JSON in UTF-8, one object on each line; a number that JSON does not have, NaN or infinite, is null.

    Raises `ArrowInvalid` when a line already has a member of a new one's name.
    """

    def __init__(self, path: Path) -> None:
        self._file = pa.OSFile(os.fsencode(path), "wb")

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        names, columns = batch.schema.names, batch.columns
        before: list[Any] = [_binary("{")]
        place = next((i for i, field in enumerate(batch.schema) if field.equals(LINE, check_metadata=True)), None)
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
        """Close the file."""
        self._file.close()


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
