"""Bytes to text: columns that claim to be UTF-8, and the rows where they are not.

Arrow's Parquet reader does not check what a string holds, so it is done here, before any text is scored.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["decode_rows", "decode_texts", "is_text", "mend_texts"]

_TEXT_TYPES = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_null,
)


def is_text(kind: pa.DataType) -> bool:
    """True for a type whose values `decode_texts` can read: strings, bytes, a dictionary of them, or nothing at all."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return any(check(kind) for check in _TEXT_TYPES)


def decode_texts(column: pa.Array) -> tuple[pa.StringArray | pa.LargeStringArray, NDArray[np.bool_]]:
    """A text column in the form that the tokenizer reads, plain strings; and where they are no UTF-8, bool [rows]."""
    texts = _plain_strings(column)
    return texts, _unreadable(texts)


def decode_rows(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, NDArray[np.bool_]]:
    """Rows of plain strings with `�` for each byte that is not UTF-8; and which rows had any, bool [rows]."""
    no_text = np.zeros(batch.num_rows, np.bool_)
    masks = [_unreadable(column) if is_text(column.type) else no_text for column in batch.columns]
    rows = np.logical_or.reduce([no_text, *masks])
    if not rows.any():
        return batch, rows
    columns = [mend_texts(column) if mask.any() else column for column, mask in zip(batch.columns, masks, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema), rows


def mend_texts(texts: pa.StringArray | pa.LargeStringArray) -> pa.StringArray | pa.LargeStringArray:
    """Strings with `�` for each byte that is not UTF-8."""
    values = (value if value is None else value.decode(errors="replace") for value in _as_bytes(texts))
    return pa.array(values, texts.type)


def _plain_strings(column: pa.Array) -> pa.StringArray | pa.LargeStringArray:
    """The strings of a text column, whatever it was stored as; its bytes are not checked."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column
    if pa.types.is_null(column.type):
        return column.cast(pa.string())
    return column.cast(pa.large_binary()).view(pa.large_string())


def _unreadable(texts: pa.StringArray | pa.LargeStringArray) -> NDArray[np.bool_]:
    """Where a string is not UTF-8, bool [rows]."""
    try:
        texts.validate(full=True)  # all at once, at the speed of memory
    except pa.ArrowInvalid:
        return np.fromiter((not _decodes(value) for value in _as_bytes(texts)), np.bool_, len(texts))
    return np.zeros(len(texts), np.bool_)


def _as_bytes(texts: pa.StringArray | pa.LargeStringArray) -> list[bytes | None]:
    values: list[bytes | None] = texts.cast(pa.large_binary()).to_pylist()
    return values


def _decodes(value: bytes | None) -> bool:
    try:
        return value is None or value.decode() is not None
    except UnicodeDecodeError:
        return False
