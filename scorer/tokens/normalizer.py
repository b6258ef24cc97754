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
_WITH_ONE_BEFORE = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]+")
_LEANS = "\ud800"  # in no text; says that a run combines with what is before it
_MOST_RUNS = 100_000
_LONGEST_RUN = 1_000
_MOST_MARKS = 100_000  # on one letter, for which any cut is as good


class RunNormalizer:
    """Replaces runs of characters that are not ASCII by what `normalize` makes of them.

    For normalizers that work character by character or decompose (NFD, NFKD), and leave ASCII alone but for its case:
    decomposition orders only combining marks, which are never ASCII, so that no run depends on what is around it.
    With `composes` also for those that compose (NFC), or look at the character before: then a run that begins with what
    combines is taken together with the ASCII character before it, which itself composes with nothing before it.
    """

    def __init__(self, normalize: Callable[[str], str], *, composes: bool = False) -> None:
        # Bounded, because a file in another script must not fill the memory.
        self._normalize = lru_cache(_MOST_RUNS)(normalize)
        self._of_run = lru_cache(_MOST_RUNS)(self._unless_it_leans) if composes else self._normalize

    def __call__(self, texts: pa.StringArray | pa.LargeStringArray) -> pa.StringArray | pa.LargeStringArray:
        """The same texts with their runs replaced; none of them is null."""
        others = pc.invert(pc.string_is_ascii(texts))
        if not pc.any(others).as_py():
            return texts
        normalized = map(self._normalized, texts.filter(others).to_pylist())
        return pc.replace_with_mask(texts, others, strings(normalized, texts.type))

    def _normalized(self, text: str) -> str:
        normalized = _NOT_ASCII.sub(self._replacement, text)
        if _LEANS in normalized:  # to look for runs with what is before them takes four times as long, and few lean
            return _WITH_ONE_BEFORE.sub(lambda match: "".join(map(self._normalize, _pieces(match.group()))), text)
        return normalized

    def _replacement(self, match: re.Match[str]) -> str:
        run = match.group()
        return self._of_run(run) if len(run) <= _LONGEST_RUN else "".join(map(self._of_run, _pieces(run)))

    def _unless_it_leans(self, run: str) -> str:
        is_control = run[0] < "\xa0"  # such as Windows' dots, which films are full of
        return _LEANS if _combines(run[0]) and not is_control else self._normalize(run)


def _pieces(run: str) -> Iterator[str]:
    """The run in pieces of bounded length, because the library needs a hundred times a text's own memory.

    A cut is made where it changes nothing: before a character that is not, and does not begin with, a combining mark or
    a part of a Korean syllable.
    """
    start = 0
    while len(run) - start > _LONGEST_RUN:
        last = min(start + _MOST_MARKS, len(run))
        end = next((place for place in range(start + _LONGEST_RUN, last) if not _combines(run[place])), last)
        yield run[start:end]
        start = end
    if start < len(run):
        yield run[start:]


def _combines(character: str) -> bool:
    first = unicodedata.normalize("NFKD", character)[0]
    return unicodedata.category(first)[0] in "MC" or "\u1160" <= first <= "\u11ff"
