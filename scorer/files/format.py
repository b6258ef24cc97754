"""The file formats of reviews: how a name tells its format, and how CSV is spelled."""

import io
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scorer.errors import InputError

__all__ = ["CODECS", "CsvOptions", "Format", "format_of"]


CODECS = ("none", "snappy", "gzip", "brotli", "lz4", "zstd")
"""Of Parquet."""


class Format(StrEnum):
    """A file format that can be read and written."""

    parquet = "parquet"
    csv = "csv"
    jsonl = "jsonl"


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """The spelling of a CSV file; raises `InputError` for an encoding that Python does not know."""

    delimiter: str = ","
    encoding: str = "utf-8"
    escape_formulas: bool = False
    """In outputs, put an apostrophe before cells of text that a spreadsheet would take for a formula."""

    def __post_init__(self) -> None:
        try:
            io.TextIOWrapper(io.BytesIO(), self.encoding)  # unlike codecs.lookup, it refuses what is not of text
        except (LookupError, ValueError):
            raise InputError(f"unknown --encoding {self.encoding!r}; try utf-8, utf-16 or latin-1") from None
        if len(self.delimiter.encode()) != 1:
            raise InputError(f"--delimiter must be one ASCII character, not {self.delimiter!r}")


_EXTENSIONS = {".parquet": Format.parquet, ".pq": Format.parquet, ".csv": Format.csv}
_EXTENSIONS |= {".jsonl": Format.jsonl, ".ndjson": Format.jsonl, ".json": Format.jsonl}


def format_of(name: str) -> Format:
    """The format that the file's extension names; raises `InputError` for an unknown one."""
    try:
        return _EXTENSIONS[Path(name).suffix.lower()]
    except KeyError:
        known = ", ".join(_EXTENSIONS)
        raise InputError(f"{name}: unknown extension, known are {known}; name the format with --format") from None
