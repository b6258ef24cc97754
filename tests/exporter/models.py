"""Small sealed models of every shape of the fast graph, with random weights that say something."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from exporter.recurrence import fastest_graph
from scorer.model.sealed import Card, seal
from scorer.tokens.settings import TextSettings
from scorer.tokens.shapes import EVERY_SCRIPT, Shape
from scorer.tokens.words import word_tokenizer
from trainer.network.lstm import SentimentLSTM
from trainer.network.rounding import round_vectors
from trainer.network.settings import EmbeddingBits, NetworkSettings

WORDS = [
    *".,!'12eσ日",
    *("the", "a", "good", "bad", "film", "was", "not", "don't", "at", "all", "__proto__", "constructor"),
]


def sealed_model(
    path: Path,
    *,
    bits: EmbeddingBits = 32,
    keep: str = "tail",
    longest: int = 40,
    words: Sequence[str] = WORDS,
    script: Shape = EVERY_SCRIPT,
    **shape: Any,
) -> Path:
    """A sealed model at `path`, which knows `words`; `shape` are settings of its network."""
    torch.manual_seed(0)
    shape = {"pooling": "last_max_mean"} | shape
    network = SentimentLSTM(NetworkSettings(len(words) + 2, 6, 5, **shape)).eval()
    with torch.no_grad():
        network.embedding.weight.copy_(round_vectors(network.embedding.weight * 3, bits))
        if network.phrases is not None:
            network.phrases.weight.normal_()
            network.phrases.round()
    graph = fastest_graph(network, 0.3)
    assert graph
    card = Card(TextSettings(longest, keep, 0))  # type: ignore[arg-type]
    path.write_bytes(seal(graph, word_tokenizer(words, script).to_str(), card))
    return path
