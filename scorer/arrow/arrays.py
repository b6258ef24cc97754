"""Arrow arrays from numpy's and from Python strings, and numpy's from Arrow's.

`pa.array` and `to_numpy` do the same, but import pandas, where that is installed, only to learn that they were given
none of it: half of the time that scoring one text would take.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = [
    "bools",
    "bools_of",
    "bytes_and_offsets",
    "bytes_of",
    "floats_of",
    "integers_of",
    "numbers",
    "offsets_of",
    "slices_of",
    "strings",
    "without_nulls",
]


def numbers(values: NDArray[np.number], null: NDArray[np.bool_] | None = None) -> pa.Array:
    """An array of `values` [rows], null where `null`, bool [rows], says so; shares the memory of `values`."""
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [_validity(null), pa.py_buffer(values)])


def bools(values: NDArray[np.bool_], null: NDArray[np.bool_] | None = None) -> pa.BooleanArray:
    """An array of `values` [rows], null where `null`, bool [rows], says so."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [_validity(null), _bits(values)])


def strings(texts: Iterable[str | None], kind: pa.DataType | None = None) -> pa.Array:
    """An array of `texts`, null for None, of `kind`: string, as without, or large string."""
    encoded = [None if text is None else text.encode() for text in texts]
    is_large = kind is not None and pa.types.is_large_string(kind)
    offsets = np.zeros(len(encoded) + 1, np.int64 if is_large else np.int32)
    np.cumsum([len(text or b"") for text in encoded], out=offsets[1:])
    null = np.array([text is None for text in encoded], np.bool_)
    buffers = [_validity(null), pa.py_buffer(offsets), pa.py_buffer(b"".join(text or b"" for text in encoded))]
    return pa.Array.from_buffers(kind or pa.string(), len(encoded), buffers)


def offsets_of(lengths: NDArray[np.integer]) -> NDArray[np.int64]:
    """Where each of several runs of these lengths begins, end to end, and where the last ends: int64 [runs + 1]."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def floats_of(array: pa.FloatArray) -> NDArray[np.float32]:
    """The values of an array of floats, anything where it is null, without a copy."""
    return np.frombuffer(array.buffers()[1], np.float32)[array.offset : array.offset + len(array)]


def integers_of(array: pa.Array) -> NDArray[np.integer]:
    """The values of an array of integers, none of them null, without a copy."""
    width = np.dtype(str(array.type))
    return np.frombuffer(array.buffers()[1], width)[array.offset : array.offset + len(array)]


def bools_of(array: pa.BooleanArray) -> NDArray[np.bool_]:
    """The values of an array of bools, none of them null."""
    bits = np.frombuffer(array.buffers()[1], np.uint8)
    return np.unpackbits(bits, count=array.offset + len(array), bitorder="little")[array.offset :].view(np.bool_)


def bytes_and_offsets(texts: pa.StringArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The UTF-8 bytes of all texts end to end and where each begins: uint8 [bytes], int64 [rows + 1]."""
    kind = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    _, offset_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offset_buffer, kind)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    if data_buffer is None:
        return np.empty(0, np.uint8), offsets
    return np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]], offsets - offsets[0]


def slices_of(texts: pa.StringArray, most_bytes: int) -> Iterator[pa.StringArray]:
    """`texts` in slices of at most so many bytes, or of one text that has more; one empty slice of no texts."""
    _, offsets = bytes_and_offsets(texts)
    start = 0
    while start < max(len(texts), 1):
        end = int(np.searchsorted(offsets, offsets[start] + most_bytes, side="right")) - 1
        yield texts.slice(start, max(end - start, 1))
        start = max(end, start + 1)


def bytes_of(values: pa.LargeBinaryArray | pa.LargeStringArray) -> memoryview:
    """All values end to end, without a copy."""
    _, offset_buffer, data = values.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[values.offset : values.offset + len(values) + 1]
    return memoryview(data)[offsets[0] : offsets[-1]]


def without_nulls(texts: pa.Array) -> pa.Array:
    """Strings with an empty one for each null."""
    return texts.fill_null(strings([""], texts.type)[0]) if texts.null_count else texts


def _validity(null: NDArray[np.bool_] | None) -> pa.Buffer | None:
    return None if null is None or not null.any() else _bits(~null)


def _bits(values: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))
