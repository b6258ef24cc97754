"""The corpus tokenizer: what a word is, said once for the library and once for whole columns at a time.

A word is a run of letters and digits, with inner apostrophes ("don't"); any other character that is not a
space stands alone. `word_tokenizer` says so to the Hugging Face `tokenizers` library, and `WordEncoder` does the
same for an Arrow column with one hash lookup for all words. Tests hold the two against each other on random Unicode.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from scorer.arrow.arrays import integers_of, numbers, strings
from scorer.tokens.ids import Ids
from scorer.tokens.normalizer import RunNormalizer
from scorer.tokens.pretokenizer import split_words

__all__ = ["PAD", "UNKNOWN", "WordEncoder", "word_tokenizer"]

PAD, UNKNOWN = "[PAD]", "[UNK]"

_LINE_BREAK = "<[bB][rR] ?/?>"  # reviews copied from web pages are full of them
_WORD = r"[a-z0-9]+(?:'[a-z][a-z0-9]*)*|[^ \t-\r]"
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
        # A line break is ASCII, and what follows it in the normalizer leaves ASCII as it is, but for its case.
        self._normalize_runs = RunNormalizer(word_tokenizer([]).normalizer.normalize_str)
        self._words = strings(vocabulary)
        self._ids = np.fromiter(vocabulary.values(), np.int32, len(vocabulary))
        self.unknown_id = vocabulary[UNKNOWN]
        place = list(vocabulary).index(UNKNOWN)
        self._unknown_place = numbers(np.array([place], np.int32))[0]

    @classmethod
    def for_tokenizer(cls, parts: Mapping[str, Any]) -> "WordEncoder | None":
        """An encoder, if `parts`, a parsed tokenizer.json, are those of a `word_tokenizer` of any vocabulary."""
        own = json.loads(word_tokenizer([]).to_str())
        same = all(_shape(parts, name) == _shape(own, name) for name in _SHAPE)
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
        return split_words(self._normalize(texts), inner_apostrophes=True)

    def _normalize(self, texts: pa.StringArray) -> pa.StringArray:
        """All of the normalizer but the lower case of ASCII."""
        return self._normalize_runs(pc.replace_substring_regex(texts, _LINE_BREAK, " "))


def _shape(parts: Mapping[str, Any], name: str) -> Any:
    """A part of a tokenizer.json, the model without its words."""
    part = parts.get(name)
    return {**part, "vocab": None} if name == "model" and isinstance(part, dict) else part
