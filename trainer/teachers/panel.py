"""The panel: teachers that judged the same texts, and what they say together."""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.stages import Output
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

    def joined_by(self, judge: Output) -> "Panel":
        """The same judges and one more."""
        return Panel((*self.judges, judge))

    def opinions(self, part: str) -> list[Tensor]:
        """Each judge's logits [rows] of the whole texts of a part."""
        return [_whole(judge.tensors[part]) for judge in self.judges]

    def prefixes(self) -> tuple[Tensor, Tensor] | None:
        """The reader's logits [rows, prefixes] of training and unlabelled reviews, if there is a reader."""
        train, unlabelled = (self.judges[-1].tensors[part] for part in ("train", "unlabelled"))
        return (train, unlabelled) if train.ndim == 2 else None

    def verdicts(self, stack: Output, part: str) -> Tensor:
        """What all say together: logits [rows]."""
        return stacked(stack.tensors, self.opinions(part))

    def verdicts_on_made(self, stack: Output) -> Tensor:
        """Logits [rows] of made texts by those who judged them, as sure as all are of whole reviews."""
        able = [i for i, judge in enumerate(self.judges) if "made" in judge.tensors]
        if len(able) == len(self.judges):
            return self.verdicts(stack, "made")
        weights = stack.tensors["weights"][able].clamp_min(_LEAST)
        train, made = (
            torch.stack([_whole(self.judges[i].tensors[part]) for i in able], 1) @ weights for part in ("train", "made")
        )
        return made * (self.verdicts(stack, "train").std() / train.std().clamp_min(_LEAST))


def _whole(logits: Tensor) -> Tensor:
    return whole(logits) if logits.ndim == 2 else logits
