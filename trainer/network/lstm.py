"""The network: word vectors → one-way LSTM → pooling → one logit, to which pairs of words may add."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from trainer.errors import TrainerError
from trainer.network.phrases import Phrases
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
        pooled = settings.hidden_dim * STATES_POOLED[settings.pooling]
        self.between = nn.Linear(pooled, settings.head_dim) if settings.head_dim else None
        self.head = nn.Linear(settings.head_dim or pooled, 1)
        self.phrases = Phrases(settings.phrases) if settings.phrases else None

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits, float32 [batch], of `input_ids` and `attention_mask`, both int64 [batch, time]."""
        phrases = self.weigh_phrases(input_ids, attention_mask)
        return self.classify(self.embedding(input_ids), attention_mask, phrases)

    def weigh_phrases(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor | None:
        """What each word says with the one before it, all [batch, time]; None without phrases."""
        if self.phrases is None:
            return None
        weights: Tensor = self.phrases(input_ids, attention_mask)
        return weights

    def classify(self, vectors: Tensor, attention_mask: Tensor, phrases: Tensor | None = None) -> Tensor:
        """Logits, float32 [batch], of word vectors [batch, time, embedding] and their mask, int64 [batch, time].

        `phrases` [batch, time] are what `weigh_phrases` gave.
        """
        states, mask = self._read(vectors, attention_mask)
        logits = self._judge(self._pool(states, mask)).squeeze(1)
        return logits if phrases is None else logits + phrases.sum(1) * _share(attention_mask.sum(1))

    def prefix_logits(self, vectors: Tensor, attention_mask: Tensor, phrases: Tensor | None = None) -> Tensor:
        """Logits, float32 [batch, prefixes], of the first `PREFIX_WORDS` words, twice as many, … and the whole text.

        Arguments as in `classify`. Behind the end of a text the logit of the whole text repeats. One pass of the
        LSTM gives them all, because it reads one way. Raises `TrainerError` for `final_step` pooling.
        """
        states, mask = self._read(vectors, attention_mask)
        logits = self._judge(self._pool_prefixes(states, mask)).squeeze(2)
        if phrases is None:
            return logits
        return logits + _sums_so_far(phrases) * _share(_sums_so_far(attention_mask))

    def _judge(self, pooled: Tensor) -> Tensor:
        """Logits [..., 1] of pooled states [..., pooled]."""
        seen = self.dropout(pooled)
        if self.between is not None:
            seen = torch.relu(self.between(seen))
        logits: Tensor = self.head(seen)
        return logits

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


def _sums_so_far(values: Tensor) -> Tensor:
    """The sums of `values` [batch, time] over every prefix: [batch, prefixes]."""
    return torch.stack([piece.sum(1) for piece in torch.split(values, PREFIX_WORDS, dim=1)], 1).cumsum(1)


def _share(words: Tensor) -> Tensor:
    """What a sum over `words` words is multiplied by: long texts say the same again, but not as if they had not."""
    return words.clamp_min(1).to(torch.float32).rsqrt()


def _state_after(count: Tensor, states: Tensor) -> Tensor:
    """The states [batch, n, hidden] after `count` [batch, n, 1] steps each."""
    last = (count - 1).to(torch.int64).expand(-1, -1, states.shape[2])
    return states.gather(1, last).float()
