"""The panel: teachers that judged the same texts, and what they say together."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.stages import Output
from trainer.teachers.by_source import SHARE_OF_PARTS, scaled_by_source
from trainer.teachers.soft_labels import whole
from trainer.teachers.stack import stacked

__all__ = ["Panel"]

_LEAST = 1e-6


@dataclass(frozen=True)
class Panel:
    """Outputs of the stages in which teachers judged, by part: `train`, `held_out`, `unlabelled`, `made`.

    Each holds logits [rows], or [rows, prefixes] of a reader, which comes last. Texts that were made of reviews
    are not judged by all: a linear teacher knows words, and a short text turns on how they are put together.
    """

    judges: tuple[Output, ...]
    scales: Output | None = None
    """How verdicts on each source are scaled, if they are."""
    sources: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    """The number of each text's source, by part."""

    def joined_by(self, judge: Output) -> "Panel":
        """The same judges and one more."""
        return Panel((*self.judges, judge))

    def scaled_by(self, scales: Output, sources: Mapping[str, NDArray[np.int64]]) -> "Panel":
        """The same judges, what they say of each source scaled."""
        return replace(self, scales=scales, sources=sources)

    def opinions(self, part: str) -> list[Tensor]:
        """Each judge's logits [rows] of the whole texts of a part."""
        return [_whole(judge.tensors[part]) for judge in self.judges]

    def prefixes(self) -> tuple[Tensor, Tensor] | None:
        """The reader's logits [rows, prefixes] of training and unlabelled reviews, if there is a reader."""
        train, unlabelled = (self.judges[-1].tensors[part] for part in ("train", "unlabelled"))
        return (train, unlabelled) if train.ndim == 2 else None

    def verdicts(self, stack: Output, part: str) -> Tensor:
        """What all say together: logits [rows]."""
        return self._scaled(self._together(stack, part), part)

    def verdicts_on_made(self, stack: Output) -> Tensor:
        """Logits [rows] of made texts by those who judged them, as sure as all are of whole reviews."""
        return self._scaled(self._on_made(stack), "made", SHARE_OF_PARTS)

    def _scaled(self, logits: Tensor, part: str, share: float = 1.0) -> Tensor:
        return scaled_by_source(self.scales.tensors, logits, self.sources[part], share) if self.scales else logits

    def _together(self, stack: Output, part: str) -> Tensor:
        return stacked(stack.tensors, self.opinions(part))

    def _on_made(self, stack: Output) -> Tensor:
        able = [i for i, judge in enumerate(self.judges) if "made" in judge.tensors]
        if len(able) == len(self.judges):
            return self._together(stack, "made")
        weights = stack.tensors["weights"][able].clamp_min(_LEAST)
        train, made = (
            torch.stack([_whole(self.judges[i].tensors[part]) for i in able], 1) @ weights for part in ("train", "made")
        )
        return made * (self._together(stack, "train").std() / train.std().clamp_min(_LEAST))


def _whole(logits: Tensor) -> Tensor:
    return whole(logits) if logits.ndim == 2 else logits
