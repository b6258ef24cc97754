"""Bytes to text: columns that claim to be UTF-8, and the rows where they are not.

Arrow's Parquet reader does not check what a string holds, so it is done here, before any text is scored.
"""

from collections.abc import Collection

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorer.arrow.nested import rows_where, storage_of

__all__ = ["decode_rows", "decode_texts", "is_string", "is_text", "mended", "unreadable_rows"]

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


def decode_rows(
    batch: pa.RecordBatch, checked: Collection[int] | None = None
) -> tuple[pa.RecordBatch, NDArray[np.bool_]]:
    """Rows with `�` for each byte that is not UTF-8; and which rows had any, bool [rows].

    Looks at the columns that are `checked`, all of texts if None, and at strings inside nested ones. These are told of
    but not mended: whoever writes them as text has to.
    """
    columns, found = list(batch.columns), np.zeros(batch.num_rows, np.bool_)
    for index, column in enumerate(columns):
        kind = storage_of(column).type
        if pa.types.is_nested(kind) or (is_text(kind) if checked is None else index in checked):
            unreadable = unreadable_rows(column)
            found |= unreadable
            if unreadable.any() and not pa.types.is_nested(kind):
                columns[index] = mended(column)
    fields = [field.with_type(column.type) for field, column in zip(batch.schema, columns, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, batch.schema.metadata)), found


def unreadable_rows(column: pa.Array) -> NDArray[np.bool_]:
    """Where a text, or a string inside a nested value, is not UTF-8, bool [rows]."""
    column = storage_of(column)
    if pa.types.is_nested(column.type):
        return rows_where(column, _unreadable_strings)
    return _unreadable(_plain_strings(column))


def is_string(kind: pa.DataType) -> bool:
    """True for a type that promises UTF-8: strings of any width, or a dictionary of them."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return any(check(kind) for check in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def _unreadable_strings(column: pa.Array) -> NDArray[np.bool_]:
    return unreadable_rows(column) if is_string(column.type) else np.zeros(len(column), np.bool_)


def _plain_strings(column: pa.Array) -> pa.StringArray | pa.LargeStringArray:
    """The strings of a text column, whatever it was stored as; its bytes are not checked."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return column
    if pa.types.is_null(column.type):
        return column.cast(pa.string())
    if pa.types.is_fixed_size_binary(column.type):
        column = column.cast(pa.binary())
    return column.cast(pa.large_binary()).view(pa.large_string())


def _unreadable(texts: pa.StringArray | pa.LargeStringArray) -> NDArray[np.bool_]:
    """Where a string is not UTF-8, bool [rows]."""
    try:
        texts.validate(full=True)  # all at once, at the speed of memory
    except pa.ArrowInvalid:
        return np.fromiter((not _decodes(value) for value in _as_bytes(texts)), np.bool_, len(texts))
    return np.zeros(len(texts), np.bool_)


def mended(column: pa.Array) -> pa.Array:
    """A text column with `�` for each byte that is not UTF-8, in its own type if that is not of a fixed size."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, mended(column.storage))
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(column.indices, mended(column.dictionary))
    values = (value if value is None else value.decode(errors="replace") for value in _as_bytes(column))
    texts = pa.array(values, pa.large_string())
    return texts if pa.types.is_fixed_size_binary(kind) else texts.cast(kind)


def _as_bytes(texts: pa.Array) -> list[bytes | None]:
    values: list[bytes | None] = _plain_strings(texts).cast(pa.large_binary()).to_pylist()
    return values


def _decodes(value: bytes | None) -> bool:
    try:
        return value is None or value.decode() is not None
    except UnicodeDecodeError:
        return False
