"""Some of the rows of a source: the first ones, or random ones, in the order in which they are there."""

import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from scorer.arrow.arrays import numbers
from scorer.files.source import Decoded, Skipped, Source

__all__ = ["PickedSource", "sampled"]


def sampled(source: Source, rows: int, seed: int) -> "PickedSource":
    """`rows` rows of `source`, or all where it has no more, each set of them as likely as any other.

    The same seed picks the same ones. What does not know how many rows it has is read once to count them.
    """
    total = source.row_count
    if total is None:
        total = sum(window.num_rows for window in source.windows())
    return PickedSource(source, sorted(random.Random(seed).sample(range(total), min(rows, total))))


@dataclass
class PickedSource:
    """The rows of `source` with these numbers, which ascend from 0 on; it may have fewer rows than that."""

    source: Source
    picks: Sequence[int]
    _given: int = 0

    def __post_init__(self) -> None:
        self.name, self.schema, self.text = self.source.name, self.source.schema, self.source.text
        known = self.source.row_count
        self.row_count = None if known is None else len(self.picks) if known > max(self.picks, default=-1) else known

    @property
    def skipped(self) -> Skipped:
        """What was left out on the way."""
        return self.source.skipped

    def windows(self) -> Iterator[pa.RecordBatch]:
        """The rows that are picked; what comes after the last one is not read."""
        before, self._given = 0, 0
        for window in self.source.windows():
            after = before + window.num_rows
            places = np.array(self.picks[self._given : bisect_left(self.picks, after)], np.int64) - before
            self._given += len(places)
            if len(places) == window.num_rows:
                yield window
            elif len(places):
                yield window.take(numbers(places))
            if self._given == len(self.picks):
                return
            before = after

    def decode(self, window: pa.RecordBatch) -> Decoded:
        """The rows and texts of a window."""
        return self.source.decode(window)

    def unreadable(self, row: int) -> str:
        """What to say of `row`, and where it is in the input."""
        return self.source.unreadable(self.picks[row])

    def fraction_read(self) -> float:
        """How much of what is picked has been handed out, 0 to 1."""
        return max(self._given / max(len(self.picks), 1), self.source.fraction_read() if self._given else 0.0)
