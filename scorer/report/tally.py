"""Reviews counted by period and verdict, in all or for each value of a column, while they stream by."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorer.arrow.arrays import integers_of
from scorer.evaluation.metrics import Interval, share_interval
from scorer.scores import Verdict

__all__ = ["PERIODS", "Cells", "Counts", "Tally", "total"]

_VERDICTS = len(Verdict)
PERIODS = 3
_OTHERS = "(all others)"


@dataclass(frozen=True, slots=True)
class Counts:
    """Reviews of one kind, int64 [period, `Verdict`]; the periods are before, after, and without a time."""

    cells: NDArray[np.int64]

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.cells + other.cells)

    def of(self, verdict: Verdict, period: int | None = None) -> int:
        """How many have a verdict, in one period or in both."""
        cells = self.cells if period is None else self.cells[period : period + 1]
        return int(cells[:, verdict].sum())

    def rows(self, period: int | None = None) -> int:
        """How many there are."""
        return sum(self.of(verdict, period) for verdict in Verdict)

    def share(self, period: int | None = None) -> Interval:
        """The share that is called positive."""
        return share_interval(self.of(Verdict.positive, period), self.rows(period))


def total(counts: Iterable[Counts]) -> Counts:
    """All of them together."""
    return sum(counts, Counts(np.zeros((PERIODS, _VERDICTS), np.int64)))


@dataclass(frozen=True, slots=True)
class Cells:
    """Period and verdict of the scored rows of a window."""

    rows: NDArray[np.int64]
    """Which rows of the window these are."""
    cell: NDArray[np.int64]
    """`period * 3 + verdict`."""

    @classmethod
    def of(cls, scored: NDArray[np.bool_], verdict: NDArray[np.int8], period: NDArray[np.int8]) -> "Cells":
        """Those of the rows that are `scored`; all are [rows of the window]."""
        rows = np.flatnonzero(scored)
        return cls(rows, period[rows].astype(np.int64) * _VERDICTS + verdict[rows])


class Tally:
    """Counts by key; of more than `most` different keys, those that come later are counted as one."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._counts: dict[Hashable, NDArray[np.int64]] = {}

    def add(self, keys: pa.Array, cells: Cells) -> None:
        """Count the rows of a window by their `keys`, [rows of the window]; null is a key too."""
        coded = keys.take(pa.array(cells.rows)).dictionary_encode(null_encoding="encode")
        wide = PERIODS * _VERDICTS
        code = integers_of(coded.indices).astype(np.int64) * wide + cells.cell
        counted = np.bincount(code, minlength=len(coded.dictionary) * wide)
        for key, counts in zip(coded.dictionary.to_pylist(), counted.reshape(-1, PERIODS, _VERDICTS), strict=True):
            known = key in self._counts or len(self._counts) < self._most
            name = key if known else _OTHERS
            self._counts[name] = self._counts.get(name, 0) + counts

    def __iter__(self) -> Iterator[tuple[Hashable, Counts]]:
        return ((key, Counts(counts)) for key, counts in self._counts.items())
