"""Fine-tuning: a pretrained encoder learns the labels of some reviews, and becomes a teacher of all.

What works on a few ten thousand texts: AdamW, a short rise of the step size and a linear fall, frozen embeddings,
slightly soft labels, batches of similar lengths, one pass or few.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils import clip_grad_norm_

from trainer.data.batches import by_tokens
from trainer.errors import TrainerError
from trainer.seeds import step_seed
from trainer.stages import Made, StageProgress
from trainer.teachers.transformer import Encoder, Transformer

__all__ = ["FineTuning", "LabelledTexts", "finetune", "learned_weights", "step_size"]

_TOKENS_A_TEXT = 128  # of a batch on average at most, or what is kept for the way back takes too much memory
_WIDE, _WIDE_RATE, _NARROW_RATE = 512, 3e-5, 1e-4  # wide encoders take smaller steps
_HEAD_TIMES = 10  # the head's steps against the encoder's: it alone is new
_WARMUP = 0.06  # of the steps
_WEIGHT_DECAY = 0.01
_CLIP_NORM = 1.0
_SMOOTHING = 0.02  # of the labels
_TAIL, _HEAD = 0.55, 0.25  # how often the end, and the beginning, of a longer text is learned; else any piece
_SMOOTH = 50  # steps over which the reported loss is averaged, about


@dataclass(frozen=True)
class FineTuning:
    """How an encoder learns: AdamW's step size, passes over the texts, and texts of a step."""

    rate: float
    epochs: int
    batch: int


@dataclass(frozen=True)
class LabelledTexts:
    """Texts to learn, and their labels 0 or 1, float32 [texts]."""

    texts: Sequence[str]
    labels: NDArray[np.float32]

    @property
    def digest(self) -> str:
        """Equal texts and labels, equal digest."""
        digest = hashlib.sha256(self.labels.tobytes())
        for text in self.texts:
            digest.update(f"{len(text)}\t{text}".encode())
        return digest.hexdigest()


class _Tuner:
    """An encoder that learns, batch after batch; every step has its own seed, so none depends on others."""

    def __init__(self, teacher: Transformer, learned: LabelledTexts, choices: FineTuning, seed: int) -> None:
        assert isinstance(teacher.network, Encoder)
        self._teacher, self._network, self._rate, self._seed = teacher, teacher.network, choices.rate, seed
        rng = np.random.default_rng(seed)
        self._tokens = teacher.tokens(learned.texts)
        self._labels = torch.from_numpy(learned.labels)
        lengths = np.array([min(len(tokens), teacher.room) for tokens in self._tokens], np.int64)
        orders = [rng.permutation(len(lengths)) for _ in range(choices.epochs)]
        limits = choices.batch * _TOKENS_A_TEXT, choices.batch
        self._batches = [rows for order in orders for rows in by_tokens(order, lengths, *limits, rng)]
        torch.manual_seed(seed)
        self._network.begin_anew()
        for weights in _embeddings(self._network.model).parameters():
            weights.requires_grad = False
        self._optimizer = torch.optim.AdamW(
            [
                {"params": [w for w in self._network.model.parameters() if w.requires_grad], "times": 1.0},
                {"params": list(self._network.head.parameters()), "times": float(_HEAD_TIMES)},
            ],
            choices.rate,
            weight_decay=_WEIGHT_DECAY,
            fused=True,
        )
        self.steps, self.done, self.loss = len(self._batches), 0, 0.0

    def step(self) -> None:
        """Learn one batch."""
        seed = step_seed(self._seed, self.done)
        torch.manual_seed(seed)
        self._network.train()
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate * group["times"] * _height(self.done / self.steps)
        rows, rng = self._batches[self.done], np.random.default_rng(seed)
        pieces = [_piece(self._tokens[row], self._teacher.room, rng) for row in rows]
        loss = self._loss(pieces, self._labels[rows])
        if not torch.isfinite(loss):
            raise TrainerError("the teacher's loss is no longer a number; fit again with a lower --teacher-rate")
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(self._network.parameters(), _CLIP_NORM)
        self._optimizer.step()
        self.done += 1
        self.loss += (loss.item() - self.loss) / min(self.done, _SMOOTH)

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on."""
        counts = {"done": self.done, "loss": self.loss}
        return {"weights": learned_weights(self._network), "optimizer": self._optimizer.state_dict(), **counts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self._network.load_state_dict(state["weights"], strict=False)
        self._optimizer.load_state_dict(state["optimizer"])
        self.done, self.loss = state["done"], state["loss"]

    def _loss(self, pieces: Sequence[list[int]], labels: Tensor) -> Tensor:
        with self._teacher.autocast():
            logits, _ = self._network(*self._teacher.batch(pieces))
        softened = labels * (1 - 2 * _SMOOTHING) + _SMOOTHING
        return binary_cross_entropy_with_logits(logits.float(), softened.to(logits.device))


def step_size(teacher: Transformer) -> float:
    """AdamW's step size for an encoder of this width."""
    assert isinstance(teacher.network, Encoder)
    return _WIDE_RATE if teacher.network.head.in_features >= _WIDE else _NARROW_RATE


def finetune(
    teacher: Transformer, learned: LabelledTexts, choices: FineTuning, seed: int, progress: StageProgress
) -> Made:
    """Weights that the encoder and its head have when they know `learned`; the rest stay as they were."""
    tuner = _Tuner(teacher, learned, choices, seed)
    if kept := progress.load():
        tuner.load_state_dict(kept)
    while tuner.done < tuner.steps:
        tuner.step()
        progress.at(tuner.done / tuner.steps, lambda: f"training loss {tuner.loss:.3f}", tuner.state_dict)
    assert isinstance(teacher.network, Encoder)
    summary = {"texts": len(learned.texts), "steps": tuner.steps, "training_loss": tuner.loss}
    return {name: weights.cpu() for name, weights in learned_weights(teacher.network).items()}, summary


def learned_weights(network: Encoder) -> dict[str, Tensor]:
    """Weights by name, without those that fine-tuning leaves as they are."""
    frozen = {id(weights) for weights in _embeddings(network.model).parameters()}
    return {name: w.detach() for name, w in network.named_parameters() if id(w) not in frozen and "pooler." not in name}


def _embeddings(model: nn.Module) -> nn.Module:
    """All embeddings of an encoder, or at least its words': they know more than a few thousand labels teach."""
    found: Any = model
    embeddings: nn.Module = found.embeddings if hasattr(model, "embeddings") else found.get_input_embeddings()
    return embeddings


def _height(share: float) -> float:
    """Of the step size, after a share of the steps: it rises, then falls to zero."""
    return min((share + 1e-3) / _WARMUP, 1.0) * (1 - share)


def _piece(tokens: list[int], room: int, rng: np.random.Generator) -> list[int]:
    """What is learned of a text: all of it, or its end, its beginning, or a piece between."""
    beyond = len(tokens) - room
    if beyond <= 0:
        return tokens
    chosen = rng.random()
    start = beyond if chosen < _TAIL else 0 if chosen < _TAIL + _HEAD else int(rng.integers(beyond + 1))
    return tokens[start : start + room]
