"""Arrow arrays from numpy's and from Python strings, and numpy's from Arrow's.

`pa.array` and `to_numpy` do the same, but import pandas, where that is installed, only to learn that they were given
none of it: half of the time that scoring one text would take.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["bools", "bools_of", "integers_of", "numbers", "strings", "without_nulls"]


def numbers(values: NDArray[np.number], null: NDArray[np.bool_] | None = None) -> pa.Array:
    """An array of `values` [rows], null where `null`, bool [rows], says so; shares the memory of `values`."""
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [_validity(null), pa.py_buffer(values)])


def bools(values: NDArray[np.bool_], null: NDArray[np.bool_] | None = None) -> pa.BooleanArray:
    """An array of `values` [rows], null where `null`, bool [rows], says so."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [_validity(null), _bits(values)])


def strings(texts: Iterable[str], kind: pa.DataType | None = None) -> pa.Array:
    """An array of `texts`, none of them null, of `kind`: string, as without, or large string."""
    encoded = [text.encode() for text in texts]
    is_large = kind is not None and pa.types.is_large_string(kind)
    offsets = np.zeros(len(encoded) + 1, np.int64 if is_large else np.int32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(kind or pa.string(), len(encoded), buffers)


def integers_of(array: pa.Array) -> NDArray[np.integer]:
    """The values of an array of integers, none of them null, without a copy."""
    width = np.dtype(str(array.type))
    return np.frombuffer(array.buffers()[1], width)[array.offset : array.offset + len(array)]


def bools_of(array: pa.BooleanArray) -> NDArray[np.bool_]:
    """The values of an array of bools, none of them null."""
    bits = np.frombuffer(array.buffers()[1], np.uint8)
    return np.unpackbits(bits, count=array.offset + len(array), bitorder="little")[array.offset :].view(np.bool_)


def without_nulls(texts: pa.Array) -> pa.Array:
    """Strings with an empty one for each null."""
    return texts.fill_null(strings([""], texts.type)[0]) if texts.null_count else texts


def _validity(null: NDArray[np.bool_] | None) -> pa.Buffer | None:
    return None if null is None or not null.any() else _bits(~null)


def _bits(values: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))
