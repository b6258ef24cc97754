"""Texts that are the same, or nearly: found among hundreds of thousands in seconds.

Two texts are the same if they have the same words in the same order, whatever their case, marks and tags. They are
nearly the same if they have eleven words or more and share most of their runs of four words, which 16 least hashes
estimate (Broder 1997); only texts that agree in one of eight pairs of these are compared (Leskovec et al., Mining of
Massive Datasets, 3.4).
"""

from collections.abc import Iterator
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scorer.tokens.ids import positions

__all__ = ["first_alike", "first_same"]

_TAG = r"<[^<>]*>"
_ALONE = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])"  # no spaces tell their words
_BETWEEN_WORDS = r"[^\p{L}\p{M}\p{N}]+"
_RUN = 4  # words
_LEAST_RUNS = 8  # of shorter texts one word is the verdict
_HASHES, _BAND = 16, 2
_ALIKE = 10  # hashes that agree: some 60 % of all runs
_TEXTS_AT_ONCE = 16_384
_NO_RUN = np.iinfo(np.uint32).max

Numbers = NDArray[np.int64]
Hashes = NDArray[np.uint32]


def first_same(texts: pa.ChunkedArray) -> Numbers:
    """For each text the number of the first one with the same words: int64 [rows]."""
    return _first_equal(_normalized(texts))


def first_alike(texts: pa.ChunkedArray) -> Numbers:
    """For each text the number of the first one with the same words, or nearly: int64 [rows].

    Likeness is passed on: of three texts the first and the last may differ more.
    """
    normalized = _normalized(texts)
    first = _first_equal(normalized)
    different = np.flatnonzero(first == np.arange(len(first)))
    rows, others = (different[part] for part in _alike(_sketches(normalized.take(pa.array(different)))))
    return _lowest_linked(first, rows, others)


def _normalized(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Words in lower case with one space between them; a text without words stays as it is."""
    return pa.chunked_array([_words_of(chunk) for chunk in _pieces(texts)], pa.large_string())


def _pieces(texts: pa.ChunkedArray) -> Iterator[pa.LargeStringArray]:
    for chunk in texts.cast(pa.large_string()).chunks:
        yield from (chunk.slice(start, _TEXTS_AT_ONCE) for start in range(0, len(chunk), _TEXTS_AT_ONCE))


def _words_of(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    words = pc.replace_substring_regex(texts, _TAG, " ")
    if not pc.all(pc.string_is_ascii(words)).as_py():
        words = pc.replace_substring_regex(pc.utf8_normalize(words, "NFKC"), _ALONE, r" \1 ")
    words = pc.utf8_trim_whitespace(pc.replace_substring_regex(pc.utf8_lower(words), _BETWEEN_WORDS, " "))
    return pc.if_else(pc.equal(words, ""), texts, words)


def _first_equal(texts: pa.ChunkedArray) -> Numbers:
    codes = texts.combine_chunks().dictionary_encode().indices.to_numpy()
    first: Numbers = np.unique(codes, return_index=True)[1][codes]
    return first


def _sketches(texts: pa.ChunkedArray) -> Hashes:
    """Least hashes of the runs of each text: [rows, 16]; all are `_NO_RUN` where it is short."""
    return np.concatenate([np.empty((0, _HASHES), np.uint32), *(_sketch(chunk) for chunk in _pieces(texts))])


def _sketch(texts: pa.LargeStringArray) -> Hashes:
    words = pc.split_pattern(texts, " ")
    lengths = pc.list_value_length(words).to_numpy()
    runs = np.maximum(lengths - _RUN + 1, 0)
    hashes = _run_hashes(words.flatten())
    some = np.flatnonzero(runs >= _LEAST_RUNS)
    runs, starts = runs[some], (np.cumsum(lengths) - lengths)[some]
    hashes, first = hashes[positions(starts, runs)], np.cumsum(runs) - runs
    found = np.full((len(texts), _HASHES), _NO_RUN, np.uint32)
    if len(some):
        for column, odd in enumerate(_MULTIPLIERS):
            found[some, column] = np.minimum.reduceat(_mixed(hashes * odd), first)
    return found


def _run_hashes(words: pa.LargeStringArray) -> Hashes:
    """A hash of each word and the three after it, [words]; the last ones are of no use."""
    encoded = words.dictionary_encode()
    of_word = np.fromiter((crc32(word.encode()) for word in encoded.dictionary.to_pylist()), np.uint32)
    hashes = of_word[encoded.indices.to_numpy()] if len(words) else np.empty(0, np.uint32)
    runs = hashes.copy()
    for shift in range(1, _RUN):
        runs[:-shift] = runs[:-shift] * _MULTIPLIERS[0] + hashes[shift:]
    return _mixed(runs)


def _mixed(hashes: Hashes) -> Hashes:
    """Every bit moves all others (the finalizer of MurmurHash3, Appleby 2011)."""
    hashes = (hashes ^ (hashes >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    hashes = (hashes ^ (hashes >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return hashes ^ (hashes >> np.uint32(16))


_MULTIPLIERS = _mixed(np.arange(1, _HASHES + 1, dtype=np.uint32)) | np.uint32(1)


def _alike(sketches: Hashes) -> tuple[Numbers, Numbers]:
    """Pairs of rows that are nearly the same."""
    known = np.flatnonzero((sketches != _NO_RUN).any(axis=1))
    pairs = [np.empty((2, 0), np.int64)]
    for band in range(0, _HASHES, _BAND):
        keys = sketches[known, band : band + _BAND].astype(np.uint64)
        pairs += [known[pair] for pair in _equal_pairs(keys[:, 0] << np.uint64(32) | keys[:, 1])]
    rows, others = np.concatenate(pairs, axis=1)
    agree = (sketches[rows] == sketches[others]).sum(axis=1) >= _ALIKE
    return rows[agree], others[agree]


def _equal_pairs(keys: NDArray[np.uint64]) -> Iterator[Numbers]:
    """Places of equal keys, [2, pairs]: each with the one before it, and with the first."""
    order = np.argsort(keys, kind="stable")
    again = np.concatenate([[False], keys[order][1:] == keys[order][:-1]])
    begins = np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))
    here = np.flatnonzero(again)
    yield np.stack([order[here], order[here - 1]])
    yield np.stack([order[here], order[begins[here]]])


def _lowest_linked(first: Numbers, rows: Numbers, others: Numbers) -> Numbers:
    """`first`, lowered until linked rows have the same: of each connected part its lowest row."""
    while True:
        lowest = np.minimum(first[rows], first[others])
        lower = first.copy()
        for ends in (rows, others):
            np.minimum.at(lower, first[ends], lowest)
            np.minimum.at(lower, ends, lowest)
        lower = lower[lower]
        if np.array_equal(lower, first):
            return first
        first = lower
