"""Ragged rows of ids: chosen, cut and joined without a Python object per row."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scorer.tokens.encoder import RaggedIds
from scorer.tokens.ids import positions

__all__ = ["joined", "offsets_of", "ragged", "rows_of", "tail"]


def offsets_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where rows of `lengths` begin that lie end to end, and the end of the last: int64 [rows + 1]."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def ragged(values: NDArray[np.int32], lengths: NDArray[np.int64]) -> RaggedIds:
    """Rows of `lengths` that fill `values`, end to end."""
    return RaggedIds(values, offsets_of(lengths), np.zeros(len(lengths), np.bool_))


def tail(ids: RaggedIds, longest: int) -> RaggedIds:
    """The last `longest` ids of every row."""
    kept = np.minimum(ids.lengths, longest)
    return ragged(ids.values[positions(ids.offsets[1:] - kept, kept)], kept)


def rows_of(ids: RaggedIds, rows: NDArray[np.int64]) -> RaggedIds:
    """The chosen rows, in the order given."""
    lengths = ids.lengths[rows]
    return ragged(ids.values[positions(ids.offsets[rows], lengths)], lengths)


def joined(parts: Sequence[RaggedIds]) -> RaggedIds:
    """The rows of all parts, one part after another."""
    values = [np.empty(0, np.int32), *(part.values for part in parts)]
    lengths = [np.empty(0, np.int64), *(part.lengths for part in parts)]
    return ragged(np.concatenate(values), np.concatenate(lengths))
