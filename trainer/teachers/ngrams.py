"""Which n-grams of one to three words a text holds, as a sparse binary matrix."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.tokens.encoder import RaggedIds
from scorer.tokens.ids import positions

__all__ = ["Ngrams", "SparseRows"]

_ROWS_AT_ONCE = 2048  # so that sorting stays in cache
_ROW_BITS = 11
_LEAST_REVIEWS = 2  # an n-gram of one review teaches nothing about others


@dataclass(frozen=True)
class SparseRows:
    """A binary matrix by its ones: `rows` and `columns`, int64 [ones], rows ascending."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    height: int

    def chosen(self, which: NDArray[np.bool_]) -> "SparseRows":
        """The rows where `which`, bool [height], is true."""
        numbers = np.cumsum(which) - 1
        kept = which[self.rows]
        return SparseRows(numbers[self.rows[kept]], self.columns[kept], int(which.sum()))

    def times(self, weights: NDArray[np.floating]) -> NDArray[np.float64]:
        """The product with `weights` [columns]: [height]."""
        return np.bincount(self.rows, weights[self.columns], self.height).astype(np.float64, copy=False)

    def transposed_times(self, values: NDArray[np.floating], width: int) -> NDArray[np.float64]:
        """The transpose's product with `values` [height]: [width]."""
        return np.bincount(self.columns, values[self.rows], width).astype(np.float64, copy=False)


class Ngrams:
    """The n-grams that at least two of some reviews hold, each with a column."""

    def __init__(self, reviews: RaggedIds, vocab_size: int) -> None:
        self._vocab_size = vocab_size
        keys = np.concatenate([part for _, part in self._keys(reviews)])
        found, counts = np.unique(keys, return_counts=True)
        self._known = found[counts >= _LEAST_REVIEWS]

    def __len__(self) -> int:
        return len(self._known)

    def matrix(self, reviews: RaggedIds) -> SparseRows:
        """Which of the known n-grams each review holds."""
        parts = list(self.parts(reviews))
        rows = np.concatenate([part.rows + start for start, part in parts])
        return SparseRows(rows, np.concatenate([part.columns for _, part in parts]), len(reviews))

    def parts(self, reviews: RaggedIds) -> Iterator[tuple[int, SparseRows]]:
        """The matrix in bands, each with the number of its first row, to spare memory."""
        for start in range(0, len(reviews), _ROWS_AT_ONCE):
            height = min(_ROWS_AT_ONCE, len(reviews) - start)
            rows, keys = self._distinct(reviews, start, height)
            columns = np.searchsorted(self._known, keys)
            known = columns < len(self._known)
            known[known] = self._known[columns[known]] == keys[known]
            yield start, SparseRows(rows[known], columns[known], height)

    def _keys(self, reviews: RaggedIds) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        for start in range(0, len(reviews), _ROWS_AT_ONCE):
            yield self._distinct(reviews, start, min(_ROWS_AT_ONCE, len(reviews) - start))

    def _distinct(self, reviews: RaggedIds, start: int, height: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows, counted from `start`, and keys of the n-grams in `height` reviews, each once a review."""
        lengths = reviews.lengths[start : start + height]
        begin = int(reviews.offsets[start])
        words = reviews.values[begin : begin + int(lengths.sum())].astype(np.int64)
        rows = np.repeat(np.arange(height), lengths)
        place = positions(np.zeros_like(lengths), lengths)
        key, found = words, []
        for before in range(3):
            if before:
                key = (key[:-1] + 1) * self._vocab_size + words[before:]
            inside = place[before:] >= before  # all words of the n-gram are of one review
            found.append((key[inside] << _ROW_BITS) | rows[before:][inside])
        distinct = np.unique(np.concatenate(found))
        rows, keys = distinct & ((1 << _ROW_BITS) - 1), distinct >> _ROW_BITS
        order = np.argsort(rows, kind="stable")
        return rows[order], keys[order]
