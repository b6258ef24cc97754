"""CSV, both ways: every value stays the string it was, and columns of other types become text."""

import codecs
import re
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from scorer.arrow.arrays import bytes_of, strings, without_nulls
from scorer.arrow.columns import ColumnPath, find_text_column
from scorer.arrow.decoding import decode_rows
from scorer.errors import GuessWarning, InputError
from scorer.files.csv_cells import cells_of, is_number
from scorer.files.csv_rows import RowBlock, first_row, row_blocks, unescaped_apart
from scorer.files.encodings import Evidence, encoding_of, likely_encoding
from scorer.files.format import BadLines, CsvOptions, Dialect, OutputEncoding
from scorer.files.inputs import Input, share_read
from scorer.files.rebatching import windows_of
from scorer.files.source import Decoded, Skipped, arrow_errors
from scorer.files.transcoding import CHUNK_BYTES, transcoded

__all__ = ["CsvSink", "CsvSource"]

_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}
_IN_PROSE = ",;: "
_NEVER_IN_NUMBERS = ",;\t|"
_ROWS_AT_ONCE = 512
"""25,000 IMDB reviews are written in 63 ms of CPU by so many at once, in 122 by 4,096: caches hold what is copied."""
_FORMULA = r"\A([=+\-@\t\r\n])"
"""How a cell begins that a spreadsheet would run: https://owasp.org/www-community/attacks/CSV_Injection."""


class CsvSource:
    """Every value stays the string it was: types are never guessed, and what is empty is null only where it is asked.

    With `keep_nothing`, for a sink that writes CSV again, a value that is not even two quotes is null in the rows.
    """

    row_count: int | None = None

    def __init__(
        self, file: Input, text_column: str | None, options: CsvOptions, window_rows: int, *, keep_nothing: bool = False
    ) -> None:
        self.name = file.name
        self.skipped = Skipped()
        self._bytes_read = 0
        self._file, self._window_rows, self._keep_nothing = file, window_rows, keep_nothing
        self._dialect = options.of_input(file.plain_name)
        self._has_guessed = options.encoding is None and self._take_encoding()
        self._may_guess = options.delimiter is None
        self.seen_delimiter: str | None = None
        self._may_skip = options.bad_lines is BadLines.skip
        self._null_values = strings(options.null_values)
        with arrow_errors(self.name, "its header is not readable as CSV"):
            first = self._first()
            self._set_schema(first)
        self.text = self._find_text(first, text_column)

    def windows(self) -> Iterator[pa.RecordBatch]:
        """All rows in order; raises `InputError` for a line of too many or too few values, unless it may be skipped."""
        self.skipped = Skipped()
        with arrow_errors(self.name, "not readable as CSV, see --delimiter and --encoding"):
            yield from windows_of(self._parsed_blocks(), self._window_rows)

    def decode(self, window: pa.RecordBatch) -> Decoded:
        """Rows of UTF-8, and their texts."""
        rows, unreadable = decode_rows(window)
        texts = self._valued(rows.column(self.text[0]))
        if not self._keep_nothing:
            rows = pa.RecordBatch.from_arrays([self._valued(column) for column in rows.columns], schema=self.schema)
        return Decoded(rows, texts, unreadable)

    def unreadable(self, row: int) -> str:
        """On which line `row` begins, and what helps."""
        for block in self._blocks():
            rows = np.flatnonzero(block.columns == len(self.schema))
            if row < len(rows):
                break
            row -= len(rows)
        line, encoding = block.line_of(rows[row]), self._dialect.encoding
        likely = likely_encoding(block.data) if encoding == "utf-8" else None
        advice = f"name the file's encoding with --encoding{f', maybe {likely}' if likely else ''}"
        return f"{self.name}: line {line}: not {encoding} text; {advice}"

    def fraction_read(self) -> float:
        """Bytes read, as a share of all, without those that are no rows yet."""
        return share_read(self._file, self._bytes_read) * self._bytes_given / max(self._bytes_decoded, 1)

    def _take_encoding(self) -> bool:
        """Read in the encoding that the first block speaks for, and tell it; whether it does, and is not UTF-8."""
        with self._file.open() as raw:
            found = encoding_of(raw.read(CHUNK_BYTES))
        if found:
            self._dialect = replace(self._dialect, encoding=found)
            words = f"{self.name}: read as {found}, in which its first lines are; --encoding says otherwise"
            warnings.warn(words, GuessWarning, stacklevel=1)
        return found is not None

    def _blocks(self) -> Iterator[RowBlock]:
        """All rows but that of the names."""
        return self._first_and_rest()[1] if self._dialect.header else row_blocks(self.name, self._chunks, self._dialect)

    def _first(self) -> RowBlock:
        """The first row; one that is none, for its quotes end before no delimiter, may be one with another."""
        try:
            return self._first_and_rest()[0]
        except InputError:
            if (seen := next(filter(self._parts_first, _DELIMITERS), None)) is None:
                raise
        self._take(seen)
        return self._first_and_rest()[0]

    def _parts_first(self, sign: str) -> bool:
        """Whether the delimiter makes several values of the first row."""
        try:
            first, _ = first_row(row_blocks(self.name, self._chunks, replace(self._dialect, delimiter=sign)))
        except InputError:
            return False
        return first is not None and bool(first.columns[0] > 1)

    def _first_and_rest(self) -> tuple[RowBlock, Iterator[RowBlock]]:
        """The first row, which names the columns if any does, and those after it."""
        first, rest = first_row(row_blocks(self.name, self._chunks, self._dialect))
        if first and (declared := re.fullmatch(rb"sep=(.)[\r\n]*", first.data)):  # a line that only spreadsheets know
            said = declared[1].decode("latin-1")
            if said != self._dialect.delimiter:
                if not self._may_guess or said not in _DELIMITERS:
                    raise self._other_delimiter(said)
                self._dialect = replace(self._dialect, delimiter=said)
                return self._first_and_rest()
            self.seen_delimiter = said
            first, rest = first_row(rest)
        if not first:
            raise InputError(f"{self.name}: has no header, only empty lines")
        return first, rest

    def _chunks(self) -> Iterator[bytes]:
        self._bytes_decoded = self._bytes_given = 0
        with self._file.open() as raw:
            hold = Evidence(self.name, self._dialect.encoding).hold if self._has_guessed else bytes
            for chunk in unescaped_apart(transcoded(self.name, raw, self._dialect.encoding, hold), self._dialect):
                self._bytes_read = raw.tell()
                self._bytes_decoded += len(chunk)
                yield chunk

    def _names(self, first: RowBlock) -> list[str]:
        numbers = [str(number + 1) for number in range(first.columns[0])]
        if not self._dialect.header:
            return numbers
        if (values := first.plain_values()) is None:
            values = [without_nulls(one).cast(pa.binary())[0].as_py() for one in self._read(first, numbers).columns]
        try:
            return [value.decode() for value in values]
        except UnicodeDecodeError:
            encoding = self._dialect.encoding
            raise InputError(
                f"{self.name}: its header is not {encoding} text; name the file's encoding with --encoding"
            ) from None

    def _find_text(self, first: RowBlock, name: str | None) -> ColumnPath:
        if not self._dialect.header and len(self.schema) == 1:
            name = name or "1"
        try:
            return find_text_column(self.name, self.schema, name)
        except InputError:
            if (seen := self._seeming_delimiter(first, name)) is None:
                raise
        self._take(seen)
        return find_text_column(self.name, self.schema, name)

    def _is_delimiter(self, seen: str) -> bool:
        """Whether it parts all rows of the first block into as many values as there are names, and more than one."""
        blocks = row_blocks(self.name, self._chunks, replace(self._dialect, delimiter=seen))
        try:
            columns = next(filter(len, (block.columns[~block.is_empty] for block in blocks)))
        except (InputError, StopIteration):  # or nothing but empty lines
            return False
        return bool(columns[0] > 1 and (columns == columns[0]).all())

    def _take(self, seen: str) -> None:
        """Read on with the delimiter that is seen, and tell it; raises `InputError` where that is not to be guessed."""
        if not self._may_guess or not self._is_delimiter(seen):
            raise self._other_delimiter(seen)
        self.seen_delimiter, self._dialect = seen, replace(self._dialect, delimiter=seen)
        words = f"{self.name}: read with {_DELIMITERS.get(seen, repr(seen))} between values; --delimiter says otherwise"
        warnings.warn(words, GuessWarning, stacklevel=1)
        first, _ = self._first_and_rest()
        self._set_schema(first)

    def _set_schema(self, first: RowBlock) -> None:
        self.schema = pa.schema([(name, pa.string()) for name in self._names(first)])

    def _seeming_delimiter(self, first: RowBlock, name: str | None) -> str | None:
        """One with which there is a text column, else the one that splits an only column most."""
        dialects = [replace(first.dialect, delimiter=sign) for sign in _DELIMITERS if sign != first.dialect.delimiter]
        spellings = [one for dialect in dialects if len((one := replace(first, dialect=dialect)).ends)]
        for spelling in spellings:
            with suppress(InputError, pa.ArrowInvalid):  # no such column, or no header at all
                find_text_column(self.name, pa.schema([(one, pa.string()) for one in self._names(spelling)]), name)
                return spelling.dialect.delimiter
        best = max(spellings, key=lambda spelling: int(spelling.columns[0]), default=first)
        return best.dialect.delimiter if len(self.schema) == 1 < best.columns[0] else None

    def _other_delimiter(self, seen: str) -> InputError:
        there, asked = (_DELIMITERS.get(sign, repr(sign)) for sign in (seen, self._dialect.delimiter))
        spelled = "tab" if seen == "\t" else repr(seen)
        return InputError(f"{self.name}: {there} seem to separate its values, not {asked}; give --delimiter {spelled}")

    def _parsed_blocks(self) -> Iterator[pa.RecordBatch]:
        for block in self._blocks():
            self._bytes_given += len(block.data)
            yield self._parsed(block)

    def _parsed(self, block: RowBlock) -> pa.RecordBatch:
        """The rows of a block; what Arrow refuses is looked at by the line."""
        if self._dialect.delimiter not in _IN_PROSE and len(self.schema) > 1:
            self._refuse_swallowed(block)
        try:
            return self._read(block, self.schema.names)
        except pa.ArrowInvalid as error:
            columns = block.columns
            wrong = (columns != len(self.schema)) & ~block.is_empty
            if not wrong.any():
                raise
            row = int(wrong.argmax())
            if not self._may_skip:
                raise InputError(
                    f"{self.name}: line {block.line_of(row)}: Expected {len(self.schema)} values, one for each column, "
                    f"got {columns[row]}; mend it, leave such lines out with --bad-lines skip, or see --delimiter"
                ) from error
            self.skipped.add(int(wrong.sum()), block.line_of(row))
            return self._parsed(block.without(wrong))

    def _refuse_swallowed(self, block: RowBlock) -> None:
        """Raise `InputError` for a row whose lines each have all values: its quote was no more than a character."""
        if (row := block.first_of_whole_lines(len(self.schema))) is not None:
            raise InputError(
                f"{self.name}: line {block.line_of(row)}: a quote makes one value of several lines with all their "
                "values; if it is a character like any other here, give --quote none"
            )

    def _read(self, block: RowBlock, names: list[str]) -> pa.RecordBatch:
        """Rows of strings; null is what stands between two delimiters and is not even two quotes."""
        if not block.data:
            return _no_rows(names)
        # Without threads, and in one piece: what is read is read when this returns. `read_csv` hands it to a thread
        # even so, and waits for that: 90 µs instead of 40 for twenty rows, and longer on a busy machine.
        with pacsv.open_csv(
            pa.BufferReader(block.data),
            pacsv.ReadOptions(use_threads=False, block_size=len(block.data) + 1, column_names=names),
            pacsv.ParseOptions(
                delimiter=block.dialect.delimiter,
                quote_char=block.dialect.quote or False,
                escape_char=block.dialect.escape or False,
                newlines_in_values=True,
                # With one column an empty line is an empty value; with more it can only be no row.
                ignore_empty_lines=len(names) > 1,
            ),
            pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=[""],
                check_utf8=False,
            ),
        ) as reader:
            table = reader.read_all()
        return table.combine_chunks().to_batches()[0] if table.num_rows else _no_rows(names)

    def _valued(self, column: pa.Array) -> pa.Array:
        """A column with an empty string for nothing, and null where a value means that there is none."""
        column = without_nulls(column)
        if not len(self._null_values):
            return column
        return pc.if_else(pc.is_in(column, self._null_values), pa.nulls(1, column.type)[0], column)


class CsvSink:
    """CSV in UTF-8 as RFC 4180 has it, quoted where it must be: null is nothing, an empty string is two quotes.

    Raises an Arrow exception for columns and values that CSV cannot hold.
    """

    def __init__(self, file: pa.NativeFile, schema: pa.Schema, dialect: Dialect, *, escape_formulas: bool) -> None:
        self._file, self._dialect, self._escape_formulas = file, dialect, escape_formulas
        self._needs_quotes = f'^$|[{re.escape(dialect.delimiter)}"\r\n]'
        self._rows = 0
        if dialect.encoding == OutputEncoding.utf_8_sig:
            file.write(codecs.BOM_UTF8)
        for field in schema:  # what can never be written is refused now
            self._column(field, pa.nulls(0, field.type))
        if dialect.header:
            self._write_rows([self._spelled(strings([name], pa.large_string()), is_text=True) for name in schema.names])

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        for start in range(0, batch.num_rows, _ROWS_AT_ONCE):
            rows = batch.slice(start, _ROWS_AT_ONCE)
            self._write_rows([self._column(*one) for one in zip(batch.schema, rows.columns, strict=True)])
            self._rows += rows.num_rows

    def close(self) -> None:
        """Nothing is held back."""

    def _column(self, field: pa.Field, column: pa.Array) -> list[Any]:
        try:
            cells, unreadable = cells_of(column)
        except MemoryError:  # Arrow's is one of its exceptions too
            raise
        except (pa.ArrowException, OverflowError, ValueError) as error:
            raise pa.ArrowInvalid(f"column {field.name!r}: {error}; name a .parquet output") from error
        if unreadable.any():
            row = self._rows + int(unreadable.argmax()) + 1
            raise pa.ArrowInvalid(
                f"row {row}: column {field.name!r}: bytes that are not UTF-8; name a .parquet output, "
                "or mark such rows and go on with --on-error null"
            )
        return self._spelled(cells, is_text=not is_number(field.type))

    def _spelled(self, cells: pa.LargeStringArray, *, is_text: bool) -> list[Any]:
        """What stands for cells in each row, end to end: a quote where it must, themselves, the quote again."""
        if self._escape_formulas and is_text:
            cells = pc.replace_substring_regex(cells, _FORMULA, r"'\1")
        if not is_text and self._dialect.delimiter in _NEVER_IN_NUMBERS:
            return [cells]
        quoted = pc.match_substring_regex(cells, self._needs_quotes)
        if not pc.any(quoted).as_py():
            return [cells]
        quote = pc.if_else(quoted, _large('"'), _large(""))
        return [quote, pc.replace_substring(cells, '"', '""'), quote]

    def _write_rows(self, columns: list[list[Any]]) -> None:
        delimiter = _large(self._dialect.delimiter)
        *parts, _ = [part for spelled in columns for part in (*spelled, delimiter)]
        rows = pc.binary_join_element_wise(*parts, _large("\n"), _large(""), null_handling="replace")
        self._file.write(bytes_of(rows))


def _no_rows(names: list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([strings([])] * len(names), names)


def _large(text: str) -> pa.Scalar:
    return strings([text], pa.large_string())[0]
