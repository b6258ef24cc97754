"""Types for the columns of CSV: one that every cell has, and that keeps all that the cells say.

What is read is held against each type before a row is given out, so that no row further down can disagree. A cell
without a value is null in a column that has got a type.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from scorer.arrow.arrays import strings
from scorer.errors import InputError
from scorer.files.source import Decoded, Skipped, Source

__all__ = ["TypedSource"]

_DATE = "[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}"
_TIME = "[T ][0-9]{2}:[0-9]{2}:[0-9]{2}"
_SURELY_EXACT = 16
"""Characters of a number of at most 15 digits and a point, each of which a double keeps, after the sign."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A type, and a pattern of the cells that are written as its values are."""

    type: pa.DataType
    pattern: str

    def holds(self, cells: pa.Array) -> bool:
        """Whether it keeps what each of the `cells`, none of which is null, says."""
        if not pc.all(pc.match_substring_regex(cells, f"^(?:{self.pattern})$")).as_py():
            return False
        try:
            cells.cast(self.type)
        except pa.ArrowInvalid:  # no such day, or too large
            return False
        return not pa.types.is_floating(self.type) or all(map(_is_exact, _long_ones(cells)))


_KINDS = (
    *(_Kind(pa.bool_(), spelled) for spelled in ("true|false", "True|False", "TRUE|FALSE")),
    _Kind(pa.int64(), "0|-?[1-9][0-9]*"),
    _Kind(pa.float64(), r"0|-?[1-9][0-9]{0,14}|-?(?:0|[1-9][0-9]*)\.[0-9]+"),
    _Kind(pa.date32(), _DATE),
    _Kind(pa.timestamp("us"), rf"{_DATE}{_TIME}(?:\.[0-9]{{1,6}})?"),
    _Kind(pa.timestamp("us", "UTC"), rf"{_DATE}{_TIME}(?:\.[0-9]{{1,6}})?(?:Z|\+00:00)"),
    _Kind(pa.timestamp("ns"), rf"{_DATE}{_TIME}(?:\.[0-9]{{1,9}})?"),
    _Kind(pa.timestamp("ns", "UTC"), rf"{_DATE}{_TIME}(?:\.[0-9]{{1,9}})?(?:Z|\+00:00)"),
)
"""Those that come first are taken where several fit."""


class TypedSource:
    """The rows of `source`, its columns of strings with the types that all their cells have.

    Columns called as one of `texts` stay as they are. All rows are read once to begin with; raises `InputError` as
    reading them does.
    """

    def __init__(self, source: Source, texts: Collection[str]) -> None:
        self.source, self.name, self.text = source, source.name, source.text
        kinds = {one.name: _KINDS for one in source.schema if one.name not in texts and pa.types.is_string(one.type)}
        is_filled, count = dict.fromkeys(kinds, False), 0
        for window in source.windows():
            count += window.num_rows
            rows = source.decode(window).rows
            for name in [name for name in kinds if kinds[name]]:
                if len(cells := _filled(rows.column(rows.schema.get_field_index(name)))):
                    kinds[name], is_filled[name] = tuple(one for one in kinds[name] if one.holds(cells)), True
        self.row_count: int | None = count
        found = {name: fitting[0].type for name, fitting in kinds.items() if fitting and is_filled[name]}
        fields = [one.with_type(found.get(one.name, one.type)) for one in source.schema]
        self.schema = pa.schema(fields, source.schema.metadata)

    @property
    def skipped(self) -> Skipped:
        """What was left out so far."""
        return self.source.skipped

    def windows(self) -> Iterator[pa.RecordBatch]:
        """All rows in order, as strings until they are decoded."""
        return self.source.windows()

    def decode(self, window: pa.RecordBatch) -> Decoded:
        """Rows with their types, and their texts."""
        decoded = self.source.decode(window)
        try:
            columns = [_typed(*one) for one in zip(decoded.rows.columns, self.schema.types, strict=True)]
        except pa.ArrowInvalid:
            raise InputError(
                f"{self.name}: was changed while it was read; run again when nothing writes to it"
            ) from None
        rows = pa.RecordBatch.from_arrays(columns, schema=self.schema)
        return Decoded(rows, decoded.texts, decoded.unreadable)

    def unreadable(self, row: int) -> str:
        """What to say of `row`, whose bytes are not text."""
        return self.source.unreadable(row)

    def fraction_read(self) -> float:
        """How much of the file has been handed out, 0 to 1."""
        return self.source.fraction_read()


def _filled(cells: pa.Array) -> pa.Array:
    """Those that have a value."""
    return cells.drop_null().filter(pc.not_equal(cells.drop_null(), strings([""], cells.type)[0]))


def _typed(cells: pa.Array, kind: pa.DataType) -> pa.Array:
    if cells.type == kind:
        return cells
    return pc.replace_with_mask(cells, pc.equal(cells, ""), pa.scalar(None, cells.type)).cast(kind)


def _long_ones(numbers: pa.Array) -> list[str]:
    """Those that have more digits than every double keeps."""
    found: list[str] = numbers.filter(pc.greater(pc.binary_length(numbers), _SURELY_EXACT)).to_pylist()
    return found


def _is_exact(number: str) -> bool:
    """The double nearest to it says the same when it is written with as few digits as tell it from all others."""
    return Decimal(repr(float(number))) == Decimal(number)
