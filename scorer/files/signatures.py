"""What a file is by its first bytes, where it is none of the formats that can be read."""

from scorer.errors import InputError
from scorer.files.format import Format

__all__ = ["is_workbook", "marked_encoding", "refuse_foreign", "wide_encoding"]

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


def marked_encoding(start: bytes) -> str | None:
    """The encoding of a text of two or four bytes a character that a mark at its `start` tells."""
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)


def wide_encoding(start: bytes) -> str | None:
    """The same without a mark, for two bytes a character, by the zeros of the ASCII that headers begin with."""
    return {(2, 0): "utf-16-be", (0, 2): "utf-16-le"}.get((start[:4:2].count(0), start[1:4:2].count(0)))


def refuse_foreign(name: str, start: bytes, kind: Format, *, is_utf8: bool) -> None:
    """Raise `InputError` for a file that by its `start` is not of this format, or is no UTF-8 where it has to be."""
    own = {Format.parquet: b"PAR1", Format.arrow: b"ARROW1", Format.arrows: b"ARROW1"}.get(kind)
    found = next((what for mark, what in _OTHERS.items() if start.startswith(mark) and mark != own), None)
    if is_utf8 and not found and (wide := wide_encoding(start)):
        found = f"{wide} text; " + (f"give --encoding {wide}" if kind is Format.csv else "save it as UTF-8")
    if found:
        raise InputError(f"{name}: is {found}")
