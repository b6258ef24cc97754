"""BERT's tokenizer for whole columns: every different word is cut into pieces once.

Runs of characters that are not ASCII are normalized by the library, each once. Plain rows, those without control
characters, names of added tokens, or letters that are not ASCII even then, are split by their bytes as
`BertPreTokenizer` would; the library cuts each new word into pieces, and encodes the other rows as a whole. Id for id
the library's result; tests hold the two against each other.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import Tokenizer, models

from scorer.arrow.arrays import bools, bools_of, integers_of, offsets_of
from scorer.tokens.generic import GenericEncoder
from scorer.tokens.ids import Ids, interleave, positions
from scorer.tokens.normalizer import RunNormalizer
from scorer.tokens.pretokenizer import split_words

__all__ = ["WordPieceEncoder"]

_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_MOST_WORDS = 1_000_000  # distinct words remembered, some hundred megabytes


class WordPieceEncoder:
    """Encodes columns as an uncased BERT tokenizer does, without special tokens."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._library = GenericEncoder(tokenizer)
        self._normalize = RunNormalizer(self._normalize_run)
        added = (re.escape(token.content) for token in tokenizer.get_added_tokens_decoder().values())
        self._not_plain = "|".join([_CONTROL, *added])
        self._pieces_of = lru_cache(_MOST_WORDS)(self._cut)

    @classmethod
    def for_tokenizer(cls, parts: Mapping[str, Any], tokenizer: Tokenizer) -> "WordPieceEncoder | None":
        """An encoder, if `parts`, the parsed tokenizer.json, normalize and split as uncased BERT does."""
        normalizer, splitter = (parts.get(name) or {} for name in ("normalizer", "pre_tokenizer"))
        is_bert = (normalizer.get("type"), splitter.get("type")) == ("BertNormalizer", "BertPreTokenizer")
        is_uncased = normalizer.get("lowercase") and normalizer.get("clean_text")
        # The library tells a model by its members: in BERT's own file its type is not named.
        is_pieces = isinstance(tokenizer.model, models.WordPiece)
        # Other tokens are found in normalized text as well, where an accent may be gone.
        are_ascii = all(token.content.isascii() for token in tokenizer.get_added_tokens_decoder().values())
        return cls(tokenizer) if is_bert and is_uncased and is_pieces and are_ascii else None

    def encode(self, texts: pa.StringArray | pa.LargeStringArray) -> Ids:
        """Ids of all texts; no text is null."""
        normalized = self._normalize(texts)
        plain = ~bools_of(pc.match_substring_regex(normalized, self._not_plain, ignore_case=True))
        fast = self._encode_plain(normalized.filter(bools(plain)))
        slow = self._library.encode(texts.filter(bools(~plain)))
        return interleave(plain, fast, slow)

    def _normalize_run(self, run: str) -> str:
        """What the library makes of a run; if that would be a part of words, a character that no plain row has."""
        normalized: str = self._tokenizer.normalizer.normalize_str(run)
        return normalized if all(map(self._is_apart, normalized)) else "\0"

    def _is_apart(self, character: str) -> bool:
        """Whether the splitter makes it a word of its own, as it does with all punctuation; ASCII is seen to later."""
        return character.isascii() or len(self._tokenizer.pre_tokenizer.pre_tokenize_str(f"a{character}a")) == 3

    def _encode_plain(self, texts: pa.StringArray) -> Ids:
        words, words_per_text = split_words(texts, inner_apostrophes=False)
        distinct = words.combine_chunks().dictionary_encode()
        pieces, counts = self._pieces_of_all(distinct.dictionary)
        which = integers_of(distinct.indices)  # of the distinct words, for every word of all texts
        ids = pieces[positions(offsets_of(counts)[which], counts[which])]
        pieces_before = offsets_of(counts[which])  # each word of all texts
        return ids, np.diff(pieces_before[offsets_of(words_per_text)])

    def _pieces_of_all(self, words: pa.StringArray) -> Ids:
        pieces = list(map(self._pieces_of, words.to_pylist()))
        counts = np.fromiter(map(len, pieces), np.int64, len(pieces))
        return np.fromiter((piece for word in pieces for piece in word), np.int32, int(counts.sum())), counts

    def _cut(self, word: str) -> list[int]:
        return [token.id for token in self._tokenizer.model.tokenize(word)]
