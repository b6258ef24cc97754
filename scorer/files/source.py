"""What every format gives: a source of record batches, which knows its texts, and a sink that takes them."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorer.arrow.columns import ColumnPath, column_at
from scorer.arrow.decoding import decode_rows, decode_texts, is_string, is_text
from scorer.errors import InputError
from scorer.files.format import Format

__all__ = [
    "Decoded",
    "Sink",
    "Skipped",
    "Source",
    "arrow_errors",
    "checked_columns",
    "decode_column",
    "decode_text_rows",
]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A window of rows with its texts."""

    rows: pa.RecordBatch
    """As they are written back."""
    texts: pa.StringArray | pa.LargeStringArray
    unreadable: NDArray[np.bool_]
    """Where a row is not text, bool [rows]."""


@dataclass
class Skipped:
    """Lines that were left out because they are no rows."""

    lines: int = 0
    first: int | None = None
    """The number of the first of them."""
    file: str | None = None
    """In which it is, where there are several."""

    def add(self, lines: int, first: int) -> None:
        """Count some more; `first` is the number of their first."""
        self.lines += lines
        self.first = self.first or first

    def join(self, other: "Skipped", name: str) -> None:
        """Count what another file, of this name, has."""
        if not self.lines and other.lines:
            self.first, self.file = other.first, name
        self.lines += other.lines


class Source(Protocol):
    """An opened file of reviews; it knows which of its columns holds the text."""

    name: str
    """Of the input, for messages."""
    schema: pa.Schema
    text: ColumnPath
    """Which column of the schema holds the texts."""
    row_count: int | None
    """None where the format does not count its rows."""

    @property
    def skipped(self) -> Skipped:
        """What was left out so far."""

    def windows(self) -> Iterator[pa.RecordBatch]:
        """All rows in order each time, at most a few thousand at once; raises `InputError` for damaged data.

        A source may leave other columns than that of the text empty if its lines are kept whole.
        """

    def decode(self, window: pa.RecordBatch) -> Decoded:
        """The rows and texts of a window, decoded; safe from several threads at once."""

    def unreadable(self, row: int) -> str:
        """What to say of `row`, counted from 0, whose bytes are not text: in which file, where, and what helps."""

    def fraction_read(self) -> float:
        """How much of the file has been handed out, 0 to 1."""


class Sink(Protocol):
    """An output that takes record batches of one schema."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""

    def close(self) -> None:
        """Write what is still held back; the file itself is closed by whoever opened it."""


def decode_column(window: pa.RecordBatch, text: ColumnPath) -> Decoded:
    """For formats with types: only the column of texts is looked at, all others are passed on as they are."""
    return Decoded(window, *decode_texts(column_at(window, text)))


def decode_text_rows(window: pa.RecordBatch, text: ColumnPath, checked: Collection[int] | None = None) -> Decoded:
    """For what is text as a whole, or becomes it: columns that are `checked`, None for all, are mended to be UTF-8."""
    texts, no_text = decode_texts(column_at(window, text))
    rows, unreadable = decode_rows(window, checked)
    return Decoded(rows, texts, unreadable | no_text)


def checked_columns(schema: pa.Schema, text: ColumnPath, written_as: Format) -> set[int]:
    """Which columns have to be UTF-8: those of strings; for CSV of any bytes, which stand in it as they are."""
    return {n for n, field in enumerate(schema) if n == text[0] or _is_checked(field.type, written_as)}


def _is_checked(kind: pa.DataType, written_as: Format) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return kind != pa.uuid() and _is_checked(kind.storage_type, written_as)
    return is_string(kind) or (written_as is Format.csv and (is_text(kind) or pa.types.is_fixed_size_binary(kind)))


@contextmanager
def arrow_errors(name: str, what: str) -> Iterator[None]:
    """Arrow's exceptions, and Python's own from decoding, as one clear line."""
    try:
        yield
    except MemoryError:  # Arrow's is one of its exceptions too
        raise
    except pa.ArrowNotImplementedError as error:
        raise InputError(f"{name}: has what Arrow cannot read: {error}") from error
    except (pa.ArrowException, UnicodeError, EOFError) as error:
        raise InputError(f"{name}: {what}: {error}") from error
    except OSError as error:  # also what Arrow raises for corrupt pages
        if error.errno is not None:
            raise
        if "encrypt" in str(error) or "decrypt" in str(error):
            raise InputError(f"{name}: is encrypted; decrypt it first") from error
        raise InputError(f"{name}: {what}: {error}") from error
