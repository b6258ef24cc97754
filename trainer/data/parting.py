"""All reviews of all sets, each in one part: to learn from, to validate, to test. No text is in two parts that must not
know each other, be it word for word or nearly.
"""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.data.duplicates import first_alike
from trainer.data.layout import TEST, TRAIN, UNLABELLED, VALIDATION
from trainer.data.reviews import column_of, sources_of
from trainer.data.sets import ReviewSet

__all__ = ["Part", "Parting", "choose_rows", "fold_of_rows"]

Flags = NDArray[np.bool_]


class Part(IntEnum):
    """What a review is for; a text that is in several parts belongs to the first."""

    test = 0
    validation = 1
    train = 2
    unlabelled = 3
    left_out = 4


_SPLITS = {Part.test: TEST, Part.validation: VALIDATION, Part.train: TRAIN, Part.unlabelled: UNLABELLED}


class Parting:
    """The rows of all sets, parted as their splits are; parts that some sets lack are then taken from training."""

    def __init__(self, sets: Sequence[ReviewSet], *, keep_copies: bool) -> None:
        pieces = [(part, one) for part, split in _SPLITS.items() for one in sets if split in one.splits]
        tables = [one.splits[_SPLITS[part]] for part, one in pieces]
        sizes = [len(table) for table in tables]
        for_all = {
            split for one in sets if TRAIN not in one.splits for split in one.splits
        }  # as test.csv given by itself
        self._table = pa.concat_tables(tables)
        self._part = np.repeat([part for part, _ in pieces], sizes)
        self._lacking = {
            part: np.repeat([own is Part.train and split not in {*one.splits, *for_all} for own, one in pieces], sizes)
            for part, split in _SPLITS.items()
        }
        self._cells = 2 * np.unique(sources_of(self._table), return_inverse=True)[1] + self._labels
        self._keep_copies = keep_copies
        self._first = np.arange(len(self._part)) if keep_copies else first_alike(self._table["text"])
        self.told: list[str] = []
        """What was done, a line for each."""
        if not keep_copies:
            self._separate_splits()
            self._tell_copies()

    def of(self, part: Part) -> pa.Table | None:
        """The rows of a part in their order; None if there are none."""
        rows = self._table.filter(pa.array(self._part == part)).combine_chunks()
        return rows if len(rows) else None

    def take_from_training(self, part: Part, share: float, seed: int, least: int = 1, most: int | None = None) -> bool:
        """Make `part` of a `share` of the training rows, for sets without such a split; `seed` chooses them.

        At most `most` rows are taken; where they would be all, or fewer than `least`, none, and the answer is False.
        """
        rows = np.flatnonzero(self._lacking[part] & (self._part == Part.train))
        if not len(rows):
            return True
        share = share if most is None else min(share, most / len(rows))
        sizes = self._count(self._part == Part.train)
        chosen = rows[choose_rows(self._cells[rows], share, seed, sizes[rows], self._may_judge[rows])]
        left = (self._part == Part.train) & ~np.isin(self._first, self._first[chosen])
        if len(chosen) < least or not left.any():
            return False
        self._part[chosen] = part
        self.told.append(f"no split {_SPLITS[part]!r}: {len(chosen):,} training reviews are kept for it")
        self._leave_out(np.isin(self._first, self._first[chosen]), part)
        return True

    @property
    def _labels(self) -> NDArray[np.int64]:
        labels: NDArray[np.int64] = column_of(self._table, "label").to_numpy()
        return labels

    def _count(self, rows: Flags) -> NDArray[np.int64]:
        """How many of `rows` have each row's text: [rows]."""
        return np.bincount(self._first[rows], minlength=len(rows))[self._first]

    def _leave_out(self, rows: Flags, part: Part) -> None:
        """Of `rows`, whose texts `part` has too, those that are learned from."""
        learned = rows & np.isin(self._part, (Part.train, Part.unlabelled))
        self._part[learned] = Part.left_out
        if learned.any():
            self.told.append(f"{learned.sum():,} reviews to learn from, which {_SPLITS[part]} has too, are left out")

    def _separate_splits(self) -> None:
        """What judges is neither learned from, nor does it choose by what the test will measure."""
        judged_by = self._part[self._first]  # the first part that has the text
        for part in (Part.test, Part.validation):
            self._leave_out(judged_by == part, part)
        again = (self._part == Part.validation) & (judged_by == Part.test)
        self._part[again] = Part.left_out
        if again.any():
            self.told.append(f"{again.sum():,} reviews of {VALIDATION}, which {TEST} has too, are left out")

    def _tell_copies(self) -> None:
        train = self._part == Part.train
        copies, mixed = train & (self._count(train) > 1), train & self._has_both_labels
        if copies.any():
            both = f"; {mixed.sum():,} of them have both labels and judge nothing" if mixed.any() else ""
            self.told.append(f"{copies.sum():,} training reviews have the text of another, or nearly{both}")

    @property
    def _has_both_labels(self) -> Flags:
        """Where the training reviews of this text do not agree: [rows]."""
        train = self._part == Part.train
        positive = self._count(train & (self._labels == 1))
        return (positive > 0) & (positive < self._count(train))

    @property
    def _may_judge(self) -> Flags:
        """One row of each training text, if all of its rows have one label: [rows]."""
        train = np.flatnonzero(self._part == Part.train)
        one_each = train[np.unique(self._first[train], return_index=True)[1]]
        return np.isin(np.arange(len(self._part)), one_each) & ~self._has_both_labels


def choose_rows(
    cells: NDArray[np.int64], share: float, seed: int, sizes: NDArray[np.int64], eligible: Flags
) -> NDArray[np.int64]:
    """Numbers of rows to hold out, in their order: of each cell its `share` but for one, as far as rows are `eligible`.

    Those with few copies, by their `sizes`, come first, and `seed` decides among equals. All arrays are [rows].
    """
    order = np.random.default_rng(seed).permutation(len(cells))
    order = order[np.lexsort((sizes[order], ~eligible[order], cells[order]))]
    begins = np.flatnonzero(np.diff(cells[order], prepend=-1))
    lengths = np.diff(np.append(begins, len(order)))
    reached = np.floor(
        np.append(begins, len(order)) * share + 0.5
    )  # so that what is left of one cell counts in the next
    wanted = np.arange(len(order)) - np.repeat(begins, lengths) < np.repeat(np.diff(reached), lengths)
    return np.sort(order[wanted & eligible[order]])


def fold_of_rows(texts: pa.LargeStringArray, cells: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each row, int64 [rows]: every fold has its share of each of the `cells` [rows], such as labels.

    Equal texts are of one fold, so that none is judged by a network that learned it.
    """
    order = np.random.default_rng(seed).permutation(len(cells))
    order = order[np.argsort(cells[order], kind="stable")]  # cell by cell, shuffled inside
    found = np.empty(len(cells), np.int64)
    found[order] = np.arange(len(cells)) % folds
    distinct = texts.dictionary_encode().indices.to_numpy()
    _, first = np.unique(distinct, return_index=True)
    return np.asarray(found[first][distinct], np.int64)
