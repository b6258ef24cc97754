"""Words of any script in a whole Arrow column at once, by the kinds of its characters.

What kind a character is the library says, once for each: nothing here knows of Unicode's properties, so that no version
of them can differ.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tokenizers.pre_tokenizers import PreTokenizer

from scorer.arrow.arrays import bytes_and_offsets
from scorer.tokens.ids import positions
from scorer.tokens.pretokenizer import in_blocks, lower_ascii, words_at

__all__ = ["ScriptSplitter"]

_Bytes = NDArray[np.uint8]
_Flags = NDArray[np.bool_]
_Kinds = NDArray[np.uint8]
_Places = NDArray[np.int64]

# What a character does to the word that it is in or beside:
_UNKNOWN = 0  # nobody has asked yet
_SPACE = 1  # is left out
_SIGN = 2  # is a word
_ALONE = 3  # begins a word, to which only marks belong
_MARK = 4  # belongs to the word before it, and is a sign elsewhere
_LATIN = 5  # is within a word: a digit, or a letter of which a word does not go on after an apostrophe
_OTHER = 6  # is within a word, which goes on after an apostrophe


class ScriptSplitter:
    """Splits columns of normalized texts as `pre_tokenizer`, that of the shape `EVERY_SCRIPT`, does."""

    def __init__(self, pre_tokenizer: PreTokenizer) -> None:
        self._pre_tokenizer = pre_tokenizer
        self._kinds = np.zeros(0x110000, np.uint8)  # of every code point; pages that nobody touches take no memory

    def __call__(self, texts: pa.StringArray | pa.LargeStringArray) -> tuple[pa.ChunkedArray, NDArray[np.int64]]:
        """All words of all texts end to end, their ASCII letters in lower case, and words per text, int64 [rows].

        No text is null.
        """
        return in_blocks(self._split_block, texts)

    def _split_block(self, texts: pa.StringArray) -> tuple[pa.StringArray, NDArray[np.int64]]:
        data, offsets = bytes_and_offsets(texts)
        lower = lower_ascii(data)
        # Of each byte: is it of a letter or digit, is it of a space? uint8 wraps, so one comparison is a range check.
        word = ((lower - 97) < 26) | ((lower - 48) < 10)
        space = (lower == 32) | ((lower - 9) < 5)
        inside = self._place_others(data, offsets, word, space)
        follows = np.zeros_like(word)
        follows[1:] = word[:-1]
        follows[offsets[:-1][offsets[:-1] < len(data)]] = False
        starts = ~(word & follows | space)
        starts[inside] = False
        starts[self._joined(lower, offsets, word, follows)] = False
        return words_at(starts, ~space, lower, offsets)

    def _place_others(self, data: _Bytes, offsets: _Places, word: _Flags, space: _Flags) -> _Places:
        """Say in `word` and `space` what characters are that are not ASCII; returns those bytes that begin no word."""
        leads = np.flatnonzero(data >= 0xC0)
        codes, sizes = _code_points(data, leads)
        kinds = self._kinds_of(codes)
        later = positions(leads + 1, sizes - 1)
        if (kinds == _MARK).any():
            attached = _attach_marks(kinds, leads, sizes, offsets, word)
            later = np.concatenate([later, leads[attached]])
        every = positions(leads, sizes)
        word[every] = np.repeat(kinds >= _LATIN, sizes)
        space[every] = np.repeat(kinds == _SPACE, sizes)
        return later

    def _joined(self, lower: _Bytes, offsets: _Places, word: _Flags, follows: _Flags) -> _Places:
        """Apostrophes within words, and what follows each.

        That is one or two letters from a to z that end the word, or a letter of another script.
        """
        places = np.flatnonzero(lower == ord("'"))
        places = places[follows[places]]
        end = offsets[np.searchsorted(offsets, places, side="right")]  # of the text
        ahead = np.minimum(places + np.arange(1, 4)[:, None], len(lower) - 1)  # [3, places]
        one, two, three = word[ahead] & (places + np.arange(1, 4)[:, None] < end)
        letter, second = (lower[ahead[:2]] - 97) < 26
        joins = one & letter & (~two | second & ~three)
        foreign = np.flatnonzero(one & (lower[ahead[0]] >= 0xC0))
        joins[foreign] = self._kinds[_code_points(lower, ahead[0][foreign])[0]] == _OTHER
        return np.concatenate([places[joins], places[joins] + 1])

    def _kinds_of(self, codes: _Places) -> _Kinds:
        """Of characters that are not ASCII, uint8 [characters]."""
        kinds = self._kinds[codes]
        new = np.unique(codes[kinds == _UNKNOWN])
        if len(new):
            self._kinds[new] = [self._kind_of(chr(code)) for code in new.tolist()]
            kinds = self._kinds[codes]
        return kinds

    def _kind_of(self, one: str) -> int:
        if not self._pieces(one):
            return _SPACE
        if self._pieces(f"1{one}1") == 1:
            is_mark = self._pieces(f"!{one}1") == 3
            return _MARK if is_mark else _OTHER if self._pieces(f"1'{one}aaa") == 1 else _LATIN
        return _ALONE if self._pieces(f"{one}\u0301") == 1 else _SIGN

    def _pieces(self, text: str) -> int:
        return len(self._pre_tokenizer.pre_tokenize_str(text))


def _code_points(data: _Bytes, leads: _Places) -> tuple[_Places, _Places]:
    """Code points of the characters that begin at `leads`, none of them ASCII, and their bytes: both int64."""
    codes = np.empty(len(leads), np.int64)
    sizes = 2 + (data[leads] >= 0xE0) + (data[leads] >= 0xF0).astype(np.int64)
    for size in (2, 3, 4):
        which = sizes == size
        places = leads[which]
        code = data[places].astype(np.int64) & (0xFF >> (size + 1))
        for later in range(1, size):
            code = code << 6 | data[places + later] & 0x3F
        codes[which] = code
    return codes, sizes


def _attach_marks(kinds: _Kinds, leads: _Places, sizes: _Places, offsets: _Places, word: _Flags) -> _Flags:
    """Give marks the kind of what they go with, or of a sign; returns which go with a letter that stands alone.

    `kinds`, `leads` and `sizes` are those of characters that are not ASCII, `word` says of the other ones.
    """
    is_mark = kinds == _MARK
    marks = np.flatnonzero(is_mark)
    is_first = offsets[np.searchsorted(offsets, leads[marks], side="right") - 1] == leads[marks]
    behind_other = ~is_first & (marks > 0) & (leads[marks - 1] + sizes[marks - 1] == leads[marks])
    behind_ascii = marks[~behind_other]
    is_behind_word = word[leads[behind_ascii] - 1] & ~is_first[~behind_other]
    kinds[behind_ascii] = np.where(is_behind_word, _LATIN, _SIGN)
    takes_over = np.zeros_like(is_mark)
    takes_over[marks[behind_other]] = True
    kinds[:] = kinds[np.maximum.accumulate(np.where(takes_over, 0, np.arange(len(kinds))))]
    kinds[is_mark & (kinds == _SPACE)] = _SIGN
    attached: _Flags = is_mark & (kinds == _ALONE)
    return attached
