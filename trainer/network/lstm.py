"""The network: word vectors → one-way LSTM → pooling → one logit."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from trainer.errors import TrainerError
from trainer.network.settings import NetworkSettings, Pooling

__all__ = ["PREFIX_WORDS", "STATES_POOLED", "SentimentLSTM"]

PREFIX_WORDS = 32
"""`SentimentLSTM.prefix_logits` judges a text after every so many words."""

STATES_POOLED: dict[Pooling, int] = {"final_step": 1, "max_mean": 2, "last_max_mean": 3}
"""How many states the head sees."""


class SentimentLSTM(nn.Module):
    """Ids and mask to logits of the positive class.

    One-way and padded on the right, so what the LSTM says of a token never depends on the padding. `max_mean` and
    `last_max_mean` pooling leave padding out: its states become zero, and zero takes part in every maximum.
    `final_step` reads the state at the last time step, padding or not, as the tutorial does; its rows must always be
    padded alike.
    """

    def __init__(self, settings: NetworkSettings, lstm: type[nn.LSTM] = nn.LSTM) -> None:
        super().__init__()
        self.settings = settings
        self.embedding = nn.Embedding(settings.vocab_size, settings.embedding_dim)
        step_dim = settings.embedding_dim * settings.words_per_step
        self.lstm = lstm(step_dim, settings.hidden_dim, settings.layers, batch_first=True)
        self.vector_dropout = nn.Dropout(settings.vector_dropout)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.hidden_dim * STATES_POOLED[settings.pooling], 1)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits, float32 [batch], of `input_ids` and `attention_mask`, both int64 [batch, time]."""
        return self.classify(self.embedding(input_ids), attention_mask)

    def classify(self, vectors: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits, float32 [batch], of word vectors [batch, time, embedding] and their mask, int64 [batch, time]."""
        states, mask = self._read(vectors, attention_mask)
        logits: Tensor = self.head(self.dropout(self._pool(states, mask)))
        return logits.squeeze(1)

    def prefix_logits(self, vectors: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits, float32 [batch, prefixes], of the first `PREFIX_WORDS` words, twice as many, … and the whole text.

        Arguments as in `classify`. Behind the end of a text the logit of the whole text repeats. One pass of the
        LSTM gives them all, because it reads one way. Raises `TrainerError` for `final_step` pooling.
        """
        states, mask = self._read(vectors, attention_mask)
        logits: Tensor = self.head(self.dropout(self._pool_prefixes(states, mask)))
        return logits.squeeze(2)

    def _read(self, vectors: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """States [batch, steps, hidden] and their mask, float32 [batch, steps, 1]."""
        mask = attention_mask.to(vectors.dtype).unsqueeze(2)  # [batch, time, 1]
        vectors = self.vector_dropout(vectors)
        if self.settings.words_per_step > 1:
            vectors, mask = self._group(vectors * mask, mask)
        states, _ = self.lstm(vectors)
        return states, mask

    def _group(self, vectors: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Neighbouring words side by side, [batch, steps, words_per_step * embedding], and the mask of the steps."""
        words = self.settings.words_per_step
        batch, time, size = vectors.shape
        steps = (time + words - 1) // words
        vectors = pad(vectors, (0, 0, 0, steps * words - time))
        return vectors.reshape(batch, steps, words * size), mask[:, ::words]

    def _pool(self, states: Tensor, mask: Tensor) -> Tensor:
        if self.settings.pooling == "final_step":
            return states[:, -1].float()
        masked = states * mask.to(states.dtype)
        count = mask.sum(1).clamp_min(1.0)  # [batch, 1]
        pooled = [masked.amax(1).float().clamp_min(0.0), masked.sum(1, dtype=torch.float32) / count]
        if self.settings.pooling == "last_max_mean":
            pooled.insert(0, _state_after(count.unsqueeze(2), states).squeeze(1))
        return torch.cat(pooled, dim=1)

    def _pool_prefixes(self, states: Tensor, mask: Tensor) -> Tensor:
        """What the head sees of every prefix: [batch, prefixes, pooled]."""
        if self.settings.pooling == "final_step":
            raise TrainerError("pooling final_step cannot judge parts of a text; use max_mean or last_max_mean")
        steps = PREFIX_WORDS // self.settings.words_per_step
        pieces = torch.split(states * mask.to(states.dtype), steps, dim=1)
        count = torch.stack([piece.sum(1) for piece in torch.split(mask, steps, dim=1)], 1).cumsum(1).clamp_min(1.0)
        highest = torch.stack([piece.max(1).values for piece in pieces], 1).float().clamp_min(0.0).cummax(1).values
        total = torch.stack([piece.sum(1, dtype=torch.float32) for piece in pieces], 1).cumsum(1)
        pooled = [highest, total / count]
        if self.settings.pooling == "last_max_mean":
            pooled.insert(0, _state_after(count, states))
        return torch.cat(pooled, dim=2)


def _state_after(count: Tensor, states: Tensor) -> Tensor:
    """The states [batch, n, hidden] after `count` [batch, n, 1] steps each."""
    last = (count - 1).to(torch.int64).expand(-1, -1, states.shape[2])
    return states.gather(1, last).float()
