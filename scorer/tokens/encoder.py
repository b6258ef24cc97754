"""Text to ids: a column of strings becomes ragged token ids, the same in training and in serving.

Every tokenizer that the Hugging Face `tokenizers` library can load works, by `generic`. The word-level one that
`trainer fit --tokenizer corpus` learns and uncased BERT take vectorised ways, `words` and `wordpieces`, to the same
ids.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tokenizers import Tokenizer

from scorer.arrow.arrays import offsets_of, slices_of, without_nulls
from scorer.errors import ModelError
from scorer.tokens.generic import GenericEncoder
from scorer.tokens.ids import positions
from scorer.tokens.places import WordPlaces, word_places
from scorer.tokens.settings import TextSettings
from scorer.tokens.wordpieces import WordPieceEncoder
from scorer.tokens.words import UNKNOWN, WordEncoder

__all__ = ["RaggedIds", "TextEncoder", "TextSettings"]

_BLOCK_BYTES = 3 << 19
"""Of texts that are taken apart at a time: their words stay in the cache, and are enough to pay for a lookup of all."""
_PLACED_ROWS = 128
"""Texts whose words are placed at a time: the library takes some hundred bytes a token."""


@dataclass(frozen=True, slots=True)
class RaggedIds:
    """Rows of different lengths, end to end: row r is `values[offsets[r] : offsets[r + 1]]`.

    `values` int32 [total], `offsets` int64 [rows + 1], `truncated` bool [rows]. A text without any token
    (null, empty, only spaces) is a row of length 0, without special tokens.
    """

    values: NDArray[np.int32]
    offsets: NDArray[np.int64]
    truncated: NDArray[np.bool_]

    @classmethod
    def joined(cls, blocks: Sequence["RaggedIds"]) -> "RaggedIds":
        """The rows of all blocks, one after the other."""
        lengths = np.concatenate([block.lengths for block in blocks])
        return cls(
            np.concatenate([block.values for block in blocks]),
            offsets_of(lengths),
            np.concatenate([block.truncated for block in blocks]),
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens per row, int64 [rows]."""
        return np.diff(self.offsets)


class TextEncoder:
    """Turns columns of text into `RaggedIds` by a `tokenizer.json` and `TextSettings`.

    Raises `ModelError` when the `tokenizers` library cannot load `tokenizer_json`.
    """

    def __init__(self, tokenizer_json: str, settings: TextSettings) -> None:
        self.settings = settings
        self._tokenizer_json = tokenizer_json
        self._prefix: list[int] = []
        self._suffix: list[int] = []
        with _model_errors():
            parts = json.loads(tokenizer_json)
            words = WordEncoder.for_tokenizer(parts)
            if words is None:
                self._prefix, self._suffix = _special_tokens(self._tokenizer)
            self._unknown = words.unknown_id if words else _unknown_id(self._tokenizer)
            # A word tokenizer is all in its parts: to load it into the library as well would double a start's wait.
            self._rows = (
                words or WordPieceEncoder.for_tokenizer(parts, self._tokenizer) or GenericEncoder(self._tokenizer)
            )
        around = len(self._prefix) + len(self._suffix)
        if settings.max_length <= around:
            raise ModelError(f"a text of {settings.max_length} tokens has no room beside {around} special ones")

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        with _model_errors():
            tokenizer = Tokenizer.from_str(self._tokenizer_json)
        # Length is our business, whatever the file says: it may carry the settings of someone's last call.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @property
    def vocab_size(self) -> int:
        """Number of ids, added tokens included."""
        return self._tokenizer.get_vocab_size(with_added_tokens=True)

    def vocabulary(self) -> dict[str, int]:
        """The id of every token, added ones included."""
        return dict(self._tokenizer.get_vocab(with_added_tokens=True))

    @property
    def unknown_id(self) -> int:
        """The id of `[UNK]` or `<unk>`, else the padding's."""
        return self.settings.pad_id if self._unknown is None else self._unknown

    @property
    def special_tokens(self) -> tuple[list[int], list[int]]:
        """Ids before and after those of every text, such as that of [CLS] and that of [SEP]."""
        return self._prefix, self._suffix

    def encode(self, texts: pa.StringArray | pa.LargeStringArray, block_bytes: int = _BLOCK_BYTES) -> RaggedIds:
        """Ids of every text, truncated to the settings, `block_bytes` of text at a time; null counts as empty."""
        return RaggedIds.joined([self._encode_block(block) for block in slices_of(texts, block_bytes)])

    def count_words(self, ids: RaggedIds) -> tuple[int, int]:
        """Tokens of all rows without special ones, and how many of them are unknown; 0 where all have an id."""
        around = (len(self._prefix) + len(self._suffix)) * int(np.count_nonzero(ids.lengths))
        unknown = 0 if self._unknown is None else int(np.count_nonzero(ids.values == self._unknown))
        return len(ids.values) - around, unknown

    def places(self, texts: pa.StringArray | pa.LargeStringArray) -> list[WordPlaces]:
        """Where the words of each text stand that `encode` keeps, by the library; null counts as an empty text."""
        blocks = (texts.slice(start, _PLACED_ROWS) for start in range(0, len(texts), _PLACED_ROWS))
        return [places for block in blocks for places in self._words_of_block(without_nulls(block).to_pylist())]

    def _words_of_block(self, texts: Sequence[str]) -> Iterator[WordPlaces]:
        try:
            found = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        except Exception as error:  # the library raises bare Exception
            raise ModelError(f"the tokenizer cannot encode a text: {error}") from error
        for text, encoding in zip(texts, found, strict=True):
            yield word_places(text, encoding, self.settings, len(self._prefix), len(self._suffix))

    def _encode_block(self, texts: pa.StringArray | pa.LargeStringArray) -> RaggedIds:
        values, counts = self._rows.encode(without_nulls(texts))
        kept = np.minimum(counts, self.settings.max_length - len(self._prefix) - len(self._suffix))
        dropped = counts - kept
        starts = np.cumsum(counts) - counts
        if self.settings.keep == "head":
            starts += kept
        # Few texts are too long: what goes is far less than what stays.
        values = np.delete(values, positions(starts, dropped))
        return self._with_special_tokens(values, kept, truncated=dropped > 0)

    def _with_special_tokens(
        self, values: NDArray[np.int32], counts: NDArray[np.int64], truncated: NDArray[np.bool_]
    ) -> RaggedIds:
        """Rows of `counts` of the `values` each, every one that is not empty between prefix and suffix."""
        around = len(self._prefix) + len(self._suffix)
        offsets = offsets_of(np.where(counts > 0, counts + around, 0))
        if not around:
            return RaggedIds(values, offsets, truncated)
        filled = np.flatnonzero(counts)
        result = np.empty(offsets[-1], np.int32)
        result[positions(offsets[filled] + len(self._prefix), counts[filled])] = values
        for place, token in enumerate(self._prefix):
            result[offsets[filled] + place] = token
        for place, token in enumerate(reversed(self._suffix), start=1):
            result[offsets[filled + 1] - place] = token
        return RaggedIds(result, offsets, truncated)


@contextmanager
def _model_errors() -> Iterator[None]:
    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # the library raises bare Exception
        raise ModelError(f"the tokenizer cannot be loaded: {error}") from error


def _unknown_id(tokenizer: Tokenizer) -> int | None:
    return next((i for i in map(tokenizer.token_to_id, (UNKNOWN, "<unk>")) if i is not None), None)


def _special_tokens(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """What the post-processor puts before and after a single text, such as [CLS] and [SEP]."""
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    full = tokenizer.encode("a", add_special_tokens=True).ids
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return full[:start], full[start + len(bare) :]
    raise ModelError("the tokenizer's post-processor changes the text's own tokens; it cannot be served")
