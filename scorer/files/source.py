"""Files to record batches: Parquet, CSV and JSON Lines, streamed a window of rows at a time."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from scorer.arrow.columns import ColumnPath, require_readable_names
from scorer.errors import InputError
from scorer.files.csv_lines import line_of_row, line_of_unclosed_quote, read_header
from scorer.files.format import CsvOptions, Format, format_of
from scorer.files.jsonl import JsonLinesSource
from scorer.files.rebatching import WINDOW_ROWS, windows_of
from scorer.files.transcoding import recoded
from scorer.system.terminal import listed

__all__ = ["Source", "open_source"]

_PAGE_BUFFER_BYTES = 1 << 20
_CSV_BLOCK_BYTES = 1 << 20  # Arrow reads up to 32 of them ahead
_LARGEST_CSV_BLOCK = 1 << 30  # also the longest row that can be read

# Arrow's words; it would hand such rows to a function as well, but not those that are not UTF-8.
_RAGGED = r"CSV parse error: Row #(?P<row>\d+): Expected (?P<columns>\d+) columns, got (?P<values>\d+)"


class Source(Protocol):
    """An opened file of reviews."""

    path: Path
    schema: pa.Schema
    is_text: bool
    """The whole file is text: each of its strings is to be checked by `decode_rows`."""

    def batches(self, text_path: ColumnPath) -> Iterator[pa.RecordBatch]:
        """All rows in order, in windows of at most a few thousand; raises `InputError` for damaged data.

        A source may leave other columns than the one at `text_path` empty if its lines are kept whole.
        """

    def unreadable(self, row: int) -> str:
        """What to say of `row`, counted from 0, whose bytes are not text: where it is and what helps."""

    def fraction_read(self) -> float:
        """How much of the file has been handed out, 0 to 1."""


def open_source(
    path: Path, kind: Format | None = None, csv_options: CsvOptions | None = None, *, keep_lines: bool = False
) -> Source:
    """Open a file of reviews; raises `InputError` if it is missing, empty or not of its format.

    With `keep_lines`, lines of JSON are not taken apart, for a sink that writes JSON Lines again.
    """
    kind = kind or format_of(path)
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name one file")
    if not path.is_file():
        raise InputError(f"{path}: is not a file; pipes and devices cannot be read twice")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: is empty (0 bytes)")
    source = _open(path, kind, csv_options or CsvOptions(), keep_lines)
    require_readable_names(path, source.schema)
    return source


def _open(path: Path, kind: Format, csv_options: CsvOptions, keep_lines: bool) -> Source:
    if kind is Format.jsonl:
        return JsonLinesSource(path, keep_lines=keep_lines)
    return _ParquetSource(path) if kind is Format.parquet else _CsvSource(path, csv_options)


class _ParquetSource:
    is_text = False

    def __init__(self, path: Path) -> None:
        self.path = path
        with _arrow_errors(path, "not a Parquet file, or damaged"):
            # Page by page: a file of one huge row group must not lie in memory as a whole.
            self._file = pq.ParquetFile(
                pa.OSFile(os.fsencode(path)),
                buffer_size=_PAGE_BUFFER_BYTES,
                pre_buffer=False,
                page_checksum_verification=True,
            )
        self.schema: pa.Schema = self._file.schema_arrow
        self._rows: int = self._file.metadata.num_rows
        self._rows_read = 0

    def batches(self, text_path: ColumnPath) -> Iterator[pa.RecordBatch]:
        with _arrow_errors(self.path, "damaged Parquet data"):
            for batch in self._file.iter_batches(WINDOW_ROWS):
                self._rows_read += batch.num_rows
                yield batch
        if self._rows_read != self._rows:  # Arrow ends with the first column that ends
            raise InputError(f"{self.path}: damaged Parquet data: {self._rows_read:,} rows of {self._rows:,} are there")

    def unreadable(self, row: int) -> str:
        return f"row {row + 1}: its text is not UTF-8"

    def fraction_read(self) -> float:
        return self._rows_read / max(self._rows, 1)


class _CsvSource:
    """Every value stays the string it was: types are never guessed, empty is never null."""

    is_text = True

    def __init__(self, path: Path, options: CsvOptions) -> None:
        self.path = path
        self._options = options
        self._empty_lines, names = read_header(path, options)
        with self._errors():
            self._reader = self._open(names, _CSV_BLOCK_BYTES)
        self.schema: pa.Schema = self._reader.schema
        if self.schema.names != names:
            raise InputError(f"{path}: its header cannot be read; see --delimiter, and its quotes: {listed(names)}")

    def batches(self, text_path: ColumnPath) -> Iterator[pa.RecordBatch]:
        with self._errors():
            yield from windows_of(self._blocks())
        if self._text.quotes % 2:  # worth the time of looking closer, which is slow
            self._refuse_unclosed_quote()

    def _open(self, names: list[str], block_bytes: int) -> pacsv.CSVStreamingReader:
        """A reader from the beginning of the file, of larger blocks if the first row needs them."""
        self._block_bytes = block_bytes
        self._raw = pa.OSFile(os.fsencode(self.path))
        self._text = recoded(self._raw, self._options.encoding)
        try:
            return pacsv.open_csv(
                self._text,
                read_options=pacsv.ReadOptions(block_size=block_bytes, skip_rows=self._empty_lines),
                parse_options=pacsv.ParseOptions(
                    delimiter=self._options.delimiter,
                    newlines_in_values=True,
                    # With one column an empty line is an empty value; with more it can only be no row.
                    ignore_empty_lines=len(names) > 1,
                ),
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=False
                ),
            )
        except pa.ArrowInvalid as error:
            return self._open(names, self._larger_block(error))

    def _blocks(self) -> Iterator[pa.RecordBatch]:
        """All rows; where one is longer than a block, the file is read again from the beginning in larger ones."""
        given = 0
        while True:
            to_skip = given
            try:
                for block in self._reader:
                    fresh = block.slice(min(to_skip, block.num_rows))
                    to_skip -= block.num_rows - fresh.num_rows
                    given += fresh.num_rows
                    yield fresh
                return
            except pa.ArrowInvalid as error:
                self._reader = self._open(self.schema.names, self._larger_block(error))

    def _larger_block(self, error: pa.ArrowInvalid) -> int:
        """A size for a row that was longer than a block; raises `error` if it is another one, or the row too long."""
        if "straddling" not in str(error) or self._block_bytes >= _LARGEST_CSV_BLOCK:
            raise error
        if self._block_bytes == _CSV_BLOCK_BYTES:
            self._refuse_unclosed_quote()
        return min(8 * self._block_bytes, _LARGEST_CSV_BLOCK)

    def _refuse_unclosed_quote(self) -> None:
        if line := line_of_unclosed_quote(self.path, self._options):
            raise InputError(f"{self.path}: line {line}: a quote is opened and never closed; mend it or double it")

    def unreadable(self, row: int) -> str:
        line = line_of_row(self.path, self._options, row + 1)
        return f"line {line}: not {self._options.encoding} text; name the file's encoding with --encoding"

    def fraction_read(self) -> float:
        return float(self._raw.tell() / max(self._raw.size(), 1))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with _arrow_errors(self.path, "not readable as CSV, see --delimiter and --encoding"):
                yield
        except InputError as error:
            ragged = re.match(_RAGGED, str(error.__cause__))
            if not ragged:
                raise
            line = line_of_row(self.path, self._options, int(ragged["row"]) - 1 - self._empty_lines)
            raise InputError(
                f"{self.path}: line {line}: Expected {ragged['columns']} values, one for each column, "
                f"got {ragged['values']}; mend it, or see --delimiter"
            ) from None


@contextmanager
def _arrow_errors(path: Path, what: str) -> Iterator[None]:
    """Arrow's exceptions, and Python's own from decoding, as one clear line."""
    try:
        yield
    except MemoryError:  # Arrow's is one of its exceptions too
        raise
    except (pa.ArrowException, UnicodeError, EOFError) as error:
        raise InputError(f"{path}: {what}: {error}") from error
    except OSError as error:  # also what Arrow raises for corrupt pages
        if error.errno is not None:
            raise
        if "encrypt" in str(error) or "decrypt" in str(error):
            raise InputError(f"{path}: is encrypted; decrypt it first") from error
        raise InputError(f"{path}: {what}: {error}") from error
