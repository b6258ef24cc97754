"""What a value of a recipe means and which numbers it may be, said once, in the annotation of its field.

    epochs: Annotated[int, Value("Most passes over the training reviews.", COUNT)]

The options of `trainer fit` are made from these: name, type, range and help of each.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

__all__ = [
    "AMOUNT",
    "ANY",
    "COUNT",
    "COUNT_OR_NONE",
    "FOLDS",
    "POSITIVE",
    "SHARE",
    "SHARE_BELOW_1",
    "SHARE_WITHIN",
    "Option",
    "Range",
    "Value",
    "options_of",
]

_LARGEST = 1e300  # what is larger is infinite for the arithmetic to come


class Range(NamedTuple):
    """Numbers that a value may be, in words and as a test; nothing that is not a number passes."""

    words: str
    holds: Callable[[float], bool]


ANY = Range("that is finite", lambda number: -_LARGEST < number < _LARGEST)
COUNT = Range("of at least 1", lambda number: 1 <= number < _LARGEST)
FOLDS = Range("of at least 2", lambda number: 2 <= number < _LARGEST)
COUNT_OR_NONE = Range("of at least 0", lambda number: 0 <= number < _LARGEST)
AMOUNT = Range("of at least 0", lambda number: 0 <= number < _LARGEST)
POSITIVE = Range("above 0", lambda number: 0 < number < _LARGEST)
SHARE = Range("from 0 to 1", lambda number: 0 <= number <= 1)
SHARE_BELOW_1 = Range("from 0 to below 1", lambda number: 0 <= number < 1)
SHARE_WITHIN = Range("above 0 and below 1", lambda number: 0 < number < 1)


@dataclass(frozen=True)
class Value:
    """Stands in the annotation of a field that is also an option."""

    help: str
    within: Range = ANY


@dataclass(frozen=True)
class Option:
    """A field as an option of a command line."""

    field: str
    value: Value
    words: tuple[str, ...]
    """What it may be called instead of a number: `test`, `none`, or a choice."""
    kind: type
    """bool, int, float or str; NoneType where `words` are all it may be."""

    @property
    def flag(self) -> str:
        """`--batch-size` for `batch_size`."""
        return f"--{self.field.replace('_', '-')}"

    @property
    def metavar(self) -> str:
        """What its argument is called in the help."""
        kinds = {str: ["TEXT"], int: ["N"], float: ["N"]}
        return "|".join([*kinds.get(self.kind, []), *self.words])

    def parse(self, text: str) -> Any:
        """The value that `text` means; raises `ValueError` that says what it may be."""
        if text in self.words:
            return _word(text)
        if self.kind is str:
            return text
        try:
            number = self.kind(text)
            if self.value.within.holds(number):
                return number
        except (TypeError, ValueError, OverflowError):
            pass
        raise ValueError(f"{text!r} is not {self._allowed()}")

    def _allowed(self) -> str:
        numbers = {int: "a whole number", float: "a number"}.get(self.kind)
        ranged = [f"{numbers} {self.value.within.words}"] if numbers else []
        return ", or ".join([*ranged, *([" or ".join(self.words)] if self.words else [])])


def options_of(kind: type) -> Iterator[Option]:
    """One option for every field of the dataclass `kind` that has a `Value`."""
    for field in fields(kind):
        kinds, *marks = get_args(field.type) if hasattr(field.type, "__metadata__") else (field.type,)
        for value in marks:
            yield Option(field.name, value, *_parts(kinds))


def _parts(kind: Any) -> tuple[tuple[str, ...], type]:
    """Words and type of an annotation such as `float | Literal["test"] | None`."""
    parts = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    literals = [str(word) for part in parts if get_origin(part) is Literal for word in get_args(part)]
    kinds = [part for part in parts if isinstance(part, type) and part is not NoneType]
    words = [*literals, *(["none"] if NoneType in parts else [])]
    return tuple(words), kinds[0] if kinds else NoneType


def _word(text: str) -> Any:
    return None if text == "none" else int(text) if text.isdecimal() else text
