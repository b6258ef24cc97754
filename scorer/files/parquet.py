"""Parquet, read page by page and written in row groups of a useful size."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from scorer.arrow.columns import find_text_column
from scorer.errors import InputError
from scorer.files.inputs import Input
from scorer.files.source import Decoded, arrow_errors, decode_column

__all__ = ["ParquetSink", "ParquetSource"]

_PAGE_BUFFER_BYTES = 1 << 20
_ROW_GROUP_ROWS = 131_072
_ROW_GROUP_BYTES = 8 << 20
"""Encoded while others are scored; what is left at the end is waited for, 100 ms for groups of 64 MB."""


class ParquetSource:
    """The rows of a Parquet file; `window_rows` at a time."""

    def __init__(self, file: Input, text_column: str | None, window_rows: int) -> None:
        self.name = file.name
        self._window_rows = window_rows
        with arrow_errors(self.name, "not a Parquet file, or damaged"):
            # Page by page: a file of one huge row group must not lie in memory as a whole.
            self._file = pq.ParquetFile(
                file.open(), buffer_size=_PAGE_BUFFER_BYTES, pre_buffer=False, page_checksum_verification=True
            )
        self.schema: pa.Schema = self._file.schema_arrow
        self._text = find_text_column(self.name, self.schema, text_column)
        self._rows: int = self._file.metadata.num_rows
        self.row_count: int | None = self._rows
        self._rows_read = 0

    def windows(self) -> Iterator[pa.RecordBatch]:
        """All rows in order; raises `InputError` for damaged data."""
        with arrow_errors(self.name, "damaged Parquet data"):
            for batch in self._file.iter_batches(self._window_rows):
                self._rows_read += batch.num_rows
                yield batch
        if self._rows_read != self._rows:  # Arrow ends with the first column that ends
            raise InputError(f"{self.name}: damaged Parquet data: {self._rows_read:,} rows of {self._rows:,} are there")

    def decode(self, window: pa.RecordBatch) -> Decoded:
        """Rows as they are, and their texts."""
        return decode_column(window, self._text)

    def unreadable(self, row: int) -> str:
        """What to say of `row`."""
        return f"row {row + 1}: its text is not UTF-8"

    def fraction_read(self) -> float:
        """Rows handed out, as a share of all."""
        return self._rows_read / max(self._rows, 1)


class ParquetSink:
    """Gathers batches into row groups."""

    def __init__(self, file: pa.NativeFile, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(file, schema)
        self._held: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        self._held.append(batch)
        rows = sum(held.num_rows for held in self._held)
        if rows >= _ROW_GROUP_ROWS or sum(held.nbytes for held in self._held) >= _ROW_GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Write the last row group and the footer."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_batches(self._held), row_group_size=_ROW_GROUP_ROWS)
            self._held.clear()
