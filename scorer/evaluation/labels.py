"""Labels as people write them: 0 and 1, words, stars; read for a whole file at once, and told in words."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from scorer.arrow.columns import ColumnPath, column_at
from scorer.arrow.metadata import class_names
from scorer.errors import InputError, UsageError
from scorer.system.terminal import listed

__all__ = [
    "LEFT_OUT",
    "NEGATIVE",
    "POSITIVE",
    "USUAL_LABELS",
    "LabelReading",
    "label_key",
    "label_keys",
    "parse_reading",
    "reading_of",
]

POSITIVE, NEGATIVE, LEFT_OUT = 1, 0, -1
USUAL_LABELS = ("label", "labels", "sentiment", "stars", "rating", "score", "class", "target", "polarity")
"""Names of a column of labels, the likelier ones first."""

_WORDS = {
    **dict.fromkeys(("positive", "very positive", "pos", "good", "yes", "true", "recommended"), POSITIVE),
    **dict.fromkeys(("negative", "very negative", "neg", "bad", "no", "false", "not recommended"), NEGATIVE),
    **dict.fromkeys(("neutral", "mixed"), LEFT_OUT),
}
_NUMBERS = ({"0": 0, "1": 1}, {"-1": 0, "0": -1, "1": 1}, {"1": 0, "2": 1})  # the first that has all values
_STARS = re.compile(r"(\d+(?:\.\d+)?)(?: ?/ ?5| out of 5)?(?: stars?)?")
_HALF_A_STAR, _MOST_STARS = 0.5, 5


@dataclass(frozen=True, slots=True)
class LabelReading:
    """What each value of a column of labels stands for: 1 positive, 0 negative, -1 left out."""

    meaning: Mapping[str, int]

    def __str__(self) -> str:
        return "; ".join(f"{name}: {listed(keys)}" for name, keys in self._sides(self.meaning))

    def code(self, key: str | None) -> int:
        """What the label `key` stands for; what is not known is left out."""
        return LEFT_OUT if key is None else self.meaning.get(key, LEFT_OUT)

    def counted(self, rows: Mapping[str, int]) -> str:
        """The same with the number of rows by label, as in `positive: 4 (120), 5 (300); left out: 3 (7)`."""
        return "; ".join(
            f"{name}: {listed([f'{key} ({rows[key]:,})' for key in keys])}" for name, keys in self._sides(rows)
        )

    def _sides(self, keys: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
        """The `keys` of each side that has any."""
        for name, code in {"positive": POSITIVE, "negative": NEGATIVE, "left out": LEFT_OUT}.items():
            if found := sorted(key for key in keys if self.code(key) == code):
                yield name, found


def label_keys(rows: pa.RecordBatch, schema: pa.Schema, path: ColumnPath) -> list[str | None]:
    """The label at `path` in each row as a reading knows it; numbers whose names the schema keeps go by these."""
    names = class_names(schema, schema.field(path[0]).name) if len(path) == 1 else None
    values: list[Any] = column_at(rows, path).to_pylist()
    return [label_key(value) for value in values] if names is None else [_name_of(value, names) for value in values]


def _name_of(value: Any, names: Sequence[str]) -> str | None:
    """The name of a class by its number; Hugging Face's -1 means that there is no label."""
    known = isinstance(value, int) and 0 <= value < len(names)
    return label_key(names[value]) if known else None if value == -1 else label_key(value)


def label_key(value: object) -> str | None:
    """A value as a reading knows it: `1` for 1, 1.0 and "1", words in lower case; None for null, NaN and nothing."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    text = str(value).strip().casefold()
    if value is None or text in ("", "nan"):
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    return f"{number:g}"


def reading_of(keys: Iterable[str], where: str) -> LabelReading:
    """How the values in a file are to be read; `where` names them in the `InputError` for others."""
    found = sorted(set(keys))
    scales: list[Callable[[str], int | None]] = [*(numbers.get for numbers in _NUMBERS), _stars]
    for scale in scales:
        meaning = {key: _WORDS.get(key, scale(key)) for key in found}
        if None not in meaning.values():
            return LabelReading({key: code for key, code in meaning.items() if code is not None})
    raise InputError(
        f"{where}: labels are neither 0 and 1, words such as positive and negative, nor 1 to 5 stars, but "
        f"{listed(found)}; say what they mean with --labels, as in --labels good=1,bad=0"
    )


def parse_reading(text: str) -> LabelReading:
    """A reading from words such as `good=1,bad=0,fair=-`; raises `UsageError` for others."""
    codes = {"1": POSITIVE, "0": NEGATIVE, "-": LEFT_OUT}
    pairs = [part.rpartition("=") for part in text.split(",")]
    if not all(name and code.strip() in codes for name, _, code in pairs):
        raise UsageError(f"--labels {text!r}: give each value a 1, 0 or - (left out), as in good=1,bad=0,fair=-")
    return LabelReading({label_key(name) or "": codes[code.strip()] for name, _, code in pairs})


def _stars(key: str) -> int | None:
    """Half a star to two are negative, four and five positive, and what lies between is left out."""
    number = float(match[1]) if (match := _STARS.fullmatch(key)) else 0.0
    if not 1 <= number <= _MOST_STARS and number != _HALF_A_STAR:  # others below 1 are shares of something
        return None
    return POSITIVE if number >= 4 else NEGATIVE if number <= 2 else LEFT_OUT
