"""Columns and frames of other libraries, none of which is imported here: what comes in goes out as its like."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from scorer.arrow.arrays import strings
from scorer.arrow.metadata import with_fields
from scorer.errors import InputError

__all__ = ["array_of", "column_names", "like", "with_columns"]


def array_of(values: Any) -> pa.Array:
    """A list, or a column of NumPy, pandas, Polars or Arrow, as one Arrow array; NaN is null.

    Raises `InputError` for anything else, and for what Arrow cannot hold.
    """
    try:
        match _library_of(values):
            case "builtins" if isinstance(values, (list, tuple)):
                return _array_of_list(values)
            case "pyarrow" if isinstance(values, (pa.Array, pa.ChunkedArray)):
                return _combined(values)
            case "numpy" if values.ndim == 1:
                return _array_of_list(values.tolist())
            case "pandas" if values.ndim == 1:
                return _combined(pa.array(values, from_pandas=True))
            case "polars" if hasattr(values, "to_arrow"):
                return _combined(values.to_arrow())
    except (AttributeError, TypeError, UnicodeEncodeError, pa.ArrowException) as error:  # a number, half a surrogate
        raise InputError(f"a column of this kind cannot be read: {error}") from None
    raise InputError(
        f"give a list, or a column of NumPy, pandas, Polars or Arrow, not {type(values).__module__}."
        f"{type(values).__qualname__}"
    )


def like(values: Any, result: pa.Array, name: str) -> Any:
    """`result` as a column of the kind that `values` is; called `name` where such columns have names."""
    match _library_of(values):
        case "builtins":
            return result.to_pylist()
        case "pyarrow":
            return pa.chunked_array([result]) if isinstance(values, pa.ChunkedArray) else result
        case "numpy":
            return result.to_numpy(zero_copy_only=False)
        case "pandas":
            return type(values)(result.to_numpy(zero_copy_only=False), index=values.index, name=name)
        case _:
            return type(values)(name, result)


def column_names(frame: Any) -> list[str]:
    """The columns of a frame of pandas or Polars, or of an Arrow table; raises `InputError` for anything else."""
    if isinstance(frame, pa.Table):
        return list(frame.column_names)
    if _library_of(frame) in ("pandas", "polars") and hasattr(frame, "columns") and hasattr(frame, "shape"):
        return [str(name) for name in frame.columns]
    raise InputError(f"give a data frame of pandas or Polars, or an Arrow table, not {type(frame).__qualname__}")


def with_columns(frame: Any, texts: Any, columns: dict[str, pa.Array]) -> Any:
    """The frame with `columns` after its own; `texts` is one of them."""
    if isinstance(frame, pa.Table):
        fields = [pa.field(name, column.type) for name, column in columns.items()]
        added = [pa.chunked_array([column]) for column in columns.values()]
        return pa.Table.from_arrays([*frame.columns, *added], schema=with_fields(frame.schema, fields))
    new = {name: like(texts, column, name) for name, column in columns.items()}
    return frame.assign(**new) if _library_of(frame) == "pandas" else frame.with_columns(**new)


def _library_of(values: Any) -> str:
    return type(values).__module__.partition(".")[0]


def _combined(array: Any) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _array_of_list(values: Sequence[Any]) -> pa.Array:
    known = [None if value is None or value != value else value for value in values]
    if any(isinstance(value, float) for value in known):
        return pa.array(known, pa.float32())
    return strings(known)
