"""BERT's tokenizer for whole columns: every different word is cut into pieces once.

Plain rows, ASCII without control characters and without the name of an added token, are split by their bytes as
`BertNormalizer` and `BertPreTokenizer` would; the library itself cuts each new word into pieces, and encodes the
other rows. Id for id the library's result; tests hold the two against each other.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import Tokenizer, models

from scorer.arrays import bools, bools_of, integers_of
from scorer.generic import GenericEncoder
from scorer.ragged import Ids, interleave, positions
from scorer.splitting import split_words

__all__ = ["WordPieceEncoder"]

_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_MOST_WORDS = 1_000_000  # distinct words remembered, some hundred megabytes


class WordPieceEncoder:
    """Encodes columns as an uncased BERT tokenizer does, without special tokens."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._library = GenericEncoder(tokenizer)
        added = (re.escape(token.content) for token in tokenizer.get_added_tokens_decoder().values())
        self._not_plain = "|".join([_CONTROL, *added])
        self._pieces: dict[str, list[int]] = {}

    @classmethod
    def for_tokenizer(cls, parts: Mapping[str, Any], tokenizer: Tokenizer) -> "WordPieceEncoder | None":
        """An encoder, if `parts`, the parsed tokenizer.json, normalize and split as uncased BERT does."""
        normalizer, splitter = (parts.get(name) or {} for name in ("normalizer", "pre_tokenizer"))
        is_bert = (normalizer.get("type"), splitter.get("type")) == ("BertNormalizer", "BertPreTokenizer")
        is_uncased = normalizer.get("lowercase") and normalizer.get("clean_text")
        # The library tells a model by its members: in BERT's own file its type is not named.
        is_pieces = isinstance(tokenizer.model, models.WordPiece)
        return cls(tokenizer) if is_bert and is_uncased and is_pieces else None

    def encode(self, texts: pa.StringArray | pa.LargeStringArray) -> Ids:
        """Ids of all texts; no text is null."""
        ascii_only = pc.string_is_ascii(texts)
        plain = bools_of(pc.and_not(ascii_only, pc.match_substring_regex(texts, self._not_plain)))
        fast = self._encode_plain(texts.filter(bools(plain)))
        slow = self._library.encode(texts.filter(bools(~plain)))
        return interleave(plain, fast, slow)

    def _encode_plain(self, texts: pa.StringArray) -> Ids:
        words, words_per_text = split_words(texts, inner_apostrophes=False)
        distinct = words.combine_chunks().dictionary_encode()
        pieces = [self._pieces_of(word) for word in distinct.dictionary.to_pylist()]
        counts = np.fromiter(map(len, pieces), np.int64, len(pieces))
        flat = np.fromiter((piece for word in pieces for piece in word), np.int32, int(counts.sum()))
        chosen = integers_of(distinct.indices)
        ids = flat[positions((np.cumsum(counts) - counts)[chosen], counts[chosen])]
        ends = np.concatenate([[0], np.cumsum(counts[chosen])])[np.concatenate([[0], np.cumsum(words_per_text)])]
        return ids, np.diff(ends)

    def _pieces_of(self, word: str) -> list[int]:
        if word not in self._pieces:
            if len(self._pieces) >= _MOST_WORDS:
                self._pieces.clear()
            self._pieces[word] = [token.id for token in self._tokenizer.model.tokenize(word)]
        return self._pieces[word]
