"""What each word does to a score, on a terminal: the text in colours, and the strongest words of each side."""

import sys
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.style import Style
from rich.text import Text

from scorer.explaining import Word, pieces_of
from scorer.system.terminal import printable

__all__ = ["print_explained"]

# By strength, weak to strong: without colours the sides still differ by a line below the words of one.
_FOR = [
    Style(color="color(37)"),
    Style(color="color(37)", bold=True),
    Style(color="black", bgcolor="color(37)", bold=True),
]
_AGAINST = [
    Style(color="color(166)", underline=True),
    Style(color="color(166)", bold=True, underline=True),
    Style(color="black", bgcolor="color(208)", bold=True, underline=True),
]
_FROM = (0.1, 0.3, 0.6)
"""Of the strongest word's effect."""
_MOST_LISTED = 12


def print_explained(start: str, text: str, words: Sequence[Word], labels: tuple[str, str]) -> None:
    """Print `text` behind `start`, coloured by its `words`, and what speaks for both `labels`, negative first."""
    console = Console(highlight=False, emoji=False, markup=False)
    line = Text(start)
    for piece, effect in pieces_of(text, words):
        line.append(printable(piece), _style(effect))
    lines = [line, *_lists(words, labels)]
    for one in lines:
        console.print(one, soft_wrap=not console.is_terminal)  # what reads a pipe breaks lines itself
    sys.stdout.flush()


def _style(effect: float) -> Style:
    level = sum(abs(effect) >= least for least in _FROM)
    return ([Style(), *_FOR] if effect > 0 else [Style(), *_AGAINST])[level]


def _lists(words: Sequence[Word], labels: tuple[str, str]) -> Iterator[Text]:
    """The strongest words of each side that has any, with their effects in nats."""
    wide = max(map(len, labels))
    for sign, label, style in (("+", labels[1], _FOR[0]), ("-", labels[0], _AGAINST[0])):
        side = [word for word in words if word.effect and (word.effect > 0) == (sign == "+")]
        side = sorted(side, key=lambda word: -abs(word.effect))[:_MOST_LISTED]
        shown = [f"{printable(word.text)} {abs(word.effect):.2f}" for word in side if abs(word.effect) >= 0.005]
        if shown:
            yield Text(f"  {sign} {printable(label):<{wide}}  ", style=Style(color=style.color)).append(
                "  ".join(shown), "default"
            )
