"""The reviews that are surest and the most doubtful ones, kept while all stream by."""

import heapq
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["Example", "Examples"]


@dataclass(frozen=True, slots=True, order=True)
class Example:
    """A review that is shown."""

    rank: float
    """The higher the better; among equal ones the earlier row."""
    before: int
    """The negative of its row, from 0."""
    text: str = field(compare=False)
    probability: float = field(compare=False)

    @property
    def row(self) -> int:
        """From 1."""
        return 1 - self.before


class Examples:
    """The `most` different texts of the highest rank."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[Example] = []
        self._texts: set[str] = set()

    def add(self, rank: NDArray[np.float64], texts: pa.Array, probability: NDArray[np.float32], row: int) -> None:
        """Look at a window, all [rows], the first of which is `row`; a rank of -inf is not looked at."""
        for at in np.argsort(-rank, kind="stable")[: 4 * self._most]:
            if rank[at] == -np.inf or (len(self._kept) == self._most and rank[at] <= self._kept[0].rank):
                break
            self._offer(Example(float(rank[at]), -(row + int(at)), texts[int(at)].as_py(), float(probability[at])))

    def _offer(self, one: Example) -> None:
        if one.text in self._texts:
            return
        self._texts.add(one.text)
        if len(self._kept) < self._most:
            heapq.heappush(self._kept, one)
        else:
            self._texts.discard(heapq.heappushpop(self._kept, one).text)

    @property
    def best(self) -> list[Example]:
        """Those that are kept, the first of them the best."""
        return sorted(self._kept, reverse=True)
