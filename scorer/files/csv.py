"""CSV, both ways: every value stays the string it was, and columns of other types become text."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from scorer.arrow.columns import find_text_column
from scorer.arrow.decoding import decode_texts, is_text
from scorer.arrow.rendering import cell_values
from scorer.arrow.zones import with_known_zone
from scorer.errors import InputError
from scorer.files.csv_lines import line_of_row, line_of_unclosed_quote, read_header
from scorer.files.format import CsvOptions
from scorer.files.inputs import Input
from scorer.files.rebatching import windows_of
from scorer.files.source import Decoded, arrow_errors, decode_text_rows
from scorer.files.transcoding import transcoded
from scorer.system.terminal import listed

__all__ = ["CsvSink", "CsvSource"]

_BLOCK_BYTES = 1 << 20
"""Arrow reads up to 32 of them ahead: blocks of 16 MB took 578 MB for a file of 130 MB, these 433 MB."""
_LARGEST_BLOCK = 1 << 30
"""Also the longest row that can be read."""

# Arrow's words; it would hand such rows to a function as well, but not those that are not UTF-8.
_RAGGED = r"CSV parse error: Row #(?P<row>\d+): Expected (?P<columns>\d+) columns, got (?P<values>\d+)"
_FORMULA = r"\A([=+\-@\t\r\n])"
"""How a cell begins that a spreadsheet would run: https://owasp.org/www-community/attacks/CSV_Injection."""


class CsvSource:
    """Every value stays the string it was: types are never guessed, empty is never null."""

    row_count: int | None = None

    def __init__(self, file: Input, text_column: str | None, options: CsvOptions, window_rows: int) -> None:
        self.name = file.name
        self._file, self._options, self._window_rows = file, options, window_rows
        self._empty_lines, names = read_header(file, options)
        with self._errors():
            self._reader = self._open(names, _BLOCK_BYTES)
        self.schema: pa.Schema = self._reader.schema
        if self.schema.names != names:
            raise InputError(
                f"{self.name}: its header cannot be read; see --delimiter, and its quotes: {listed(names)}"
            )
        self._text = find_text_column(self.name, self.schema, text_column)

    def windows(self) -> Iterator[pa.RecordBatch]:
        """All rows in order; raises `InputError` for a line of too many or too few values."""
        with self._errors():
            yield from windows_of(self._blocks(), self._window_rows)
        if self._stream.quotes % 2:  # worth the time of looking closer, which is slow
            self._refuse_unclosed_quote()

    def decode(self, window: pa.RecordBatch) -> Decoded:
        """Rows of UTF-8, and their texts."""
        return decode_text_rows(window, self._text)

    def unreadable(self, row: int) -> str:
        """On which line `row` begins, and what helps."""
        line = line_of_row(self._file, self._options, row + 1)
        return f"line {line}: not {self._options.encoding} text; name the file's encoding with --encoding"

    def fraction_read(self) -> float:
        """Bytes read, as a share of all."""
        return float(self._raw.tell() / max(self._file.size, 1))

    def _open(self, names: list[str], block_bytes: int) -> pacsv.CSVStreamingReader:
        """A reader from the beginning of the file, of larger blocks if the first row needs them."""
        self._block_bytes = block_bytes
        self._raw = self._file.open()
        self._stream = transcoded(self._raw, self._options.encoding)
        try:
            return pacsv.open_csv(
                self._stream,
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
        if "straddling" not in str(error) or self._block_bytes >= _LARGEST_BLOCK:
            raise error
        if self._block_bytes == _BLOCK_BYTES:
            self._refuse_unclosed_quote()
        return min(8 * self._block_bytes, _LARGEST_BLOCK)

    def _refuse_unclosed_quote(self) -> None:
        if line := line_of_unclosed_quote(self._file, self._options):
            raise InputError(f"{self.name}: line {line}: a quote is opened and never closed; mend it or double it")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with arrow_errors(self.name, "not readable as CSV, see --delimiter and --encoding"):
                yield
        except InputError as error:
            ragged = re.match(_RAGGED, str(error.__cause__))
            if not ragged:
                raise
            line = line_of_row(self._file, self._options, int(ragged["row"]) - 1 - self._empty_lines)
            raise InputError(
                f"{self.name}: line {line}: Expected {ragged['columns']} values, one for each column, "
                f"got {ragged['values']}; mend it, or see --delimiter"
            ) from None


class CsvSink:
    """CSV in UTF-8 as RFC 4180 has it: null is nothing, an empty string is two quotes."""

    def __init__(self, file: pa.NativeFile, schema: pa.Schema, options: CsvOptions) -> None:
        self._escape_formulas = options.escape_formulas
        self._schema = _csv_schema(schema, options.escape_formulas)
        spelling = pacsv.WriteOptions(delimiter=options.delimiter)
        self._writer = pacsv.CSVWriter(file, self._schema, write_options=spelling)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        self._writer.write_batch(_csv_batch(batch, self._schema, self._escape_formulas))

    def close(self) -> None:
        """Write what is still held back."""
        self._writer.close()


def _csv_schema(schema: pa.Schema, escape_formulas: bool) -> pa.Schema:
    """The types in which Arrow's CSV writer takes the columns, and their names."""
    fields = [field.with_type(_csv_type(field.type)) for field in schema]
    if escape_formulas:
        fields = [field.with_name(re.sub(_FORMULA, r"'\1", field.name)) for field in fields]
    return pa.schema(fields)


def _csv_batch(batch: pa.RecordBatch, schema: pa.Schema, escape_formulas: bool) -> pa.RecordBatch:
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
    is_extension = isinstance(kind, pa.BaseExtensionType)
    text = is_extension or pa.types.is_nested(kind) or pa.types.is_fixed_size_binary(kind) or is_text(kind)
    return pa.large_string() if text else with_known_zone(kind)


def _cells(column: pa.Array) -> pa.Array:
    """The column with nested values as JSON and all that may be text as strings of valid UTF-8."""
    column = cell_values(column)
    if pa.types.is_fixed_size_binary(column.type):
        column = column.cast(pa.binary())
    if not is_text(column.type):
        return column
    texts, unreadable = decode_texts(column)
    if unreadable.any():
        raise ValueError("bytes that are not UTF-8")
    return texts
