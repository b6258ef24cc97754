"""The network: word vectors → one-way LSTM → pooling → one logit."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["NetworkSettings", "SentimentLSTM"]


@dataclass(frozen=True)
class NetworkSettings:
    """All that is needed to build the network again; saved in every checkpoint."""

    vocab_size: int
    embedding_dim: int
    hidden_dim: int
    pooling: Literal["last", "max_mean"]
    dropout: float = 0.0


class SentimentLSTM(nn.Module):
    """Ids and mask to logits of the positive class.

    One-way and padded on the right, so what the LSTM says of a token never depends on the padding. `max_mean`
    pooling leaves padding out: its states become zero, and zero takes part in every maximum. `last` reads the
    state at the last time step, padding or not, as the tutorial does; its rows must always be padded alike.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.pooling = settings.pooling
        pooled_dim = settings.hidden_dim * (2 if settings.pooling == "max_mean" else 1)
        self.embedding = nn.Embedding(settings.vocab_size, settings.embedding_dim)
        self.lstm = nn.LSTM(settings.embedding_dim, settings.hidden_dim, batch_first=True)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(pooled_dim, 1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits, float32 [batch], of `input_ids` and `attention_mask`, both int64 [batch, time]."""
        states, _ = self.lstm(self.dropout(self.embedding(input_ids)))  # [batch, time, hidden]
        logits: Tensor = self.head(self.dropout(self._pool(states, attention_mask)))
        return logits.squeeze(1)

    def _pool(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        if self.pooling == "last":
            return states[:, -1]
        mask = attention_mask.to(states.dtype).unsqueeze(2)  # [batch, time, 1]
        states = states * mask
        highest = states.amax(1).clamp_min(0.0)
        mean = states.sum(1) / mask.sum(1).clamp_min(1.0)
        return torch.cat([highest, mean], dim=1)
