"""The corpus tokenizer: what a word is, said once for the library and once for whole columns at a time.

A word is a run of letters and digits, with inner apostrophes ("don't"); any other character that is not a
space stands alone. `word_tokenizer` says so to the Hugging Face `tokenizers` library, and `WordEncoder` does the
same for an Arrow column with one hash lookup for all words. Tests hold the two against each other on random Unicode.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from scorer.arrays import integers_of, numbers, strings
from scorer.ragged import Ids
from scorer.splitting import split_words

__all__ = ["PAD", "UNKNOWN", "WordEncoder", "word_tokenizer"]

PAD, UNKNOWN = "[PAD]", "[UNK]"

_LINE_BREAK = "<[bB][rR] ?/?>"  # reviews copied from web pages are full of them
_WORD = r"[a-z0-9]+(?:'[a-z][a-z0-9]*)*|[^ \t-\r]"
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_MOST_RUNS = 100_000
_LONGEST_RUN = 1_000
_SHAPE = ("added_tokens", "normalizer", "pre_tokenizer", "post_processor", "model")  # what decides the ids of a text
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

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        self._normalizer = word_tokenizer([]).normalizer
        self._runs: dict[str, str] = {}
        self._words = strings(vocabulary)
        self._ids = np.fromiter(vocabulary.values(), np.int32, len(vocabulary))
        place = list(vocabulary).index(UNKNOWN)
        self._unknown_place = numbers(np.array([place], np.int32))[0]

    @classmethod
    def for_tokenizer(cls, parts: Mapping[str, Any]) -> "WordEncoder | None":
        """An encoder, if `parts`, a parsed tokenizer.json, are those of a `word_tokenizer` of any vocabulary."""
        own = json.loads(word_tokenizer([]).to_str())
        shapes = [{**tokenizer, "model": {**tokenizer["model"], "vocab": None}} for tokenizer in (parts, own)]
        same = all(shapes[0].get(name) == shapes[1][name] for name in _SHAPE)
        return cls(parts["model"]["vocab"]) if same else None

    def encode(self, texts: pa.StringArray | pa.LargeStringArray) -> Ids:
        """Ids of all words; no text is null."""
        words, counts = self.split(texts)
        places = pc.index_in(words, value_set=self._words)
        del words  # they take more memory than all that follows
        return np.concatenate([self._ids[:0], *map(self._ids_at, places.chunks)]), counts  # no word, no chunk

    def _ids_at(self, places: pa.Int32Array) -> NDArray[np.int32]:
        return self._ids.take(integers_of(places.fill_null(self._unknown_place)))

    def split(self, texts: pa.StringArray | pa.LargeStringArray) -> tuple[pa.ChunkedArray, NDArray[np.int64]]:
        """All words, normalized, of all texts end to end, and words per text, int64 [rows]."""
        return split_words(texts, inner_apostrophes=True, normalize=self._normalize)

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
        normalized = [_NOT_ASCII.sub(self._normalize_match, text) for text in plain.filter(others).to_pylist()]
        return pc.replace_with_mask(plain, others, strings(normalized, texts.type))

    def _normalize_match(self, match: re.Match[str]) -> str:
        return "".join(map(self._normalize_run, _pieces(match.group())))

    def _normalize_run(self, run: str) -> str:
        if run not in self._runs:
            if len(self._runs) >= _MOST_RUNS:  # a file in another script must not fill the memory
                self._runs.clear()
            self._runs[run] = self._normalizer.normalize_str(run)
        return self._runs[run]


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
