"""Cross-fitting: each text is judged by a teacher that learned only others, so that no label is one learned by heart.

    reviews ─▶ folds ─┬▶ teacher of all but fold 1 ─▶ judges fold 1 ─┬▶ logits of all
                      └▶ teacher of all but fold 2 ─▶ judges fold 2 ─┘

What is made of a review is of its fold; what no teacher learns is judged by all of them (Chernozhukov et al. 2018).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["ALL", "Folds"]

ALL = -1
"""The fold of a text that the teachers of all folds judge."""


@dataclass(frozen=True)
class Folds:
    """The fold of every text of each part, from 0, or `ALL`: int64 [rows]."""

    number: int
    parts: Mapping[str, NDArray[np.int64]]

    def to_judge(self, texts: Mapping[str, pa.LargeStringArray], fold: int) -> dict[str, pa.LargeStringArray]:
        """Of the texts of each part those that the teacher of a fold judges."""
        return {part: column.filter(pa.array(self._judged(part, fold))) for part, column in texts.items()}

    def joined(self, reads: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Logits [rows] of every part from those of each fold's teacher; the mean where all judged."""
        return {part: self._mean(part, [read[part] for read in reads]) for part in self.parts}

    def _judged(self, part: str, fold: int) -> NDArray[np.bool_]:
        return np.isin(self.parts[part], (fold, ALL))

    def _mean(self, part: str, reads: Sequence[Tensor]) -> Tensor:
        said = torch.full((self.number, len(self.parts[part])), torch.nan)
        for fold, logits in enumerate(reads):
            said[fold, torch.from_numpy(self._judged(part, fold))] = logits
        return said.nanmean(0)
