"""A CSV file line by line, for what Arrow's reader does not tell: the header ahead, and where a row stands."""

import csv
import io
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

from scorer.errors import InputError
from scorer.files.format import CsvOptions
from scorer.files.inputs import Input
from scorer.files.transcoding import transcoded

__all__ = ["line_of_row", "line_of_unclosed_quote", "read_header"]

_END = "end of file"

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


def read_header(file: Input, options: CsvOptions) -> tuple[int, list[str]]:
    """How many empty lines stand first, and the column names; raises `InputError` when there are none of text."""
    with _rows(file, options) as rows:
        line, names = next(rows, (1, []))
    if not names:
        raise InputError(f"{file.name}: has no header, only empty lines")
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{file.name}: its header is not {options.encoding} text; name the file's encoding with --encoding"
        ) from None
    return line - 1, names


def line_of_row(file: Input, options: CsvOptions, row: int) -> int:
    """The line on which a row begins, from 1; row 0 is the header, and empty lines count as Arrow counts them."""
    with _rows(file, options) as rows:
        return next(line for number, (line, _) in enumerate(rows) if number == row)


def line_of_unclosed_quote(file: Input, options: CsvOptions) -> int | None:
    """The line on which a row begins that has swallowed the rest of the file, or None."""
    with _rows(file, options, one_more=_END) as rows:
        line, values = deque(rows, maxlen=1).pop()
    return None if values == [_END] else line


@contextmanager
def _rows(file: Input, options: CsvOptions, one_more: str = "") -> Iterator[Iterator[tuple[int, list[str]]]]:
    """First line and values of every row; a byte that is not text is a lone surrogate in them."""
    with file.open() as raw:
        lines = io.TextIOWrapper(transcoded(raw, options.encoding), "utf-8-sig", "surrogateescape", newline="")
        yield _numbered(csv.reader(chain(lines, filter(None, [one_more])), delimiter=options.delimiter))


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """With one column an empty line is an empty value; with more, or before the header, it can only be no row."""
    line, columns = 1, 0
    for values in reader:
        if values or columns == 1:
            columns = columns or len(values)
            yield line, values
        line = reader.line_num + 1
