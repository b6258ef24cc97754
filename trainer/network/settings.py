"""What a network is built from; apart from the network, so that recipes are read without torch."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["EmbeddingBits", "NetworkSettings", "Pooling"]

Pooling = Literal["final_step", "max_mean", "last_max_mean"]
EmbeddingBits = Literal[8, 16, 32]


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
    """On pooled states."""
    vector_dropout: float = 0.0
    """On word vectors."""
    layers: int = 1
    """LSTMs, each of which reads the states of the one below."""
    head_dim: int = 0
    """Size of a layer between the pooled states and the logit; 0: none."""
    phrases: int = 0
    """Places of the table of pairs of neighbouring words; 0: none."""
