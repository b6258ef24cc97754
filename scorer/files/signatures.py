"""What a file is by its first bytes, where it is none of the formats that can be read."""

import codecs

from scorer.errors import InputError
from scorer.files.format import TEXT_FORMATS, Format
from scorer.files.inputs import Input, start_of

__all__ = ["is_workbook", "marked_encoding", "refuse_foreign"]

_OTHERS = {
    b"PAR1": "a Parquet file; name its format with --format parquet",
    b"ARROW1": "an Arrow file; name its format with --format arrow",
    b"FEA1": "a Feather file of version 1; save it as version 2, or as Parquet",
    b"ORC": "an ORC file; save it as Parquet",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save it as CSV UTF-8",
    b"<!DOCTYPE": "an HTML page; download the file itself",
    b"<!doctype": "an HTML page; download the file itself",
    b"<html": "an HTML page; download the file itself",
    b"%PDF": "a PDF; save its text as CSV",
}
_WORKBOOK = (b"[Content_Types].xml", b"xl/")
_MARKS = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def is_workbook(start: bytes) -> bool:
    """It is the `start` of an archive that is a workbook of Excel."""
    return start.startswith(b"PK\x03\x04") and any(part in start for part in _WORKBOOK)


def marked_encoding(file: Input) -> str | None:
    """The encoding of a text of two or four bytes a character that a mark at its beginning tells."""
    start = start_of(file)
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)


def refuse_foreign(file: Input, kind: Format, encoding: str) -> None:
    """Raise `InputError` for a file that by its first bytes is not of this format, or in another encoding."""
    start = start_of(file)
    found = _other(start, kind)
    if kind in TEXT_FORMATS and codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        found = found or _wide_text(start, kind)
    if found:
        raise InputError(f"{file.name}: is {found}")


def _other(start: bytes, kind: Format) -> str | None:
    own = {Format.parquet: b"PAR1", Format.arrow: b"ARROW1", Format.arrows: b"ARROW1"}.get(kind)
    return next((what for mark, what in _OTHERS.items() if start.startswith(mark) and mark != own), None)


def _wide_text(start: bytes, kind: Format) -> str | None:
    """Text of two bytes a character without a mark, by the zeros of ASCII characters."""
    encoding = None
    if start[:4:2].count(0) != start[1:4:2].count(0) and start[:4].count(0) == 2:
        encoding = "utf-16-be" if start[0] == 0 else "utf-16-le"
    if not encoding:
        return None
    return f"{encoding} text; " + (f"give --encoding {encoding}" if kind is Format.csv else "save it as UTF-8")
