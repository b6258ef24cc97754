"""What users wrote, made safe to print: no file name, column or review moves the cursor or fills the screen."""

import re
from collections.abc import Sequence

__all__ = ["listed", "on_one_line", "printable", "shortened"]

# Control characters, those that turn the direction of writing, and halves of characters that no encoding can write.
_NOT_PRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST_NAME = 60
_LONGEST_LINE = 1_000
_MOST_NAMES = 20


def printable(text: str) -> str:
    """`text` with its control characters spelled out, as Python spells them."""
    return _NOT_PRINTABLE.sub(lambda match: ascii(match.group())[1:-1], text)


def on_one_line(text: str) -> str:
    """`text` as one line of a readable length."""
    return shortened(printable(" ".join(text.split())), _LONGEST_LINE)


def shortened(text: str, longest: int = _LONGEST_NAME) -> str:
    """`text`, cut to `longest` characters with an ellipsis."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    first = ", ".join(map(shortened, names[:_MOST_NAMES]))
    more = len(names) - _MOST_NAMES
    return f"{first} and {more:,} more" if more > 0 else first
