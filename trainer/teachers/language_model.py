"""The language model: an LSTM that foretells the next word, which teaches it to read before it learns to judge.

Dai & Le 2015: an LSTM that starts from a language model of the same domain classifies better and learns faster.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.utils import clip_grad_norm_

from scorer.tokens.encoder import RaggedIds
from trainer.data.ragged import rows_of
from trainer.errors import TrainerError
from trainer.network.bfloat16 import lstm_class
from trainer.seeds import step_seed
from trainer.stages import Made, StageProgress
from trainer.teachers.sampled_softmax import SampledLoss, Sampler

__all__ = ["LanguageModel", "LanguageModelSettings", "learn_language"]

_LEARNING_RATE = 3e-3
_LEAST_RATE = 1e-5
_WARMUP = 100  # steps
_BETAS = 0.9, 0.99
_CLIP_NORM = 1.0
_SAMPLES = 1024  # words that each word is told from
_DROPOUT = 0.1  # on numbers of the word vectors, the same ones for a whole window
_SMOOTH = 200  # steps over which the reported loss is averaged, about


@dataclass(frozen=True)
class LanguageModelSettings:
    """Sizes; `words` in all are read by `streams` readers, `window` words each before every step."""

    vocab_size: int
    embedding_dim: int
    hidden_dim: int
    words: int
    streams: int = 64
    window: int = 100


class LanguageModel(nn.Module):
    """Word vectors → LSTM → a guess of the next word's vector; the vectors serve both ends (Press & Wolf 2017)."""

    def __init__(self, settings: LanguageModelSettings, frequencies: Tensor) -> None:
        super().__init__()
        hidden = settings.hidden_dim
        self.embedding = nn.Embedding(settings.vocab_size + 1, settings.embedding_dim)  # the last ends a review
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.lstm = lstm_class(bfloat16=True)(settings.embedding_dim, hidden)
        self.lstm.state_dict()["bias_ih_l0"][hidden : 2 * hidden] = 1.0  # open forget gates remember from the start
        self.guess = nn.Linear(hidden, settings.embedding_dim)
        self.bias = nn.Parameter(frequencies.log())


class _Reader:
    """A language model that learns, one window at a time; every step has its own seed, so none depends on others."""

    def __init__(self, reviews: RaggedIds, settings: LanguageModelSettings, seed: int) -> None:
        self._reviews, self._settings, self._seed = reviews, settings, seed
        counts = np.bincount(reviews.values, minlength=settings.vocab_size + 1)
        counts[settings.vocab_size] = len(reviews)
        self._sampler = Sampler.from_counts(counts, _SAMPLES)
        self._place = torch.empty(settings.vocab_size + 1, dtype=torch.int64)
        torch.manual_seed(seed)
        frequencies = torch.tensor(np.maximum(counts, 1) / counts.sum(), dtype=torch.float32)
        self.model = LanguageModel(settings, frequencies)
        self._optimizer = torch.optim.Adam(self.model.parameters(), _LEARNING_RATE, betas=_BETAS, fused=True)
        self._state: tuple[Tensor, Tensor] | None = None
        self._pass = -1
        self._stream = np.empty((0, 0), np.int64)
        length = (len(reviews.values) + len(reviews)) // settings.streams
        if length < 2:
            raise TrainerError("too little text for a language model; fit with --recipe default")
        self._windows = -(-(length - 1) // settings.window)
        self.steps = max(1, settings.words // (settings.window * settings.streams))
        self.done = 0
        self.loss = 0.0

    def step(self) -> None:
        """Read one window of every stream and learn from it."""
        torch.manual_seed(step_seed(self._seed, self.done))
        words, following = self._next_window()
        samples = self._sampler.draw(np.random.default_rng([self._seed, 1, self.done]))
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        loss = self._loss(words, following.reshape(-1), samples)
        if not torch.isfinite(loss):
            raise TrainerError("the language model's loss is no longer a number; fit with --recipe default")
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(self.model.parameters(), _CLIP_NORM)
        self._optimizer.step()
        self.done += 1
        self.loss += (loss.item() - self.loss) / min(self.done, _SMOOTH)

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "state": self._state,
            "done": self.done,
            "loss": self.loss,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._state, self.done, self.loss = state["state"], state["done"], state["loss"]

    def _next_window(self) -> tuple[Tensor, Tensor]:
        """Words and the words that follow them, both int64 [window, streams]."""
        number, window = divmod(self.done, self._windows)
        if number != self._pass:
            self._pass, self._stream = number, self._streams(number)
        if window == 0:
            self._state = None
        start = window * self._settings.window
        words = torch.from_numpy(self._stream[start : start + self._settings.window + 1])
        return words[:-1], words[1:]

    def _streams(self, number: int) -> NDArray[np.int64]:
        """All reviews in random order, one behind the other, cut into parallel streams: [length, streams]."""
        order = np.random.default_rng([self._seed, 0, number]).permutation(len(self._reviews))
        shuffled = rows_of(self._reviews, order)
        ends = self._settings.vocab_size
        words = np.insert(shuffled.values.astype(np.int64), shuffled.offsets[:-1], ends)
        length = len(words) // self._settings.streams
        return np.ascontiguousarray(words[: length * self._settings.streams].reshape(-1, length).T)

    def _rate(self) -> float:
        rise = min(1.0, (self.done + 1) / _WARMUP)
        fall = 0.5 + 0.5 * math.cos(math.pi * self.done / self.steps)
        return _LEARNING_RATE * rise * fall + _LEAST_RATE

    def _loss(self, words: Tensor, following: Tensor, samples: Tensor) -> Tensor:
        model, settings = self.model, self._settings
        # One look-up for all three: its gradient is one sparse sum instead of three.
        vectors = model.embedding(torch.cat([words.reshape(-1), following, samples]))
        read, true, sampled = vectors.split([words.numel(), len(following), len(samples)])
        kept = torch.rand(1, settings.streams, settings.embedding_dim) > _DROPOUT
        read = read.view(*words.shape, -1) * (kept / (1 - _DROPOUT))
        states, (last, cell) = model.lstm(read, self._state)
        self._state = last.detach(), cell.detach()
        weight, bias = (values.to(states.dtype) for values in (model.guess.weight, model.guess.bias))
        guesses = linear(states.reshape(-1, settings.hidden_dim), weight, bias)
        self._place.fill_(-1)
        self._place[samples] = torch.arange(len(samples))
        biases = model.bias - self._sampler.log_expected
        hits = self._place[following]
        arguments = guesses, true, biases[following], sampled, biases[samples], hits
        loss: Tensor = SampledLoss.apply(*arguments)  # type: ignore[no-untyped-call]
        return loss


def learn_language(reviews: RaggedIds, settings: LanguageModelSettings, seed: int, progress: StageProgress) -> Made:
    """Word vectors and LSTM weights, named as in `SentimentLSTM`, after `settings.words` words; and what was reached.

    The vectors have one row more than the vocabulary, which stands for the end of a review.
    """
    reader = _Reader(reviews, settings, seed)
    if kept := progress.load():
        reader.load_state_dict(kept)
    while reader.done < reader.steps:
        reader.step()
        progress.at(reader.done / reader.steps, lambda: f"{reader.loss:.3f} nats a word", reader.state_dict)
    return dict(reader.model.state_dict()), {"steps": reader.steps, "nats_a_word": reader.loss}
