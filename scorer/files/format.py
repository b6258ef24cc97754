"""The file formats of reviews: how a name tells its format, and how CSV is spelled."""

import codecs
import io
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scorer.errors import InputError

__all__ = [
    "CODECS",
    "EXTENSIONS",
    "PACKINGS",
    "TEXT_FORMATS",
    "WORKBOOK",
    "BadLines",
    "CsvOptions",
    "CsvTypes",
    "Dialect",
    "Format",
    "OutputEncoding",
    "Packing",
    "format_of",
    "output_format",
    "packing_of",
    "plain_name",
]

CODECS = ("none", "snappy", "gzip", "brotli", "lz4", "zstd")
"""Of Parquet."""


class Format(StrEnum):
    """A file format that can be read and written."""

    parquet = "parquet"
    csv = "csv"
    jsonl = "jsonl"
    arrow = "arrow"
    """A file of Arrow's own format, which Feather is."""
    arrows = "arrows"
    """A stream of it."""


class BadLines(StrEnum):
    """What to do about a CSV row of too many or too few values."""

    fail = "fail"
    """Stop and name it."""
    skip = "skip"
    """Leave it out, and tell how many there were and where the first stands."""


class CsvTypes(StrEnum):
    """What the columns of a CSV input become where the output has types."""

    strings = "strings"
    """Strings, as they are written."""
    infer = "infer"
    """Numbers, truth values, days and times, where all cells of a column are such and lose nothing."""


class OutputEncoding(StrEnum):
    """Of CSV outputs."""

    utf_8 = "utf-8"
    utf_8_sig = "utf-8-sig"
    """With the mark at its beginning by which Excel knows UTF-8."""


EXTENSIONS = {".parquet": Format.parquet, ".pq": Format.parquet, ".csv": Format.csv}
EXTENSIONS |= {".tsv": Format.csv, ".tab": Format.csv, ".txt": Format.csv}
EXTENSIONS |= {".jsonl": Format.jsonl, ".ndjson": Format.jsonl, ".json": Format.jsonl}
EXTENSIONS |= {".arrow": Format.arrow, ".feather": Format.arrow, ".ipc": Format.arrow, ".arrows": Format.arrows}
WORKBOOK = ".xlsx"
"""Of Excel, whose first sheet is read as CSV, and which nothing is written as."""
TEXT_FORMATS = {Format.csv, Format.jsonl}
"""Those that are lines of text, and may be compressed as a whole."""
_DELIMITERS = {".tsv": "\t", ".tab": "\t", ".txt": "\t"}


@dataclass(frozen=True, slots=True)
class Packing:
    """A way to compress one file."""

    name: str
    ending: str
    signature: bytes
    """A pattern of the first bytes of its files, too long for text to begin with it by chance."""


PACKINGS = (
    Packing("gzip", ".gz", b"\x1f\x8b\x08"),
    Packing("zstd", ".zst", rb"\x28\xb5\x2f\xfd"),
    Packing("bz2", ".bz2", rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),
    Packing("lz4", ".lz4", rb"\x04\x22\x4d\x18"),
    Packing("xz", ".xz", rb"\xfd7zXZ\x00"),
    Packing("zip", ".zip", rb"PK(\x03\x04|\x05\x06)"),
)
"""How CSV and JSON Lines are compressed; the last is an archive of one file."""


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
    """None goes by the extension, a tab for .tsv, .tab and .txt, else a comma, and by the rows where they differ."""
    encoding: str | None = None
    """None: UTF-8, or what the first bytes of a file clearly speak for."""
    quote: str | None = '"'
    """None: quotes are characters like any other."""
    escape: str | None = None
    """Makes a character of the quote, delimiter, line break or escape after it."""
    header: bool = True
    """The first line names the columns, of input and output; without it their numbers do."""
    null_values: tuple[str, ...] = ()
    """Values that mean that there is none, quoted or not."""
    bad_lines: BadLines = BadLines.fail
    types: CsvTypes = CsvTypes.strings
    output_delimiter: str | None = None
    """None goes by the output's extension, else by `delimiter`."""
    output_encoding: OutputEncoding = OutputEncoding.utf_8
    escape_formulas: bool = False
    """In outputs, put an apostrophe before cells of text that a spreadsheet would take for a formula."""

    def __post_init__(self) -> None:
        try:
            # Unlike codecs.lookup, it refuses what is not of text.
            io.TextIOWrapper(io.BytesIO(), self.encoding or "utf-8")
        except (LookupError, ValueError):
            raise InputError(f"unknown --encoding {self.encoding!r}; try utf-8, utf-16 or latin-1") from None
        _require_signs(delimiter=self.delimiter or ",", quote=self.quote, escape=self.escape)
        _require_signs(output_delimiter=self.output_delimiter, quote='"')

    @property
    def is_utf8(self) -> bool:
        """Inputs are taken for UTF-8, as far as is known before one is looked at."""
        return codecs.lookup(self.encoding or "utf-8").name in ("utf-8", "utf-8-sig")

    def of_input(self, name: str) -> Dialect:
        """How the input of this name is spelled."""
        delimiter = self.delimiter or _DELIMITERS.get(Path(name).suffix.lower(), ",")
        return Dialect(delimiter, self.quote, self.escape, self.encoding or "utf-8", self.header)

    def of_output(self, name: str) -> Dialect:
        """How the output of this name is spelled: quoted as RFC 4180 has it, however the input is."""
        by_extension = _DELIMITERS.get(Path(plain_name(name)).suffix.lower())
        delimiter = self.output_delimiter or by_extension or self.delimiter or ","
        return Dialect(delimiter, '"', None, self.output_encoding, self.header)


def packing_of(name: str) -> Packing | None:
    """How the file of this name is compressed, by its last ending."""
    ending = Path(name).suffix.lower()
    return next((one for one in PACKINGS if one.ending == ending), None)


def plain_name(name: str) -> str:
    """`name` without the ending of a compression: what is left tells the format."""
    return name[: -len(Path(name).suffix)] if packing_of(name) else name


def format_of(plain: str, name: str, option: str = "--format") -> Format:
    """The format that the extension of a file's `plain` name tells.

    Raises `InputError` for the file `name` if it tells none; `option` would.
    """
    try:
        return EXTENSIONS[Path(plain).suffix.lower()]
    except KeyError:
        known = ", ".join(EXTENSIONS)
        raise InputError(f"{name}: unknown extension, known are {known}; name the format with {option}") from None


def output_format(name: str, given: Format | None) -> Format:
    """The format of an output; raises `InputError` for an unknown extension, and for what is not compressed so."""
    plain = plain_name(name)
    kind = given or format_of(plain, name, "--output-format")
    if plain != name and kind not in TEXT_FORMATS:
        ending = Path(name).suffix
        raise InputError(
            f"{name}: {kind} is not compressed as a whole; leave {ending} away; --compression is for Parquet"
        )
    return kind


def _require_signs(**signs: str | None) -> None:
    """Raise `InputError` unless all that are given are ASCII characters, and different ones."""
    given = {f"--{name.replace('_', '-')}": sign for name, sign in signs.items() if sign is not None}
    for name, sign in given.items():
        if len(sign) != 1 or not sign.isascii() or sign in "\r\n\0":
            raise InputError(f"{name} must be one ASCII character, not {sign!r}")
    if len(set(given.values())) < len(given):
        raise InputError(f"{' and '.join(given)} must be different characters")
