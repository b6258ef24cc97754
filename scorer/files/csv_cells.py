"""Columns as CSV can hold them: UTF-8 text, JSON for nested values, and no formulas for spreadsheets if so asked."""

import json
import re

import pyarrow as pa
import pyarrow.compute as pc

from scorer.arrow.decoding import decode_texts, is_text

__all__ = ["csv_batch", "csv_schema"]

_FORMULA = r"\A([=+\-@\t\r\n])"
"""How a cell begins that a spreadsheet would run: https://owasp.org/www-community/attacks/CSV_Injection."""


def csv_schema(schema: pa.Schema, escape_formulas: bool) -> pa.Schema:
    """The types in which Arrow's CSV writer takes the columns, and their names."""
    fields = [field.with_type(_csv_type(field.type)) for field in schema]
    if escape_formulas:
        fields = [field.with_name(re.sub(_FORMULA, r"'\1", field.name)) for field in fields]
    return pa.schema(fields)


def csv_batch(batch: pa.RecordBatch, schema: pa.Schema, escape_formulas: bool) -> pa.RecordBatch:
    """The rows in the `csv_schema`; raises `pa.ArrowInvalid` for a value that CSV cannot hold."""
    columns = []
    for column, field in zip(batch.columns, schema, strict=True):
        try:
            cells = _cells(column).cast(field.type)
        except (UnicodeDecodeError, OverflowError, ValueError) as error:  # pa.ArrowInvalid is a ValueError
            raise pa.ArrowInvalid(f"column {field.name!r}: {error}; name a .parquet output") from error
        if escape_formulas and pa.types.is_large_string(field.type):
            cells = pc.replace_substring_regex(cells, _FORMULA, r"'\1")
        columns.append(cells)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _csv_type(kind: pa.DataType) -> pa.DataType:
    text = pa.types.is_nested(kind) or pa.types.is_fixed_size_binary(kind) or is_text(kind)
    return pa.large_string() if text else kind


def _cells(column: pa.Array) -> pa.Array:
    """The column with nested values as JSON and all that may be text as strings of valid UTF-8."""
    if pa.types.is_nested(column.type):
        values = (v if v is None else json.dumps(v, ensure_ascii=False, default=str) for v in column.to_pylist())
        return pa.array(values, pa.large_string())
    if pa.types.is_fixed_size_binary(column.type):
        column = column.cast(pa.binary())
    if not is_text(column.type):
        return column
    texts, unreadable = decode_texts(column)
    if unreadable.any():
        raise ValueError("bytes that are not UTF-8")
    return texts
