"""Timestamps as INT96, the outdated type of which Spark, Hive and Impala still write most files."""

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scorer.arrow.arrays import integers_of
from scorer.arrow.nested import leaves_of
from scorer.errors import InputError

__all__ = ["int96_unit", "only_int96"]

_REACH = 2**63 // 1000
"""Microseconds from 1970, either way, within which nanoseconds can be counted in 64 bits: the years 1678 to 2262."""


def int96_unit(name: str, open_with: Callable[[str | None], pq.ParquetFile], window_rows: int) -> str | None:
    """The unit in which the timestamps of a file lose nothing; None where there is no INT96.

    Microseconds reach to the year 9999 and beyond, and everyone reads them; nanoseconds are for values that have them.
    Raises `InputError` for values that need both.
    """
    paths = [column.path for column in _timestamps(open_with(None)) if column.physical_type == "INT96"]
    if not paths:
        return None
    has_nanoseconds = is_far = False
    windows = [open_with(unit).iter_batches(window_rows, columns=paths) for unit in ("ns", "us")]
    for fine, coarse in zip(*windows, strict=True):
        nanoseconds, microseconds = _counts(fine), _counts(coarse)
        fits = np.abs(microseconds) < _REACH
        has_nanoseconds |= bool((nanoseconds[fits] % 1000).any())
        is_far |= not fits.all()
    if has_nanoseconds and is_far:
        raise InputError(
            f"{name}: column {paths[0]!r}: some timestamps have nanoseconds, others lie beyond the years 1678 to 2262, "
            "and no type but INT96 holds both; cast them"
        )
    return "ns" if has_nanoseconds else "us"


def only_int96(file: pq.ParquetFile) -> bool:
    """All timestamps of a file are INT96, so that it may be written with them again."""
    return all(column.physical_type == "INT96" for column in _timestamps(file))


def _timestamps(file: pq.ParquetFile) -> Iterator[pq.ColumnSchema]:
    columns = file.metadata.schema
    for column in map(columns.column, range(len(columns))):
        if column.physical_type == "INT96" or column.logical_type.type == "TIMESTAMP":
            yield column


def _counts(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """All timestamps in their unit, wherever they stand."""
    leaves = [leaf for column in batch.columns for leaf in leaves_of(column) if pa.types.is_timestamp(leaf.type)]
    return np.concatenate([integers_of(leaf.drop_null().cast(pa.int64())) for leaf in leaves]).astype(np.int64)
