"""Columns of any type as the cells of a CSV file, before they are quoted: text as it is, nested values as JSON."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scorer.arrow.decoding import decode_texts, is_text, mended
from scorer.arrow.rendering import cell_values
from scorer.arrow.zones import in_known_zone

__all__ = ["cells_of", "is_number"]


def cells_of(column: pa.Array) -> tuple[pa.LargeStringArray, NDArray[np.bool_]]:
    """The cells, null where the column is; bytes that are not UTF-8 are `�` in them, and where: bool [rows].

    Raises an Arrow exception, `ValueError` or `OverflowError` for a value that has no text.
    """
    column = _plain(cell_values(column))
    if not is_text(column.type):
        return in_known_zone(column).cast(pa.large_string()), np.zeros(len(column), np.bool_)
    texts, unreadable = decode_texts(column)
    texts = mended(texts) if unreadable.any() else texts
    return texts.cast(pa.large_string()), unreadable


def is_number(kind: pa.DataType) -> bool:
    """Its cells are numbers, which may begin with a sign."""
    return not (pa.types.is_nested(kind) or pa.types.is_fixed_size_binary(kind) or is_text(kind))


def _plain(column: pa.Array) -> pa.Array:
    """The values of dictionaries and runs."""
    kind = column.type
    if pa.types.is_run_end_encoded(kind):
        return _plain(pc.run_end_decode(column))
    if pa.types.is_dictionary(kind):
        return _plain(column.dictionary_decode())
    return column.cast(pa.binary()) if pa.types.is_fixed_size_binary(kind) else column
