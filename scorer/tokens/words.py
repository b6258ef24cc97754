"""The corpus tokenizer: what a word is, said once for the library and once for whole columns at a time.

`word_tokenizer` says to the Hugging Face `tokenizers` library what `shapes` holds, and `WordEncoder` does the same for
an Arrow column with one hash lookup for all words. Tests hold the two against each other on random Unicode.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tokenizers import Tokenizer, models

from scorer.arrow.arrays import integers_of, numbers, strings
from scorer.tokens.ids import Ids
from scorer.tokens.normalizer import RunNormalizer
from scorer.tokens.pretokenizer import split_words
from scorer.tokens.scripts import ScriptSplitter
from scorer.tokens.shapes import EVERY_SCRIPT, LINE_BREAK, SHAPES, Shape

__all__ = ["PAD", "UNKNOWN", "WordEncoder", "word_tokenizer"]

PAD, UNKNOWN = "[PAD]", "[UNK]"

_FEW = 4096
"""Words that a dictionary of Python finds sooner than Arrow, which hashes the whole vocabulary for every lookup."""

_PARTS = ("added_tokens", "normalizer", "pre_tokenizer", "post_processor", "model")  # what decides the ids of a text


def word_tokenizer(vocabulary: Sequence[str], shape: Shape = EVERY_SCRIPT) -> Tokenizer:
    """A word-level tokenizer: id 0 is `[PAD]`, 1 is `[UNK]`, then `vocabulary` in its order."""
    ids = {word: i for i, word in enumerate([PAD, UNKNOWN, *vocabulary])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.normalizer, tokenizer.pre_tokenizer = shape.normalizer, shape.pre_tokenizer
    return tokenizer


class WordEncoder:
    """Encodes whole columns as `word_tokenizer(vocabulary, shape)` does, without a Python object per word."""

    def __init__(self, vocabulary: Mapping[str, int], shape: Shape = EVERY_SCRIPT) -> None:
        # A line break is ASCII, and what follows it in the normalizer leaves ASCII as it is, but for its case.
        every = shape is EVERY_SCRIPT
        self._normalize_runs = RunNormalizer(shape.normalizer.normalize_str, composes=every)
        self._split = ScriptSplitter(shape.pre_tokenizer) if every else partial(split_words, inner_apostrophes=True)
        self._words = strings(vocabulary)
        self._ids = np.fromiter(vocabulary.values(), np.int32, len(vocabulary))
        self.unknown_id = vocabulary[UNKNOWN]
        place = list(vocabulary).index(UNKNOWN)
        self._unknown_place = numbers(np.array([place], np.int32))[0]

    @classmethod
    def for_tokenizer(cls, parts: Mapping[str, Any]) -> "WordEncoder | None":
        """An encoder, if `parts`, a parsed tokenizer.json, are those of a `word_tokenizer` of any vocabulary."""
        pattern = ((parts.get("pre_tokenizer") or {}).get("pattern") or {}).get("Regex")
        shape = next((one for one in SHAPES if one.word == pattern), None)
        return cls(parts["model"]["vocab"], shape) if shape and _is_of(parts, shape) else None

    def encode(self, texts: pa.StringArray | pa.LargeStringArray) -> Ids:
        """Ids of all words; no text is null."""
        words, counts = self.split(texts)
        if len(words) <= _FEW:
            known, unknown = self._id_of_word.get, self.unknown_id
            return np.array([known(word, unknown) for word in words.to_pylist()], np.int32), counts
        places = pc.index_in(words, value_set=self._words)
        del words  # they take more memory than all that follows
        return np.concatenate([self._ids[:0], *map(self._ids_at, places.chunks)]), counts  # no word, no chunk

    @cached_property
    def _id_of_word(self) -> dict[str, int]:
        return dict(zip(self._words.to_pylist(), self._ids.tolist(), strict=True))

    def _ids_at(self, places: pa.Int32Array) -> NDArray[np.int32]:
        return self._ids.take(integers_of(places.fill_null(self._unknown_place)))

    def split(self, texts: pa.StringArray | pa.LargeStringArray) -> tuple[pa.ChunkedArray, NDArray[np.int64]]:
        """All words, normalized, of all texts end to end, and words per text, int64 [rows]."""
        return self._split(self._normalize(texts))

    def _normalize(self, texts: pa.StringArray) -> pa.StringArray:
        """All of the normalizer but the lower case of ASCII."""
        return self._normalize_runs(pc.replace_substring_regex(texts, LINE_BREAK, " "))


def _is_of(parts: Mapping[str, Any], shape: Shape) -> bool:
    own = json.loads(word_tokenizer([], shape).to_str())
    return all(_without_words(parts, name) == _without_words(own, name) for name in _PARTS)


def _without_words(parts: Mapping[str, Any], name: str) -> Any:
    """A part of a tokenizer.json, the model without its words."""
    part = parts.get(name)
    return {**part, "vocab": None} if name == "model" and isinstance(part, dict) else part
