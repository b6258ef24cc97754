"""The corpus tokenizer: what a word is, said once for the library and once for whole columns at a time.

A word is a run of letters and digits, with inner apostrophes ("don't"); any other character that is not a
space stands alone. `word_tokenizer` says so to the Hugging Face `tokenizers` library, and `WordEncoder` does
the same on the bytes of an Arrow column: a class per byte, starts of words by comparing neighbours, and one
hash lookup for all words. Tests hold the two against each other on random Unicode.
"""

import json
import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

__all__ = ["PAD", "UNKNOWN", "WordEncoder", "word_tokenizer"]

PAD, UNKNOWN = "[PAD]", "[UNK]"

_LINE_BREAK = "<[bB][rR] ?/?>"  # reviews copied from web pages are full of them
_WORD = r"[a-z0-9]+(?:'[a-z][a-z0-9]*)*|[^ \t-\r]"
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_BLOCK_ROWS = 256  # some hundred kilobytes of text, so that the passes over it stay in the cache
_MOST_RUNS = 100_000
_QUOTES = (("[‘’]", "'"), ("[“”]", '"'))


def word_tokenizer(vocabulary: Sequence[str]) -> Tokenizer:
    """A word-level tokenizer: id 0 is `[PAD]`, 1 is `[UNK]`, then `vocabulary` in its order."""
    ids = {word: i for i, word in enumerate([PAD, UNKNOWN, *vocabulary])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(_LINE_BREAK), " "),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            *(normalizers.Replace(Regex(pattern), plain) for pattern, plain in _QUOTES),
            normalizers.Lowercase(),
        ]
    )
    # Inverted: what matches is kept, what lies between is removed.
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_WORD), "removed", invert=True)
    return tokenizer


class WordEncoder:
    """Encodes whole columns as `word_tokenizer(vocabulary)` does, without a Python object per word."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        vocabulary = tokenizer.get_vocab()
        self._normalizer = tokenizer.normalizer
        self._runs: dict[str, str] = {}
        self._words = pa.array(vocabulary)
        self._ids = np.fromiter(vocabulary.values(), np.int32, len(vocabulary))
        self._unknown_place = list(vocabulary).index(UNKNOWN)

    @classmethod
    def for_tokenizer(cls, tokenizer: Tokenizer) -> "WordEncoder | None":
        """An encoder, if `tokenizer` differs from a `word_tokenizer` in nothing but its vocabulary."""
        shape, own = json.loads(tokenizer.to_str()), json.loads(word_tokenizer([]).to_str())
        for part in (shape, own):
            part["model"].pop("vocab", None)
        return cls(tokenizer) if shape == own else None

    def encode(self, texts: pa.StringArray | pa.LargeStringArray) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Ids of all words end to end, int32 [total], and words per text, int64 [rows]; no text is null."""
        words, counts = self.split(texts)
        found = pc.index_in(words, value_set=self._words)
        return self._ids.take(found.fill_null(self._unknown_place).to_numpy()), counts

    def split(self, texts: pa.StringArray | pa.LargeStringArray) -> tuple[pa.ChunkedArray, NDArray[np.int64]]:
        """All words, normalized, of all texts end to end, and words per text, int64 [rows]."""
        texts = self._normalize(texts)
        blocks = [_split(texts.slice(start, _BLOCK_ROWS)) for start in range(0, max(len(texts), 1), _BLOCK_ROWS)]
        words, counts = zip(*blocks, strict=True)
        return pa.chunked_array(words), np.concatenate(counts)

    def _normalize(self, texts: pa.StringArray) -> pa.StringArray:
        """All of the normalizer but the lower case of ASCII.

        What follows its first step changes every run of other characters on its own: decomposition orders only
        combining marks, which are never ASCII, and the rest works character by character. So the library
        normalizes each different run once.
        """
        plain = pc.replace_substring_regex(texts, _LINE_BREAK, " ")
        others = pc.invert(pc.string_is_ascii(texts))
        if not pc.any(others).as_py():
            return plain
        normalized = [_NOT_ASCII.sub(self._normalize_run, text) for text in plain.filter(others).to_pylist()]
        return pc.replace_with_mask(plain, others, pa.array(normalized, texts.type))

    def _normalize_run(self, match: re.Match[str]) -> str:
        run = match.group()
        if run not in self._runs:
            if len(self._runs) >= _MOST_RUNS:  # a file in another script must not fill the memory
                self._runs.clear()
            self._runs[run] = self._normalizer.normalize_str(run)
        return self._runs[run]


def _split(texts: pa.StringArray) -> tuple[pa.StringArray, NDArray[np.int64]]:
    """All words of all texts, lower-cased, and how many each text has."""
    data, offsets = _bytes_and_offsets(texts)
    lower = data + (((data - 65) < 26) * np.uint8(32))  # A–Z; uint8 wraps, so one comparison is a range check
    letter = (lower - 97) < 26
    word = letter | ((data - 48) < 10)
    _join_apostrophes(word, data, letter, offsets)
    space = (data == 32) | ((data - 9) < 5)
    follows = np.zeros_like(word)
    follows[1:] = word[:-1]
    follows[offsets[:-1][offsets[:-1] < len(data)]] = False
    continuation = (data & 0xC0) == 0x80  # the later bytes of one UTF-8 character
    starts = (word & ~follows) | ~(word | space | continuation)

    kept = ~space
    words = _strings(lower[kept], np.flatnonzero(starts[kept]))
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


def _bytes_and_offsets(texts: pa.StringArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
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
