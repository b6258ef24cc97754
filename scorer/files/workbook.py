"""Excel workbooks as CSV: the first sheet, cell by cell as text, by openpyxl, which comes with the extra `excel`.

What opens it is read-only and streams rows; the strings that cells share are in memory, as a workbook keeps them in one
place.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from scorer.errors import InputError
from scorer.files.inputs import ByteStream, DerivedInput, Input
from scorer.system.installation import command_to_add

__all__ = ["WorkbookInput"]

_PIECE = 1 << 16
_DAMAGES = (KeyError, IndexError, TypeError, ValueError, AttributeError, EOFError, OSError)
"""What openpyxl raises for parts that are missing or not what they should be, beside what zip and XML have."""


class WorkbookInput(DerivedInput):
    """The first sheet of the workbook `file` as CSV in UTF-8; raises `InputError` for what cannot be opened."""

    def __init__(self, file: Input) -> None:
        super().__init__(file, Path(file.name).with_suffix(".csv").name)
        self.open().close()

    def open(self) -> ByteStream:
        """Its rows from the first on, as they are read."""
        return _Rows(self.name, self._file.size, self._file.open_random())

    def open_random(self) -> pa.NativeFile:
        """Raise `InputError`: a sheet is read from its first row."""
        raise InputError(f"{self.name}: is an Excel workbook, which is read as CSV; leave --format away")


class _Rows:
    """An opened sheet; each of its errors is an `InputError` that names it."""

    def __init__(self, name: str, size: int | None, raw: Any) -> None:
        self._name, self._size, self._raw = name, size or 0, raw
        self._left, self._read = b"", 0
        with _told(name):
            self._book = _openpyxl(name).load_workbook(raw, read_only=True, data_only=True)
            self._sheet = self._book.worksheets[0]
            self._pieces = self._encoded()

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes of the next rows."""
        while not self._left:
            with _told(self._name):
                piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._left = piece
        taken, self._left = self._left[:size], self._left[size:]
        return taken

    def tell(self) -> int:
        """About how many of the stored bytes are read, by rows."""
        return int(self._size * min(1.0, self._read / max(self._sheet.max_row or 1, 1)))

    def close(self) -> None:
        """Close the workbook and its file."""
        self._book.close()
        self._raw.close()

    def __enter__(self) -> "_Rows":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _encoded(self) -> Iterator[bytes]:
        """Lines of CSV; rows end where the header does, unless they hold more."""
        text, width = io.StringIO(), 0
        writer = csv.writer(text, lineterminator="\r\n")  # either is quoted in a cell
        for cells in self._sheet.iter_rows(values_only=True):
            values = _without_end([_as_text(cell) for cell in cells])
            width = width or len(values)
            if values:
                writer.writerow(values + [""] * (width - len(values)))
            self._read += 1
            if text.tell() > _PIECE:
                yield text.getvalue().encode()
                text.seek(0)
                text.truncate()
        yield text.getvalue().encode()


def _as_text(cell: Any) -> str:
    """A cell as it reads: dates in ISO 8601, whole numbers without a point, truth as true and false, none as empty."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    if isinstance(cell, datetime) and not (cell.hour or cell.minute or cell.second or cell.microsecond):
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def _without_end(values: list[str]) -> list[str]:
    """Without empty cells at the end: sheets are as wide as their widest row."""
    while values and not values[-1]:
        values.pop()
    return values


def _openpyxl(name: str) -> Any:
    try:
        import openpyxl
    except ModuleNotFoundError:
        advice = f"save it as CSV UTF-8, or install what reads it: {command_to_add('excel')}"
        raise InputError(f"{name}: is an Excel workbook; {advice}") from None
    return openpyxl


@contextmanager
def _told(name: str) -> Iterator[None]:
    """What openpyxl, zipfile and expat raise for damage, as one line."""
    import warnings
    from xml.etree.ElementTree import ParseError
    from zipfile import BadZipFile
    from zlib import error as zlib_error

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that it does not know
            yield
    except (MemoryError, InputError):
        raise
    except (*_DAMAGES, BadZipFile, ParseError, zlib_error) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the system
            raise
        raise InputError(f"{name}: a damaged Excel workbook, or none: {error}") from error
