"""Labels as people write them: 0 and 1, words, stars; read for a whole file at once, and told in words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scorer.errors import InputError, UsageError
from scorer.system.terminal import listed

__all__ = ["LabelReading", "label_key", "parse_reading", "reading_of"]

POSITIVE, NEGATIVE, LEFT_OUT = 1, 0, -1

_WORDS = {
    POSITIVE: ("positive", "pos", "good", "yes", "true", "recommended"),
    NEGATIVE: ("negative", "neg", "bad", "no", "false", "not recommended"),
    LEFT_OUT: ("neutral", "mixed"),
}
_NUMBERS = ({"0": 0, "1": 1}, {"-1": 0, "0": -1, "1": 1}, {"1": 0, "2": 1})  # the first that has all values
_MOST_STARS = 5


@dataclass(frozen=True, slots=True)
class LabelReading:
    """What each value of a column of labels stands for: 1 positive, 0 negative, -1 left out."""

    meaning: Mapping[str, int]

    def __str__(self) -> str:
        parts = {"positive": POSITIVE, "negative": NEGATIVE, "left out": LEFT_OUT}
        told = {name: [key for key, value in self.meaning.items() if value == code] for name, code in parts.items()}
        return "; ".join(f"{name}: {listed(keys)}" for name, keys in told.items() if keys)


def label_key(value: object) -> str | None:
    """A value as a reading knows it: `1` for 1, 1.0 and "1", words in lower case; None for null and NaN."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    text = str(value).strip().casefold()
    if value is None or text == "nan":
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    return f"{number:g}"


def reading_of(keys: Iterable[str], where: str) -> LabelReading:
    """How the values in a file are to be read; `where` names them in the `InputError` for others."""
    found = sorted(set(keys) - {""})  # what is empty is left out in any reading
    for numbers in _NUMBERS:
        if set(found) <= set(numbers):
            return LabelReading({key: numbers[key] for key in found})
    words = {word: code for code, known in _WORDS.items() for word in known}
    if set(found) <= set(words):
        return LabelReading({key: words[key] for key in found})
    try:
        return LabelReading({key: _stars(float(key)) for key in found})
    except ValueError:
        raise InputError(
            f"{where}: labels are neither 0 and 1, words such as positive and negative, nor 1 to 5 stars, but "
            f"{listed(found)}; say what they mean with --labels, as in --labels good=1,bad=0"
        ) from None


def parse_reading(text: str) -> LabelReading:
    """A reading from words such as `good=1,bad=0,fair=-`; raises `UsageError` for others."""
    codes = {"1": POSITIVE, "0": NEGATIVE, "-": LEFT_OUT}
    pairs = [part.rpartition("=") for part in text.split(",")]
    if not all(name and code.strip() in codes for name, _, code in pairs):
        raise UsageError(f"--labels {text!r}: give each value a 1, 0 or - (left out), as in good=1,bad=0,fair=-")
    return LabelReading({label_key(name) or "": codes[code.strip()] for name, _, code in pairs})


def _stars(number: float) -> int:
    """One and two stars are negative, four and five positive, and what lies between is left out."""
    if not 1 <= number <= _MOST_STARS:
        raise ValueError(number)
    return POSITIVE if number >= 4 else NEGATIVE if number <= 2 else LEFT_OUT
