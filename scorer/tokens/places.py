"""Where the words of a text stand: in the text as its author wrote it, and in the row of ids that a network reads."""

from dataclasses import dataclass
from unicodedata import combining

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from scorer.tokens.settings import TextSettings

__all__ = ["WordPlaces", "word_places"]

Ranges = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WordPlaces:
    """The words of one text that are kept, in their order: first place and one past the last, int64 [words, 2]."""

    characters: Ranges
    tokens: Ranges
    """In the row of ids, special tokens included."""


def word_places(text: str, encoding: Encoding, settings: TextSettings, before: int, after: int) -> WordPlaces:
    """The words of `text` by the library's `encoding`; as many special tokens come `before` and `after` it.

    A word is what the tokenizer's pre-tokenizer leaves whole, without spaces around it.
    """
    offsets, word_ids = encoding.offsets, encoding.word_ids
    kept = min(len(offsets), settings.max_length - before - after)
    first = len(offsets) - kept if settings.keep == "tail" else 0
    found: list[list[int]] = []  # start, end, first token, one past the last
    last_word: int | None = None
    for token in range(first, first + kept):
        (start, end), word, place = offsets[token], word_ids[token], before + token - first
        if found and (start < found[-1][1] or (word is not None and word == last_word)):
            found[-1][1], found[-1][3] = max(end, found[-1][1]), place + 1
        else:
            found.append([start, end, place, place + 1])
        last_word = word
    following = [start for start, *_ in found[1:]] + [len(text)]
    bare = [_bare(text, until, *one) for until, one in zip(following, found, strict=False)]
    places = np.array(bare, np.int64).reshape(-1, 4)
    places = places[places[:, 0] < places[:, 1]]
    return WordPlaces(places[:, :2], places[:, 2:])


def _bare(text: str, until: int, start: int, end: int, *tokens: int) -> tuple[int, ...]:
    """The place without spaces at its ends, and with the accents behind it that normalizers drop, up to `until`."""
    word = text[start:end]
    start, end = start + len(word) - len(word.lstrip()), end - len(word) + len(word.rstrip())
    while start < end < until and combining(text[end]):
        end += 1
    return start, end, *tokens
