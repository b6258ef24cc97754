"""Texts of reviews for pages: their words coloured, and of long ones the stretch that says most."""

from collections.abc import Iterable, Sequence

import numpy as np

from scorer.explaining import Word, pieces_of

__all__ = ["coloured", "telling_stretch"]

_MOST_CHARACTERS = 900

Pieces = list[tuple[str, float]]


def coloured(text: str, words: Iterable[Word]) -> Pieces:
    """The pieces of `text` with their effects for a page's `Review`; of a long one those whose effects are largest."""
    return telling_stretch(list(pieces_of(text, words)))


def telling_stretch(pieces: Sequence[tuple[str, float]], most: int = _MOST_CHARACTERS) -> Pieces:
    """Of pieces that have more than `most` characters, a stretch with the largest effects, and dots for the rest."""
    ends = np.cumsum([len(text) for text, _ in pieces], dtype=np.int64)
    if not len(ends) or ends[-1] <= most:
        return list(pieces)
    starts = np.concatenate([[0], ends[:-1]])
    effects = np.concatenate([[0.0], np.cumsum([abs(effect) for _, effect in pieces])])
    after = np.maximum(np.searchsorted(ends, starts + most, "right"), np.arange(1, len(ends) + 1))
    first = int(np.argmax(effects[after] - effects[:-1]))
    last = int(after[first])
    chosen = [(text[:most], effect) for text, effect in pieces[first:last]]  # one alone may be longer
    is_cut = last < len(pieces) or len(pieces[first][0]) > most
    return [*([("… ", 0.0)] if first else []), *chosen, *([(" …", 0.0)] if is_cut else [])]
