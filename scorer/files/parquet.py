"""Parquet, read page by page and written in row groups of a useful size."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile

import pyarrow as pa
import pyarrow.parquet as pq

from scorer.arrow.columns import column_at, find_text_column, names_on
from scorer.arrow.decoding import decode_texts, unreadable_rows
from scorer.arrow.nested import leaf_types, leaves_of
from scorer.errors import InputError
from scorer.files.format import Format
from scorer.files.inputs import Input
from scorer.files.int96 import int96_unit, only_int96
from scorer.files.parquet_footer import (
    Element,
    FooterFile,
    annotated,
    codec_of,
    columns_of,
    elements_of,
    footer_of,
    holds_128_bits,
    name_of,
    parquet_only,
)
from scorer.files.rebatching import WINDOW_BYTES
from scorer.files.source import (
    Decoded,
    Skipped,
    arrow_errors,
    checked_columns,
    decode_column,
    decode_text_rows,
)

__all__ = ["ParquetLayout", "ParquetSink", "ParquetSource"]

_PAGE_BUFFER_BYTES = 1 << 20
_LEAST_WINDOW_ROWS = 4096
_ROW_GROUP_ROWS = 131_072
_ROW_GROUP_BYTES = 8 << 20
"""Encoded while others are scored; what is left at the end is waited for, 100 ms for groups of 64 MB."""


@dataclass(frozen=True, slots=True)
class ParquetLayout:
    """How rows are written, apart from what their schema says."""

    compression: str = "snappy"
    int96: bool = False
    """Timestamps are INT96, because that is what they were and nothing else fits."""
    elements: Sequence[Element] = ()
    """The schema that the first columns had in the input's footer, for its annotations."""

    def of_columns(self, names: Sequence[str]) -> "ParquetLayout":
        """The same where the first columns are those of these names, up to one that the input does not have."""
        known = {name_of(column): column for column in columns_of(self.elements)}
        first = [node for name in takewhile(known.__contains__, names) for node in known[name]]
        return replace(self, elements=[*self.elements[:1], *first])


class ParquetSource:
    """The rows of a Parquet file, or of its `row_groups` from the first to before the last; `window_rows` at a time.

    Where they are `written_as` text, all of their strings are looked at, else only those of the text column. Other
    columns than that and those of the names `columns` are not read, if any are named.
    """

    def __init__(
        self,
        file: Input,
        text_column: str | None,
        window_rows: int,
        written_as: Format = Format.parquet,
        row_groups: tuple[int, int] | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        self.name, self.skipped = file.name, Skipped()
        self._input, self._written_as = file, written_as
        with file.open_random() as raw, arrow_errors(self.name, "not a Parquet file, or damaged"):
            footer = footer_of(raw)
            self._elements, self._codec = elements_of(footer), codec_of(footer)
            self._int96_unit = int96_unit(self.name, self._open, window_rows)
            self._file = self._open(self._int96_unit)
        self.schema: pa.Schema = self._file.schema_arrow
        self.text = find_text_column(self.name, self.schema, text_column)
        self._names = self._narrow(columns) if columns else None
        self._checked = checked_columns(self.schema, self.text, written_as)
        metadata = self._file.metadata
        counts = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
        if sum(counts) != metadata.num_rows:
            raise self._lacking(sum(counts), metadata.num_rows)
        self._groups = range(*(row_groups or (0, len(counts))))
        self._rows, self._rows_before = sum(counts[i] for i in self._groups), sum(counts[: self._groups.start])
        self._window_rows = min(window_rows, _rows_of_a_window(self._file.metadata))
        self.row_count: int | None = self._rows
        self._rows_read = self._text_read = 0
        if written_as is not Format.parquet:
            self._refuse_parquet_only()

    @property
    def layout(self) -> ParquetLayout:
        """How the rows are written as Parquet again."""
        int96 = self._int96_unit == "ns" and only_int96(self._file)
        return ParquetLayout(self._codec or ParquetLayout().compression, int96, self._elements)

    def _narrow(self, columns: Sequence[str]) -> list[str] | None:
        """Leave out what is not needed; returns the names of what is, None where names are not enough to tell."""
        names = self.schema.names
        if len(set(names)) < len(names) or any("." in name for name in names):
            return None
        needed = [index for index, name in enumerate(names) if name in columns or index == self.text[0]]
        self.schema = pa.schema([self.schema.field(index) for index in needed], self.schema.metadata)
        self.text = (needed.index(self.text[0]), *self.text[1:])
        return list(self.schema.names)

    def windows(self) -> Iterator[pa.RecordBatch]:
        """All rows in order; raises `InputError` for damaged data."""
        self._rows_read = self._text_read = 0
        with arrow_errors(self.name, "damaged Parquet data"):
            for batch in self._batches(self._file):
                self._rows_read += batch.num_rows
                self._text_read += column_at(batch, self.text).nbytes
                yield batch
        if self._rows_read != self._rows:  # Arrow ends with the first column that ends
            raise self._lacking(self._rows_read, self._rows)

    def decode(self, window: pa.RecordBatch) -> Decoded:
        """Rows as they are or, where they become text, as UTF-8; and their texts."""
        if self._written_as is Format.parquet:
            return decode_column(window, self.text)
        return decode_text_rows(window, self.text, self._checked)

    def unreadable(self, row: int) -> str:
        """What to say of `row`."""
        windows, start = self._batches(self._open(self._int96_unit)), row
        while start >= (window := next(windows)).num_rows:
            start -= window.num_rows
        one, row = window.slice(start, 1), row + self._rows_before
        if decode_texts(column_at(one, self.text))[1].any():
            return f"{self.name}: row {row + 1}: its text is not UTF-8"
        name = next(
            field.name for field, column in zip(one.schema, one.columns, strict=True) if unreadable_rows(column).any()
        )
        return f"{self.name}: row {row + 1}: column {name!r} has bytes that are not UTF-8; name a .parquet output"

    def fraction_read(self) -> float:
        """Bytes of text handed out, as a share of those in the footer; rows, if texts that repeat are stored once."""
        rows, text = self._rows_read / max(self._rows, 1), self._text_read / max(self._text_bytes, 1)
        return rows if rows == 1 or text > 1 else text

    @cached_property
    def _text_bytes(self) -> int:
        """Of the column of texts in all row groups, uncompressed: with a length before each, as Arrow has an offset."""
        footer, name = self._file.metadata, ".".join(names_on(self.text, self.schema))
        index = next((n for n in range(footer.num_columns) if footer.schema.column(n).path == name), None)
        if index is None:
            return 0
        groups = (footer.row_group(number) for number in range(footer.num_row_groups))
        return sum(group.column(index).total_uncompressed_size for group in groups)

    def _batches(self, file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
        """All rows; by row group where categories are nested, which Arrow reads from one of them at a time only."""
        nested = [field.type for field in self.schema if pa.types.is_nested(field.type)]
        alone = any(pa.types.is_dictionary(leaf) for kind in nested for leaf in leaf_types(kind))
        for groups in [[number] for number in self._groups] if alone else [list(self._groups)]:
            yield from file.iter_batches(self._window_rows, row_groups=groups, columns=self._names)

    def _lacking(self, found: int, expected: int) -> InputError:
        return InputError(f"{self.name}: damaged Parquet data: {found:,} rows of {expected:,} are there")

    def _open(self, int96_unit: str | None = None) -> pq.ParquetFile:
        try:
            # Page by page: a file of one huge row group must not lie in memory as a whole.
            return pq.ParquetFile(
                self._input.open_random(),
                buffer_size=_PAGE_BUFFER_BYTES,
                pre_buffer=False,
                page_checksum_verification=True,
                coerce_int96_timestamp_unit=int96_unit,
            )
        except pa.ArrowNotImplementedError as error:
            wide = [name_of(column) for column in columns_of(self._elements) if holds_128_bits(column)]
            if not wide or "64 bits" not in str(error):
                raise
            what = (
                f"column {wide[0]!r} has integers of 128 bits, which Arrow cannot read; make them decimals or strings"
            )
            raise InputError(f"{self.name}: {what}") from error

    def _refuse_parquet_only(self) -> None:
        for column in columns_of(self._elements):
            if (self._names is None or name_of(column) in self._names) and (what := parquet_only(column)):
                raise InputError(f"{self.name}: column {name_of(column)!r} has {what}; name a .parquet output")


def _rows_of_a_window(metadata: pq.FileMetaData) -> int:
    """As many as fill a window, by the first row group: windows are never joined here, their categories may differ."""
    if not metadata.num_row_groups:
        return _LEAST_WINDOW_ROWS
    first = metadata.row_group(0)
    return max(_LEAST_WINDOW_ROWS, int(WINDOW_BYTES * first.num_rows / max(first.total_byte_size, 1)))


class ParquetSink:
    """Gathers batches into row groups."""

    def __init__(self, file: pa.NativeFile, schema: pa.Schema, layout: ParquetLayout) -> None:
        self._footer = FooterFile(file, layout.elements) if _loses_annotations(schema, layout.elements) else None
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._footer, "w") if self._footer else file,
            schema,
            compression=layout.compression,
            use_deprecated_int96_timestamps=layout.int96,
        )
        self._held: list[pa.RecordBatch] = []
        self._narrow = [
            index for index, field in enumerate(schema) if any(map(_most_categories, leaf_types(field.type)))
        ]
        self._categories: list[pa.Array] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        self._add_categories(batch)
        self._held.append(batch)
        rows = sum(held.num_rows for held in self._held)
        if rows >= _ROW_GROUP_ROWS or sum(held.nbytes for held in self._held) >= _ROW_GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Write the last row group and the footer."""
        self._flush()
        if self._footer:
            self._footer.hold()
        self._writer.close()
        if self._footer:
            self._footer.end()

    def _add_categories(self, batch: pa.RecordBatch) -> None:
        """Begin a new row group where its categories would be too many for their type.

        Readers number those of a row group anew, in as few bits as the type has.
        """
        leaves = [leaf for index in self._narrow for leaf in leaves_of(batch.column(index))]
        narrow = [leaf for leaf in leaves if _most_categories(leaf.type)]
        new = [leaf.dictionary for leaf in narrow]
        if self._held:
            joined = [pa.concat_arrays(pair).unique() for pair in zip(self._categories, new, strict=True)]
            if all(len(one) <= _most_categories(leaf.type) for one, leaf in zip(joined, narrow, strict=True)):
                self._categories = joined
                return
            self._flush()
        self._categories = new

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_batches(self._held), row_group_size=_ROW_GROUP_ROWS)
            self._held.clear()


def _loses_annotations(schema: pa.Schema, elements: Sequence[Element]) -> bool:
    """Arrow would write the columns otherwise than they were."""
    file = pa.BufferOutputStream()
    pq.ParquetWriter(file, schema).close()
    footer = footer_of(pa.BufferReader(file.getvalue()))
    return annotated(footer, elements) != footer


def _most_categories(kind: pa.DataType) -> int:
    """How many values a dictionary of 8 or 16 bits numbers; 0 for all other types."""
    if not pa.types.is_dictionary(kind) or kind.index_type.bit_width > 16:
        return 0
    bits: int = kind.index_type.bit_width - pa.types.is_signed_integer(kind.index_type)
    return 1 << bits
