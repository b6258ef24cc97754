"""The network: word vectors → one-way LSTM → pooling → one logit."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

__all__ = ["NetworkSettings", "Pooling", "SentimentLSTM"]

Pooling = Literal["final_step", "max_mean", "last_max_mean"]

_POOLED: dict[Pooling, int] = {"final_step": 1, "max_mean": 2, "last_max_mean": 3}  # states that the head sees


@dataclass(frozen=True)
class NetworkSettings:
    """All that is needed to build the network again; saved in every checkpoint."""

    vocab_size: int
    embedding_dim: int
    hidden_dim: int
    pooling: Pooling
    words_per_step: int = 1
    """Words that the LSTM reads at each step; two halve the steps, and each has its own input weights."""
    dropout: float = 0.0


class SentimentLSTM(nn.Module):
    """Ids and mask to logits of the positive class.

    One-way and padded on the right, so what the LSTM says of a token never depends on the padding. `max_mean` and
    `last_max_mean` pooling leave padding out: its states become zero, and zero takes part in every maximum.
    `final_step` reads the state at the last time step, padding or not, as the tutorial does; its rows must always be
    padded alike.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        self.embedding = nn.Embedding(settings.vocab_size, settings.embedding_dim)
        step_dim = settings.embedding_dim * settings.words_per_step
        self.lstm = nn.LSTM(step_dim, settings.hidden_dim, batch_first=True)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.hidden_dim * _POOLED[settings.pooling], 1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits, float32 [batch], of `input_ids` and `attention_mask`, both int64 [batch, time]."""
        return self.classify(self.embedding(input_ids), attention_mask)

    def classify(self, vectors: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits, float32 [batch], of word vectors [batch, time, embedding] and their mask, int64 [batch, time]."""
        mask = attention_mask.to(vectors.dtype).unsqueeze(2)  # [batch, time, 1]
        vectors = self.dropout(vectors)
        if self.settings.words_per_step > 1:
            vectors, mask = self._group(vectors * mask, mask)
        states, _ = self.lstm(vectors)  # [batch, steps, hidden]
        logits: Tensor = self.head(self.dropout(self._pool(states, mask)))
        return logits.squeeze(1)

    def _group(self, vectors: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Neighbouring words side by side, [batch, steps, words_per_step * embedding], and the mask of the steps."""
        words = self.settings.words_per_step
        batch, time, size = vectors.shape
        steps = (time + words - 1) // words
        vectors = pad(vectors, (0, 0, 0, steps * words - time))
        return vectors.reshape(batch, steps, words * size), mask[:, ::words]

    def _pool(self, states: Tensor, mask: Tensor) -> Tensor:
        if self.settings.pooling == "final_step":
            return states[:, -1]
        states = states * mask
        count = mask.sum(1).clamp_min(1.0)  # [batch, 1]
        pooled = [states.amax(1).clamp_min(0.0), states.sum(1) / count]
        if self.settings.pooling == "last_max_mean":
            last = (count - 1).to(torch.int64).unsqueeze(2).expand(-1, -1, states.shape[2])
            pooled.insert(0, states.gather(1, last).squeeze(1))
        return torch.cat(pooled, dim=1)
