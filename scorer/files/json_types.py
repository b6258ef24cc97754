"""One Arrow type for all values of a JSON name: one that keeps every number as it is written.

A double holds integers up to 2⁵³ only. So long integers stay integers or become decimals, and where no type of numbers
holds a long integer and a fraction alike, all of them become strings of their own spelling.
"""

import json
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scorer.arrow.arrays import bools_of, numbers
from scorer.arrow.nested import rows_where

__all__ = [
    "fitted",
    "is_text",
    "joined",
    "mixed_path",
    "read_number",
    "settled",
    "type_of",
    "type_of_column",
    "value_at",
]

_SHORT = pa.int32()
"""Integers that a double holds as well; they become int64."""
_LONG = pa.int64()
_WIDE = pa.decimal128(38, 0)
_SPELLED = pa.decimal256(76, 0)
"""Numbers that no one type holds; they become strings."""
_INTEGERS = (_SHORT, _LONG, _WIDE, _SPELLED)
_REAL = pa.float64()
_MIXED = pa.large_binary()
"""Of values of different kinds, for which there is no type."""

_LONGEST_EXACT = 2**53


class _Spelled(str):
    """A number as it is written that neither a double nor a decimal holds."""


def read_number(text: str) -> int | float | str:
    """What JSON's `text` stands for."""
    digits = text.removeprefix("-")
    if digits.isdigit():
        return int(text) if len(digits) <= _WIDE.precision else _Spelled(text)
    return float(text) if math.isfinite(float(text)) else _Spelled(text)


def is_text(value: Any) -> bool:
    """It may stand in a column of texts: a string, or null."""
    return value is None or (isinstance(value, str) and not isinstance(value, _Spelled))


def value_at(found: Any, names: Iterable[str]) -> Any:
    """The value of a name in an object, or of names within names; False, which is no text, where these lead nowhere."""
    for name in names:
        if not isinstance(found, dict):
            return None if found is None else False
        found = found.get(name)
    return found


def type_of(value: Any) -> pa.DataType:
    """The type of one value as `json.loads` gives it, with `read_number` for numbers."""
    match value:
        case None:
            return pa.null()
        case bool():
            return pa.bool_()
        case int():
            return _SHORT if abs(value) <= _LONGEST_EXACT else _LONG if -(2**63) <= value < 2**63 else _WIDE
        case float():
            return _REAL
        case _Spelled():
            return _SPELLED
        case str():
            return pa.string()
        case list():
            return pa.list_(_type_of_all(value))
    return pa.struct([(name, type_of(inner)) for name, inner in value.items()])


def type_of_column(column: pa.Array) -> pa.DataType | None:
    """The same for values that Arrow has read; None if they may have been integers that a double does not hold."""
    return None if rows_where(column, _may_be_rounded).any() else _type_of_read(column)


def joined(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The type of what has both types; `_MIXED` where there is none."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if one in _INTEGERS and other in _INTEGERS:
        return max(one, other, key=_INTEGERS.index)
    if _REAL in (one, other) and {one, other} <= {_REAL, *_INTEGERS}:
        return _REAL if _SHORT in (one, other) else _SPELLED
    if pa.types.is_list(one) and pa.types.is_list(other):
        return pa.list_(joined(one.value_type, other.value_type))
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        return pa.struct(_joined_fields(one, other))
    return _MIXED


def mixed_path(fields: Iterable[pa.Field]) -> list[str]:
    """The names that lead to the first value that is `_MIXED`; none if there is no such value."""
    for field in fields:
        kind = field.type
        while pa.types.is_list(kind):
            kind = kind.value_type
        inner = mixed_path(kind) if pa.types.is_struct(kind) else []
        if kind == _MIXED or inner:
            return [field.name, *inner]
    return []


def settled(kind: pa.DataType) -> pa.DataType:
    """The type in which values of a `joined` one are written."""
    if pa.types.is_list(kind):
        return pa.list_(settled(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(settled(field.type)) for field in kind])
    return {_SHORT: pa.int64(), _SPELLED: pa.string(), _MIXED: pa.string()}.get(kind, kind)


def fitted(value: Any, kind: pa.DataType) -> Any:
    """A value as Arrow takes it for a column of the `settled` type."""
    if value is None:
        return None
    if pa.types.is_list(kind):
        return [fitted(inner, kind.value_type) for inner in value]
    if pa.types.is_struct(kind):
        return {field.name: fitted(value.get(field.name), field.type) for field in kind}
    if pa.types.is_string(kind):
        return str(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return float(value) if kind == _REAL else value


def _type_of_all(values: Iterable[Any]) -> pa.DataType:
    kind = pa.null()
    for value in values:
        kind = joined(kind, type_of(value))
    return kind


def _joined_fields(one: pa.StructType, other: pa.StructType) -> list[pa.Field]:
    """All fields of both in their order."""
    kinds = {field.name: field.type for field in one}
    for field in other:
        kinds[field.name] = joined(kinds.get(field.name, pa.null()), field.type)
    return [pa.field(name, kind) for name, kind in kinds.items()]


def _may_be_rounded(column: pa.Array) -> NDArray[np.bool_]:
    if not pa.types.is_floating(column.type):
        return np.zeros(len(column), np.bool_)
    long = pc.greater_equal(pc.abs(column), numbers(np.array([_LONGEST_EXACT], np.float64))[0])
    found: NDArray[np.bool_] = bools_of(long) & bools_of(column.is_valid())
    return found


def _type_of_read(column: pa.Array) -> pa.DataType:
    kind = column.type
    if pa.types.is_struct(kind):
        fields = list(kind)
        return pa.struct([f.with_type(_type_of_read(column.field(index))) for index, f in enumerate(fields)])
    if pa.types.is_list(kind):
        return pa.list_(_type_of_read(column.flatten()))
    if pa.types.is_integer(kind):
        bounds = pc.min_max(column).as_py()
        is_short = all(one is None or abs(one) <= _LONGEST_EXACT for one in bounds.values())
        return _SHORT if is_short else _LONG
    return pa.string() if pa.types.is_temporal(kind) else kind  # what looks like a date stays the string that it is
