"""CSV as bytes, cut into blocks of whole rows before Arrow sees it.

Arrow's own reader of streams reads ahead in a thread that nobody joins at exit; it names no line where it reads in
parallel, and takes whatever stands after a closing quote. Where quotes open and close says where rows end. Mostly each
quote in turn opens or closes, which numpy sees at once; else they are followed one by one.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from scorer.errors import InputError, ReadOnceError
from scorer.files.format import Dialect

__all__ = ["RowBlock", "first_row", "row_blocks", "unescaped_apart"]

_LINE_FEED, _CARRIAGE_RETURN, _ORDINARY = b"\n\r\0"
_END = b"\r"
"""Stands after the last byte: like a line break, but not one with a carriage return before it."""
_LONG_ROW, _LONGEST_ROW = 16 << 20, 1 << 30
"""Beyond the first it is made sure that the row ends, before more of it is held."""

_Places = NDArray[np.int64]


def row_blocks(name: str, read: Callable[[], Iterable[bytes]], dialect: Dialect) -> Iterator["RowBlock"]:
    """The file `name` in blocks of whole rows; `read` gives its chunks, none of them empty, up to a last line break.

    Raises `InputError` for a quote that is never closed, and for a value that goes on after its closing quote.
    """
    quotes, held, line, lines_held, start, seen = _Quotes(dialect), list[bytes](), 1, 0, 0, 0
    for chunk, following in pairwise(chain(read(), [_END])):
        scan = quotes.follow(chunk, following[0])
        cut = int(scan.row_ends[-1]) if len(scan.row_ends) else 0
        lines = int(np.searchsorted(scan.breaks, cut))
        if cut:
            yield RowBlock(b"".join([*held, chunk[:cut]]), line, dialect)
            held, line, lines_held, start = [], line + lines_held + lines, -lines, seen + cut
        if scan.broken:  # after the rows before it: by their names another delimiter may be seen
            raise InputError(
                f"{name}: line {line}: a value goes on after its closing quote; double the quotes inside values, "
                "or see --escape, and --quote none"
            )
        is_long = seen - start <= _LONG_ROW < seen + len(chunk) - start
        if is_long and quotes.inside and not _any_row_ends(read, dialect, start):
            break
        held.append(chunk[cut:])
        lines_held, seen = lines_held + len(scan.breaks), seen + len(chunk)
        if seen - start > _LONGEST_ROW:
            raise InputError(f"{name}: line {line}: longer than 1 GiB")
    if quotes.inside:
        raise InputError(
            f"{name}: line {line}: a quote is opened and never closed; mend it or double it, or see --quote none"
        )
    if rest := b"".join(held):  # an escape before the end of the file
        yield RowBlock(rest + b"\n", line, dialect)


def _any_row_ends(read: Callable[[], Iterable[bytes]], dialect: Dialect, start: int) -> bool:
    """Whether a row ends after the place `start`; of a pipe that is not known, and taken to be so."""
    try:
        return _last_row_end(read(), dialect) > start
    except ReadOnceError:
        return True


def _last_row_end(chunks: Iterable[bytes], dialect: Dialect) -> int:
    """The place after the last row that ends; one in the middle where a broken quote, told when it is reached, is."""
    quotes, seen, last = _Quotes(dialect), 0, 0
    for chunk, following in pairwise(chain(chunks, [_END])):
        scan = quotes.follow(chunk, following[0])
        if scan.broken:
            return seen + len(chunk)
        last = seen + int(scan.row_ends[-1]) if len(scan.row_ends) else last
        seen += len(chunk)
    return last


def first_row(blocks: Iterator["RowBlock"]) -> tuple["RowBlock | None", Iterator["RowBlock"]]:
    """The first row that is no empty line, None where there is none; and all rows after it."""
    for block in blocks:
        filled = np.flatnonzero(~block.is_empty)
        if len(filled):
            row = int(filled[0])
            rest = block.part(row + 1)
            return block.part(row, row + 1), chain([rest] if rest.data else [], blocks)
    return None, blocks


def unescaped_apart(chunks: Iterable[bytes], dialect: Dialect) -> Iterator[bytes]:
    r"""The chunks, with each escape doubled that stands before a character that needs none: it is one itself.

    Arrow would drop it, and make `C:new` of `C:\new`; Spark keeps it. No chunk ends within a pair.
    """
    if dialect.escape is None:
        yield from chunks
        return
    escape = dialect.escape.encode()
    special = re.escape(escape + f"{dialect.delimiter}{dialect.quote or ''}\r\n".encode())
    pair, held = re.compile(re.escape(escape) + b"([" + special + b"]?)"), b""
    for chunk in chunks:
        data, held = held + chunk, b""
        if (len(data) - len(data.rstrip(escape))) % 2:
            data, held = data[:-1], escape
        if data:
            yield pair.sub(lambda found: found[0] if found[1] else escape * 2, data)
    if held:
        yield held


@dataclass(frozen=True)
class RowBlock:
    """Some whole rows of a file; `line` is the number of the first one's line."""

    data: bytes
    line: int
    dialect: Dialect

    @cached_property
    def ends(self) -> _Places:
        """The place after each row, its line break included; an empty line counts as a row."""
        return self._scan.row_ends

    @property
    def starts(self) -> _Places:
        """The place of each row's first byte."""
        return np.concatenate([[0], self.ends[:-1]])

    @property
    def is_empty(self) -> NDArray[np.bool_]:
        """Where a row is an empty line, bool [rows]."""
        first = self._scan.values[self.starts + 1]
        found: NDArray[np.bool_] = (first == _LINE_FEED) | (first == _CARRIAGE_RETURN)
        return found

    @property
    def columns(self) -> _Places:
        """Values of each row, int64 [rows]; 1 for an empty line."""
        delimiters = self._scan.outside(np.flatnonzero(self._scan.plain == ord(self.dialect.delimiter)))
        return np.diff(np.searchsorted(delimiters, self.ends), prepend=0) + 1

    def plain_values(self) -> list[bytes] | None:
        """Those of an only row; None where quotes or escapes may stand in it."""
        signs = [sign.encode() for sign in (self.dialect.quote, self.dialect.escape) if sign]
        if any(sign in self.data for sign in signs):
            return None
        return self.data.rstrip(b"\r\n").split(self.dialect.delimiter.encode())

    def line_of(self, row: int) -> int:
        """The number of the line on which `row` begins."""
        return self.line + int(np.searchsorted(self._scan.breaks, self.starts[row]))

    def first_of_whole_lines(self, columns: int) -> int | None:
        """The first row of several lines each of which, quotes aside, has as many values as there are columns."""
        breaks, ends = self._scan.breaks, self.ends
        if len(breaks) == len(ends):
            return None
        delimiters = np.flatnonzero(self._scan.plain == ord(self.dialect.delimiter))
        is_whole = np.diff(np.searchsorted(delimiters, breaks), prepend=0) == columns - 1
        first_lines = np.searchsorted(breaks, self.starts)
        rows = np.logical_and.reduceat(is_whole, first_lines) & (np.diff(first_lines, append=len(breaks)) > 1)
        return int(rows.argmax()) if rows.any() else None

    def part(self, first: int, after: int | None = None) -> "RowBlock":
        """The rows from `first` on, to the one before `after`."""
        ends = self.ends[first:after]
        if not len(ends):
            return replace(self, data=b"")
        return replace(self, data=self.data[self.starts[first] : ends[-1]], line=self.line_of(first))

    def without(self, rows: NDArray[np.bool_]) -> "RowBlock":
        """The block without `rows`, bool [rows]; lines are no longer those of the file."""
        spans = zip(self.starts[~rows].tolist(), self.ends[~rows].tolist(), strict=True)
        return replace(self, data=b"".join(self.data[start:end] for start, end in spans))

    @cached_property
    def _scan(self) -> "_Scan":
        return _Quotes(self.dialect).follow(self.data, _END[0])


@dataclass(frozen=True)
class _Scan:
    """A chunk of a file; places are counted from its first byte."""

    values: NDArray[np.uint8]
    """Its bytes, and one before and one after."""
    plain: NDArray[np.uint8]
    """Its bytes without those that are escaped."""
    turns: _Places
    """Quotes that open or close a value."""
    inside: int
    """1 if it begins inside quotes, else 0."""
    broken: bool
    """The last turn closes a value that goes on; those after it are unknown."""

    @cached_property
    def breaks(self) -> _Places:
        """The last byte of each line break, where a line ends for a reader."""
        is_break = self.values == _LINE_FEED
        if (returns := np.flatnonzero(self.values[:-1] == _CARRIAGE_RETURN)).size:
            is_break[returns] = self.values[returns + 1] != _LINE_FEED
        return np.flatnonzero(is_break[1:-1])

    @cached_property
    def row_ends(self) -> _Places:
        """The place after each line break that ends a row."""
        known = self.breaks[: np.searchsorted(self.breaks, self.turns[-1])] if self.broken else self.breaks
        return self.outside(known[self.plain[known] != _ORDINARY]) + 1

    def outside(self, places: _Places) -> _Places:
        """Those of `places` that are not inside quotes."""
        kept: _Places = places[(np.searchsorted(self.turns, places) + self.inside) % 2 == 0]
        return kept


class _Quotes:
    """Which quotes open and close values, followed through a file chunk by chunk."""

    def __init__(self, dialect: Dialect) -> None:
        self._quote = ord(dialect.quote) if dialect.quote else None
        self._escaped = re.compile(re.escape(dialect.escape.encode()) + b".", re.DOTALL) if dialect.escape else None
        self._ends_value = frozenset(f"{dialect.delimiter}\r\n".encode())
        self._beside = np.zeros(256, np.bool_)
        self._beside[[*self._ends_value, *([self._quote] if self._quote else [])]] = True
        self._before = _LINE_FEED
        self.inside = 0
        """1 inside quotes, else 0."""

    def follow(self, chunk: bytes, after: int) -> _Scan:
        """The next chunk; `after` is the byte that comes after it."""
        plain = self._escaped.sub(bytes([_ORDINARY] * 2), chunk) if self._escaped else chunk
        around = b"%c%b%c" % (self._before, plain, after)
        values = np.frombuffer(around, np.uint8)
        quotes = np.flatnonzero(values[1:-1] == self._quote) if self._quote else np.zeros(0, np.int64)
        turns, broken = (quotes, False) if self._alternate(values, quotes) else self._one_by_one(around, quotes)
        raw = np.frombuffer(b"%c%b%c" % (self._before, chunk, after), np.uint8) if self._escaped else values
        scan = _Scan(raw, values[1:-1], turns, self.inside, broken)
        self.inside = (self.inside + len(turns)) % 2
        closes_last = len(turns) and turns[-1] == len(chunk) - 1 and not self.inside
        self._before = _ORDINARY if plain[-1] == self._quote and not closes_last else plain[-1]
        return scan

    def _alternate(self, values: NDArray[np.uint8], quotes: _Places) -> bool:
        """Each opening quote has a separator before it, each closing one after it: doubled ones are both in turn."""
        opening, closing = quotes[self.inside :: 2], quotes[1 - self.inside :: 2]
        return bool(self._beside[values[opening]].all() and self._beside[values[closing + 2]].all())

    def _one_by_one(self, around: bytes, quotes: _Places) -> tuple[_Places, bool]:
        """The turns, and whether the last of them closes a value that goes on; a quote within a plain value is none."""
        inside, turns, closed = self.inside, list[int](), -1
        for place in quotes.tolist():
            if inside:
                closed = place
                turns.append(place)
                if not self._beside[around[place + 2]]:
                    return np.array(turns, np.int64), True
                inside = 0
            elif around[place] in self._ends_value or (around[place] == self._quote and closed == place - 1):
                turns.append(place)
                inside = 1
        return np.array(turns, np.int64), False
