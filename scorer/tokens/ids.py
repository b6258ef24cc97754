"""Rows of different lengths, end to end in one array: picking and merging runs without a loop."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ids", "interleave", "positions"]

Ids = tuple[NDArray[np.int32], NDArray[np.int64]]
"""Ids of all rows end to end, int32 [total], and ids per row, int64 [rows]."""


def positions(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices `start, start + 1, …` of every run, end to end: int64 [sum(counts)]."""
    ends = np.cumsum(counts)
    gaps: NDArray[np.int64] = np.repeat(starts - (ends - counts), counts)
    return gaps + np.arange(len(gaps))


def interleave(is_first: NDArray[np.bool_], first: Ids, second: Ids) -> Ids:
    """The rows of `first` where `is_first`, bool [rows], and those of `second` elsewhere, each in their order."""
    counts = np.empty(len(is_first), np.int64)
    counts[is_first], counts[~is_first] = first[1], second[1]
    starts = np.cumsum(counts) - counts
    values = np.empty(counts.sum(), np.int32)
    values[positions(starts[is_first], first[1])] = first[0]
    values[positions(starts[~is_first], second[1])] = second[0]
    return values, counts
