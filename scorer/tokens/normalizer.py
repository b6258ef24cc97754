"""Normalizing whole columns: every different run of characters that are not ASCII goes through a function once."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from scorer.arrow.arrays import strings

__all__ = ["RunNormalizer"]

_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_MOST_RUNS = 100_000
_LONGEST_RUN = 1_000


class RunNormalizer:
    """Replaces runs of characters that are not ASCII by what `normalize` makes of them.

    For normalizers that work character by character or decompose (NFD, NFKD), and leave ASCII alone but for its case:
    decomposition orders only combining marks, which are never ASCII, so that no run depends on what is around it.
    """

    def __init__(self, normalize: Callable[[str], str]) -> None:
        # Bounded, because a file in another script must not fill the memory.
        self._normalize = lru_cache(_MOST_RUNS)(normalize)

    def __call__(self, texts: pa.StringArray | pa.LargeStringArray) -> pa.StringArray | pa.LargeStringArray:
        """The same texts with their runs replaced; none of them is null."""
        others = pc.invert(pc.string_is_ascii(texts))
        if not pc.any(others).as_py():
            return texts
        normalized = [_NOT_ASCII.sub(self._replacement, text) for text in texts.filter(others).to_pylist()]
        return pc.replace_with_mask(texts, others, strings(normalized, texts.type))

    def _replacement(self, match: re.Match[str]) -> str:
        return "".join(map(self._normalize, _pieces(match.group())))


def _pieces(run: str) -> Iterator[str]:
    """The run in pieces of bounded length, because the library needs a hundred times a text's own memory.

    A cut is made where it changes nothing: before a character that is not, and does not begin with, a combining mark.
    """
    start = 0
    while len(run) - start > _LONGEST_RUN:
        places = range(start + _LONGEST_RUN, min(start + 2 * _LONGEST_RUN, len(run)))
        end = next((place for place in places if not _combines(run[place])), places[-1])
        yield run[start:end]
        start = end
    yield run[start:]


def _combines(character: str) -> bool:
    return unicodedata.category(unicodedata.normalize("NFKD", character)[0])[0] in "MC"
