"""Columns of any type as the cells of a CSV file, before they are quoted: text as it is, nested values as JSON."""

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scorer.arrow.arrays import strings
from scorer.arrow.decoding import decode_texts, is_text, mend_texts
from scorer.files.source import Decoded, Skipped, Source

__all__ = ["TextCells", "cells_of", "is_number"]


def cells_of(column: pa.Array) -> tuple[pa.LargeStringArray, NDArray[np.bool_]]:
    """The cells, null where the column is; bytes that are not UTF-8 are `�` in them, and where: bool [rows].

    Raises an Arrow exception, `ValueError` or `OverflowError` for a value that has no text.
    """
    column, kind = _unwrapped(column), _unwrapped(column).type
    if pa.types.is_nested(kind):
        return _json_cells(column)
    if not is_text(kind):
        return column.cast(pa.large_string()), np.zeros(len(column), np.bool_)
    texts, unreadable = decode_texts(column)
    texts = mend_texts(texts) if unreadable.any() else texts
    return texts.cast(pa.large_string()), unreadable


def is_number(kind: pa.DataType) -> bool:
    """Its cells are numbers, which may begin with a sign."""
    return not (pa.types.is_nested(kind) or pa.types.is_fixed_size_binary(kind) or is_text(kind))


class TextCells:
    """A source whose rows become CSV: a row with bytes that are not UTF-8, in whatever column, is unreadable."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name, self.schema = source.name, source.schema

    @property
    def skipped(self) -> Skipped:
        """Of the source."""
        return self._source.skipped

    def windows(self) -> Iterator[pa.RecordBatch]:
        """Those of the source."""
        return self._source.windows()

    def decode(self, window: pa.RecordBatch) -> Decoded:
        """Rows with cells for each column that is not text throughout, and their texts."""
        decoded = self._source.decode(window)
        columns, unreadable = list(decoded.rows.columns), decoded.unreadable
        for index, column in enumerate(columns):
            if not is_number(column.type):
                cells, wrong = cells_of(column)
                columns[index] = cells if wrong.any() else column
                unreadable = unreadable | wrong
        return Decoded(pa.RecordBatch.from_arrays(columns, decoded.rows.schema.names), decoded.texts, unreadable)

    def unreadable(self, row: int) -> str:
        """As the source says it."""
        return self._source.unreadable(row)

    def fraction_read(self) -> float:
        """Of the source."""
        return self._source.fraction_read()


def _unwrapped(column: pa.Array) -> pa.Array:
    """The values of dictionaries, runs and extension types."""
    kind = column.type
    if isinstance(kind, pa.UuidType):
        return strings([value and str(value) for value in column.to_pylist()])
    if isinstance(kind, pa.BaseExtensionType):
        return _unwrapped(column.storage)
    if pa.types.is_run_end_encoded(kind):
        return _unwrapped(pc.run_end_decode(column))
    if pa.types.is_dictionary(kind):
        return _unwrapped(column.dictionary_decode())
    return column.cast(pa.binary()) if pa.types.is_fixed_size_binary(kind) else column


def _json_cells(column: pa.Array) -> tuple[pa.LargeStringArray, NDArray[np.bool_]]:
    kind = _readable(column.type)
    values = (column if kind == column.type else column.cast(kind)).to_pylist()
    texts = [None if value is None else json.dumps(_plain(value, kind), ensure_ascii=False) for value in values]
    cells = pa.array([text and text.encode(errors="surrogateescape") for text in texts], pa.large_binary())
    decoded, unreadable = decode_texts(cells)
    return mend_texts(decoded) if unreadable.any() else decoded, unreadable


def _readable(kind: pa.DataType) -> pa.DataType:
    """The nested type with bytes for strings, which may be no UTF-8, and strings for times that Python lacks."""
    if is_text(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.binary()
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind):
        return pa.string()
    if pa.types.is_map(kind):
        return pa.map_(_readable(kind.key_type), _readable(kind.item_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _readable(field.type)) for field in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.large_list(_readable(kind.value_type))
    return kind


def _plain(value: Any, kind: pa.DataType) -> Any:
    """A value that JSON has: objects for maps, null for numbers that are none, text for all else."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case bytes():
            return value.decode(errors="surrogateescape")
        case dict():
            return {name: _plain(value[name], kind.field(name).type) for name in value}
        case list() if pa.types.is_map(kind):
            return _object([(_plain(key, kind.key_type), _plain(item, kind.item_type)) for key, item in value])
        case list():
            return [_plain(item, kind.value_type) for item in value]
        case _:
            return str(value)


def _object(pairs: list[tuple[Any, Any]]) -> Any:
    """A JSON object, or the pairs where keys are no strings or come twice."""
    keys = [key for key, _ in pairs]
    return dict(pairs) if all(isinstance(key, str) for key in keys) and len(set(keys)) == len(keys) else pairs
