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
    "COPIES",
    "COUNT",
    "COUNT_OR_NONE",
    "FOLDS",
    "LAYERS",
    "LENGTH",
    "POSITIVE",
    "SHARE",
    "SHARE_BELOW_1",
    "SHARE_WITHIN",
    "SIZE",
    "VOCABULARY",
    "Option",
    "Range",
    "Value",
    "options_of",
]


class Range(NamedTuple):
    """Numbers that a value may be, in words and as a test; nothing that is not a number passes."""

    words: str
    holds: Callable[[float], bool]


def _from(least: int, most: int) -> Range:
    return Range(f"from {least:,} to {most:,}", lambda number: least <= number <= most)


_MOST = 10**9  # rows, tokens or steps; what is larger overflows the arithmetic to come
_LARGEST = 10**6

ANY = Range("that is finite", lambda number: -_LARGEST <= number <= _LARGEST)
COUNT = _from(1, _MOST)
COUNT_OR_NONE = _from(0, _MOST)
COPIES = _from(0, 1_000)
FOLDS = _from(2, 100)
LAYERS = _from(1, 64)
LENGTH = _from(1, 1 << 20)  # the longest that a sealed model may name
SIZE = _from(1, 8_192)
VOCABULARY = _from(1, 10_000_000)
AMOUNT = _from(0, _LARGEST)
POSITIVE = Range("above 0, at most 1e38", lambda number: 0 < number <= 1e38)  # what float32 holds
SHARE = _from(0, 1)
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
