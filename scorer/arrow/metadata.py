"""Metadata that restates a schema, kept true when columns are added.

Writers leave their own notion of the columns beside the schema, and their readers believe it: to Spark a column that
is not in it does not exist, and pandas takes a new name for one more integer if all the others were.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa

__all__ = ["class_names", "with_fields", "without_restated"]

_RESTATED = {
    *(b"parquet.avro.schema", b"avro.schema", b"iceberg.schema"),
    *(b"thrift.class", b"thrift.descriptor", b"parquet.proto.class", b"parquet.proto.descriptor"),
}
"""Keys of schemas that cannot be extended here: their readers go by the file's own when there is none."""


def class_names(schema: pa.Schema, column: str) -> list[str] | None:
    """The names of the numbers in a column that Hugging Face's `datasets` wrote as a `ClassLabel`; None for others."""
    try:
        names = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][column]["names"]
    except (ValueError, KeyError, TypeError):
        return None
    return [str(name) for name in names] if isinstance(names, list) else None


def with_fields(schema: pa.Schema, fields: Sequence[pa.Field]) -> pa.Schema:
    """`schema` with `fields` at its end, and what its metadata says of the columns extended or left out."""
    return pa.schema([*schema, *fields], _extended(schema.metadata or {}, tuple(fields)) or None)


def without_restated(schema: pa.Schema) -> pa.Schema:
    """`schema`, some of whose columns were left out, without what its metadata says of them."""
    restated = {*_EXTENDERS, *_RESTATED}
    return schema.with_metadata({key: value for key, value in (schema.metadata or {}).items() if key not in restated})


def _extended(metadata: Mapping[bytes, bytes], fields: tuple[pa.Field, ...]) -> dict[bytes, bytes]:
    extended = {key: _extended_value(key, value, fields) for key, value in metadata.items() if key not in _RESTATED}
    return {key: value for key, value in extended.items() if value is not None}


@lru_cache(maxsize=16)  # the same for every window of a run
def _extended_value(key: bytes, value: bytes, fields: tuple[pa.Field, ...]) -> bytes | None:
    """`value` with `fields`; None if it is damaged, or older than the form that is known here."""
    if key not in _EXTENDERS:
        return value
    try:
        return json.dumps(_EXTENDERS[key](json.loads(value), fields)).encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _with_pandas_columns(found: Any, fields: Sequence[pa.Field]) -> Any:
    """https://pandas.pydata.org/docs/development/developer.html."""
    columns = [_pandas_column(field) for field in fields]
    labels = [_string_labels(found["column_indexes"])] if found["column_indexes"] else []
    return {**found, "columns": [*found["columns"], *columns], "column_indexes": labels}


def _pandas_column(field: pa.Field) -> dict[str, Any]:
    known = {pa.string(): ("unicode", "object"), pa.float32(): ("float32", "float32")}
    pandas_type, numpy_type = ("list[object]", "object") if pa.types.is_list(field.type) else known[field.type]
    names = {"name": field.name, "field_name": field.name}
    return {**names, "pandas_type": pandas_type, "numpy_type": numpy_type, "metadata": None}


def _string_labels(levels: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Labels of strings, whatever they were: pandas would make integers, dates or tuples of the new names as well."""
    kind = {"pandas_type": "unicode", "numpy_type": "object", "metadata": {"encoding": "UTF-8"}}
    return {"name": None, "field_name": None, **(levels[0] if len(levels) == 1 else {}), **kind}


def _with_spark_fields(found: Any, fields: Sequence[pa.Field]) -> Any:
    """The JSON form of Spark's `StructType`."""
    return {**found, "fields": [*found["fields"], *map(_spark_field, fields)]}


def _spark_field(field: pa.Field) -> dict[str, Any]:
    return {"name": field.name, "type": _spark_type(field.type), "nullable": True, "metadata": {}}


def _spark_type(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return {"type": "array", "elementType": _spark_type(kind.value_type), "containsNull": True}
    if pa.types.is_struct(kind):
        return {"type": "struct", "fields": [_spark_field(field) for field in kind]}
    return {pa.string(): "string", pa.float32(): "float"}[kind]


def _with_features(found: Any, fields: Sequence[pa.Field]) -> Any:
    """The `Features` of Hugging Face's `datasets`."""
    new = {field.name: _feature(field.type) for field in fields}
    return {**found, "info": {**found["info"], "features": {**found["info"]["features"], **new}}}


def _feature(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return [_feature(kind.value_type)]  # so it was written before `List` had a name, and is still read
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    return {"dtype": {pa.string(): "string", pa.float32(): "float32"}[kind], "_type": "Value"}


_EXTENDERS: dict[bytes, Callable[[Any, Sequence[pa.Field]], Any]] = {
    b"pandas": _with_pandas_columns,
    b"org.apache.spark.sql.parquet.row.metadata": _with_spark_fields,
    b"huggingface": _with_features,
}
