"""Any tokenizer, by the Hugging Face library itself: the way for all that has no vectorised one."""

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer

from scorer.errors import ModelError
from scorer.tokens.ids import Ids

__all__ = ["GenericEncoder"]


class GenericEncoder:
    """Encodes columns text by text, without special tokens."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def encode(self, texts: pa.StringArray | pa.LargeStringArray) -> Ids:
        """Ids of all texts; no text is null."""
        try:
            rows = [row.ids for row in self._tokenizer.encode_batch_fast(texts.to_pylist(), add_special_tokens=False)]
        except Exception as error:  # the library raises bare Exception
            raise ModelError(f"the tokenizer cannot encode a text: {error}") from error
        counts = np.fromiter(map(len, rows), np.int64, len(rows))
        return np.fromiter((i for row in rows for i in row), np.int32, int(counts.sum())), counts
