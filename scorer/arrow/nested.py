"""Values within values: what lists, maps and structs hold, and which rows hold what."""

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scorer.arrow.arrays import bools_of, integers_of

__all__ = ["entries_of", "is_list", "leaf_types", "leaves_of", "rows_where", "storage_of"]

_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
    pa.types.is_fixed_size_list,
    pa.types.is_map,
)


def is_list(kind: pa.DataType) -> bool:
    """True for lists of any kind and for maps, which are lists of entries."""
    return any(check(kind) for check in _LISTS)


def entries_of(column: pa.Array) -> tuple[pa.Array, NDArray[np.int64]]:
    """What all lists of a column hold, end to end, and how many each of them holds: int64 [rows], 0 for null."""
    if pa.types.is_map(column.type):
        column = column.view(pa.list_(column.type.field(0)))
    lengths = integers_of(pc.list_value_length(column).cast(pa.int64()))
    return column.flatten(), np.where(bools_of(column.is_valid()), lengths, np.int64(0))


def storage_of(column: pa.Array) -> pa.Array:
    """The values of an extension type as they are stored, of any other as they are."""
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def leaves_of(column: pa.Array) -> Iterator[pa.Array]:
    """The arrays of all that a column holds and that holds nothing else."""
    column = storage_of(column)
    if pa.types.is_struct(column.type):
        for index in range(column.type.num_fields):
            yield from leaves_of(column.field(index))
    elif is_list(column.type):
        yield from leaves_of(entries_of(column)[0])
    else:
        yield column


def leaf_types(kind: pa.DataType) -> Iterator[pa.DataType]:
    """Their types."""
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if not pa.types.is_nested(kind):
        yield kind
        return
    for index in range(kind.num_fields):
        yield from leaf_types(kind.field(index).type)


def rows_where(column: pa.Array, test: Callable[[pa.Array], NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Which rows have a value for which `test` is true, themselves or somewhere inside: bool [rows]."""
    column = storage_of(column)
    if pa.types.is_struct(column.type):
        found = np.zeros(len(column), np.bool_)
        for index in range(column.type.num_fields):
            found |= rows_where(column.field(index), test)
        return found
    if not is_list(column.type):
        return test(column)
    values, lengths = entries_of(column)
    rows = np.repeat(np.arange(len(column)), lengths)
    return np.bincount(rows, rows_where(values, test), len(column)) > 0
