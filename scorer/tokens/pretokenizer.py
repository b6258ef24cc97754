"""Words of a whole Arrow column at once, by its bytes: a class per byte, starts of words by comparing neighbours."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["bytes_and_offsets", "split_words"]

_BLOCK_ROWS = 256  # some hundred kilobytes of text, so that the passes over it stay in the cache


def split_words(
    texts: pa.StringArray | pa.LargeStringArray, *, inner_apostrophes: bool
) -> tuple[pa.ChunkedArray, NDArray[np.int64]]:
    """All words of all texts end to end, their ASCII letters in lower case, and words per text, int64 [rows].

    A word is a run of ASCII letters and digits, with `inner_apostrophes` also those between a letter or digit and a
    letter; any other character that is not ASCII white space stands alone. No text is null.
    """
    blocks = [
        _split_block(texts.slice(start, _BLOCK_ROWS), inner_apostrophes)
        for start in range(0, max(len(texts), 1), _BLOCK_ROWS)
    ]
    words, counts = zip(*blocks, strict=True)
    return pa.chunked_array(words), np.concatenate(counts)


def _split_block(texts: pa.StringArray, inner_apostrophes: bool) -> tuple[pa.StringArray, NDArray[np.int64]]:
    data, offsets = bytes_and_offsets(texts)
    lower = data + (((data - 65) < 26) * np.uint8(32))  # A–Z; uint8 wraps, so one comparison is a range check
    letter = (lower - 97) < 26
    word = letter | ((data - 48) < 10)
    if inner_apostrophes:
        _join_apostrophes(word, data, letter, offsets)
    space = (data == 32) | ((data - 9) < 5)
    follows = np.zeros_like(word)
    follows[1:] = word[:-1]
    follows[offsets[:-1][offsets[:-1] < len(data)]] = False
    continuation = (data & 0xC0) == 0x80  # the later bytes of one UTF-8 character
    starts = (word & ~follows) | ~(word | space | continuation)

    kept = ~space
    words = _strings(lower.compress(kept), np.flatnonzero(starts.compress(kept)))  # three times as fast as [kept]
    counts = np.diff(np.searchsorted(np.flatnonzero(starts), offsets))
    return words, counts


def _join_apostrophes(
    word: NDArray[np.bool_], data: NDArray[np.uint8], letter: NDArray[np.bool_], offsets: NDArray[np.int64]
) -> None:
    """Mark in `word` each apostrophe with a letter or digit before it and a letter after, in one text."""
    places = np.flatnonzero(data == ord("'"))
    places = places[(places > 0) & (places < len(data) - 1)]
    places = places[word[places - 1] & letter[places + 1]]
    row = np.searchsorted(offsets, places, side="right")
    word[places[(places > offsets[row - 1]) & (places + 1 < offsets[row])]] = True


def bytes_and_offsets(texts: pa.StringArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The UTF-8 bytes of all texts end to end and where each begins: uint8 [bytes], int64 [rows + 1]."""
    kind = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    _, offset_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offset_buffer, kind)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    if data_buffer is None:
        return np.empty(0, np.uint8), offsets
    return np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]], offsets - offsets[0]


def _strings(data: NDArray[np.uint8], starts: NDArray[np.int64]) -> pa.Array:
    """Arrow strings that begin at `starts` and fill `data`, without a copy."""
    offsets = np.append(starts, len(data))
    kind = pa.string() if len(data) < 2**31 else pa.large_string()
    offsets = offsets.astype(np.int32 if kind == pa.string() else np.int64)
    return pa.Array.from_buffers(kind, len(starts), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
