"""The file formats of reviews: how a name tells its format, and how CSV is spelled."""

import io
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scorer.errors import InputError

__all__ = ["CODECS", "BadLines", "CsvOptions", "Dialect", "Format", "OutputEncoding", "format_of", "output_format"]

CODECS = ("none", "snappy", "gzip", "brotli", "lz4", "zstd")
"""Of Parquet."""


class Format(StrEnum):
    """A file format that can be read and written."""

    parquet = "parquet"
    csv = "csv"
    jsonl = "jsonl"


class BadLines(StrEnum):
    """What to do about a CSV row of too many or too few values."""

    fail = "fail"
    """Stop and name it."""
    skip = "skip"
    """Leave it out, and tell how many there were and where the first stands."""


class OutputEncoding(StrEnum):
    """Of CSV outputs."""

    utf_8 = "utf-8"
    utf_8_sig = "utf-8-sig"
    """With the mark at its beginning by which Excel knows UTF-8."""


_EXTENSIONS = {".parquet": Format.parquet, ".pq": Format.parquet, ".csv": Format.csv}
_EXTENSIONS |= {".tsv": Format.csv, ".tab": Format.csv, ".txt": Format.csv}
_EXTENSIONS |= {".jsonl": Format.jsonl, ".ndjson": Format.jsonl, ".json": Format.jsonl}
_DELIMITERS = {".tsv": "\t", ".tab": "\t", ".txt": "\t"}
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".lz4", ".br")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one CSV file is spelled; each sign is one ASCII character."""

    delimiter: str
    quote: str | None
    escape: str | None
    encoding: str
    header: bool


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """How CSV files are spelled; raises `InputError` for what no file can be."""

    delimiter: str | None = None
    """None goes by the extension: a tab for .tsv, .tab and .txt, else a comma."""
    encoding: str = "utf-8"
    quote: str | None = '"'
    """None: quotes are characters like any other."""
    escape: str | None = None
    """Makes a character of the quote, delimiter, line break or escape after it."""
    header: bool = True
    """The first line names the columns, of input and output; without it their numbers do."""
    null_values: tuple[str, ...] = ()
    """Values that mean that there is none, quoted or not."""
    bad_lines: BadLines = BadLines.fail
    output_delimiter: str | None = None
    """None goes by the output's extension, else by `delimiter`."""
    output_encoding: OutputEncoding = OutputEncoding.utf_8
    escape_formulas: bool = False
    """In outputs, put an apostrophe before cells of text that a spreadsheet would take for a formula."""

    def __post_init__(self) -> None:
        try:
            io.TextIOWrapper(io.BytesIO(), self.encoding)  # unlike codecs.lookup, it refuses what is not of text
        except (LookupError, ValueError):
            raise InputError(f"unknown --encoding {self.encoding!r}; try utf-8, utf-16 or latin-1") from None
        _require_signs(delimiter=self.delimiter or ",", quote=self.quote, escape=self.escape)
        _require_signs(output_delimiter=self.output_delimiter, quote='"')

    def of_input(self, name: str) -> Dialect:
        """How the input of this name is spelled."""
        delimiter = self.delimiter or _DELIMITERS.get(Path(name).suffix.lower(), ",")
        return Dialect(delimiter, self.quote, self.escape, self.encoding, self.header)

    def of_output(self, name: str) -> Dialect:
        """How the output of this name is spelled: quoted as RFC 4180 has it, however the input is."""
        by_extension = _DELIMITERS.get(Path(name).suffix.lower())
        delimiter = self.output_delimiter or by_extension or self.delimiter or ","
        return Dialect(delimiter, '"', None, self.output_encoding, self.header)


def format_of(name: str, option: str = "--format") -> Format:
    """The format that the file's extension names; raises `InputError` for an unknown one, which `option` would name."""
    try:
        return _EXTENSIONS[Path(name).suffix.lower()]
    except KeyError:
        known = ", ".join(_EXTENSIONS)
        raise InputError(f"{name}: unknown extension, known are {known}; name the format with {option}") from None


def output_format(name: str, given: Format | None) -> Format:
    """The format of an output; raises `InputError` for an unknown extension, and for one that a plain file belies."""
    extension = Path(name).suffix.lower()
    if extension in _COMPRESSED:
        raise InputError(f"{name}: text outputs are not compressed; leave {extension} away, and compress it afterwards")
    return given or format_of(name, "--output-format")


def _require_signs(**signs: str | None) -> None:
    """Raise `InputError` unless all that are given are ASCII characters, and different ones."""
    given = {f"--{name.replace('_', '-')}": sign for name, sign in signs.items() if sign is not None}
    for name, sign in given.items():
        if len(sign) != 1 or not sign.isascii() or sign in "\r\n\0":
            raise InputError(f"{name} must be one ASCII character, not {sign!r}")
    if len(set(given.values())) < len(given):
        raise InputError(f"{' and '.join(given)} must be different characters")
