"""Columns of any type as text: JSON, and what stands in a cell of CSV."""

import json
import uuid
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from scorer.arrow.arrays import numbers, offsets_of, strings
from scorer.arrow.decoding import is_string, is_text
from scorer.arrow.nested import entries_of, is_list, storage_of
from scorer.arrow.zones import in_known_zone

__all__ = ["cell_values", "json_members", "json_values", "require_different_names"]

_quoted = json.JSONEncoder(ensure_ascii=False).encode


def json_values(column: pa.Array) -> pa.LargeStringArray:
    r"""Each value as JSON; a number that JSON does not have, NaN or infinite, is null.

    Maps are objects; bytes that are not UTF-8 are written as `\xff`. Raises `pa.ArrowInvalid` for a map with one key
    twice.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        return pc.fill_null(json_values(column.dictionary).take(column.indices), _large("null"))
    if pa.types.is_struct(kind):
        values = _objects(column)
    elif pa.types.is_map(kind):
        values = _maps(column)
    elif is_list(kind):
        values = _lists(column)
    else:
        return pc.fill_null(_scalars(column), _large("null"))
    return pc.if_else(column.is_valid(), values, _large("null"))


def json_members(names: Iterable[str], columns: Iterable[pa.Array]) -> list[pa.Array | pa.Scalar]:
    """What stands between the braces of each object, in pieces; raises `pa.ArrowInvalid` naming the column."""
    pieces: list[pa.Array | pa.Scalar] = []
    for name, column in zip(names, columns, strict=True):
        try:
            pieces += [_large(f"{', ' if pieces else ''}{_quoted(name)}: "), json_values(column)]
        except pa.ArrowException as error:
            raise pa.ArrowInvalid(f"column {name!r}: {error}") from error
    return pieces


def cell_values(column: pa.Array) -> pa.Array:
    """The column for a cell of text: nested values as JSON, others without what only Arrow knows of them."""
    if pa.types.is_nested(column.type):
        return pc.if_else(column.is_valid(), json_values(column), pa.nulls(1, pa.large_string())[0])
    return _uuids(column) if _is_uuid(column.type) else storage_of(column)


def require_different_names(fields: Iterable[pa.Field]) -> None:
    """Raise `pa.ArrowInvalid` where two columns, or two fields of one struct, have one name."""
    seen: set[str] = set()
    for field in fields:
        if field.name in seen:
            raise pa.ArrowInvalid(f"two columns have the name {field.name!r}; rename one, or name a .parquet output")
        seen.add(field.name)
        if pa.types.is_nested(field.type):
            require_different_names(field.type.field(index) for index in range(field.type.num_fields))


def _scalars(column: pa.Array) -> pa.LargeStringArray:
    """JSON of values that hold no others, null where they are or JSON has none."""
    kind = column.type
    if _is_uuid(kind):
        return _strings(_uuids(column))
    if isinstance(kind, pa.BaseExtensionType):
        return json_values(storage_of(column))
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(column), column, pa.nulls(1, kind)[0]).cast(pa.large_string())
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return column.cast(pa.large_string())
    if is_text(kind) or pa.types.is_fixed_size_binary(kind):
        return _strings(column, "replace" if is_string(kind) else "backslashreplace")
    return _strings(in_known_zone(column).cast(pa.large_string()))


def _strings(column: pa.Array, errors: str = "strict") -> pa.LargeStringArray:
    if pa.types.is_fixed_size_binary(column.type):
        column = column.cast(pa.binary())
    found = column.cast(pa.large_binary()).to_pylist()
    return strings((None if one is None else _quoted(one.decode(errors=errors)) for one in found), pa.large_string())


def _is_uuid(kind: pa.DataType) -> bool:
    return bool(isinstance(kind, pa.BaseExtensionType) and kind.extension_name == "arrow.uuid")


def _uuids(column: pa.Array) -> pa.LargeStringArray:
    found = storage_of(column).to_pylist()
    return strings((None if one is None else str(uuid.UUID(bytes=one)) for one in found), pa.large_string())


def _objects(column: pa.StructArray) -> pa.LargeStringArray:
    names = [field.name for field in column.type]
    members = json_members(names, (column.field(index) for index in range(len(names))))
    if not members:
        return pa.repeat(_large("{}"), len(column))
    return _joined(_large("{"), *members, _large("}"))


def _lists(column: pa.Array) -> pa.LargeStringArray:
    values, lengths = entries_of(column)
    lists = pa.LargeListArray.from_arrays(numbers(offsets_of(lengths)), json_values(values))
    return _joined(_large("["), pc.binary_join(lists, _large(", ")), _large("]"))


def _maps(column: pa.MapArray) -> pa.LargeStringArray:
    entries, lengths = entries_of(column)
    keys = _keys(entries.field(0))
    offsets = numbers(offsets_of(lengths))
    for row in pa.LargeListArray.from_arrays(offsets, keys).to_pylist():
        if len(set(row)) < len(row):
            raise pa.ArrowInvalid("a map has one key twice")
    members = _joined(keys, _large(": "), json_values(entries.field(1)))
    lists = pa.LargeListArray.from_arrays(offsets, members)
    return _joined(_large("{"), pc.binary_join(lists, _large(", ")), _large("}"))


def _keys(column: pa.Array) -> pa.LargeStringArray:
    """Each key as a string in quotes, which JSON asks for."""
    found = json_values(column).to_pylist()
    return strings((one if one.startswith('"') else _quoted(one) for one in found), pa.large_string())


def _joined(*pieces: pa.Array | pa.Scalar) -> pa.LargeStringArray:
    return pc.binary_join_element_wise(*pieces, _large(""))


def _large(text: str) -> pa.Scalar:
    return strings([text], pa.large_string())[0]
