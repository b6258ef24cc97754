"""What a fit goes on from: the network and words of a model that exists, and the words of new reviews besides."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from tokenizers import Tokenizer
from torch import Tensor

from scorer.model.sealed import EMBEDDED_MODEL, read_sealed
from scorer.scores import WordCounts
from scorer.tokens.encoder import TextEncoder, TextSettings
from trainer.data.tokenizer import LEAST_COUNT
from trainer.learning.checkpoint import load_checkpoint
from trainer.network.lstm import SentimentLSTM
from trainer.network.rebuilt import rebuild_network
from trainer.network.settings import NetworkSettings
from trainer.recipes import Recipe

__all__ = ["Start", "load_start"]

_VECTORS = "embedding.weight"


@dataclass(frozen=True)
class Start:
    """A network with its tokenizer; its logits are calibrated."""

    name: str
    weights: dict[str, Tensor]
    network: NetworkSettings
    tokenizer_json: str
    text: TextSettings
    new_words: int = 0

    @property
    def about(self) -> str:
        """What a fit says of it."""
        name = "the embedded model" if self.name == "default" else self.name
        known = self.network.vocab_size - self.new_words
        return f"going on from {name}: {known:,} words and {self.new_words:,} new ones (--start none begins anew)"

    def recipe(self, recipe: Recipe) -> Recipe:
        """`recipe` with the sizes and the text settings of this network, which a fit cannot change."""
        sizes = ("embedding_dim", "hidden_dim", "layers", "words_per_step", "pooling", "head_dim", "phrases")
        settings = ("max_length", "keep", "pad_to_max_length")
        values: dict[str, Any] = {name: getattr(self.network, name) for name in sizes}
        return replace(recipe, **values, **{name: getattr(self.text, name) for name in settings})

    def count_words(self, texts: Sequence[str]) -> WordCounts:
        """The words of `texts`, and how many of them this model does not know."""
        encoder = TextEncoder(self.tokenizer_json, self.text)
        return WordCounts(*encoder.count_words(encoder.encode(pa.array(texts, pa.large_string()))))

    def with_words_of(self, texts: Iterable[str], most: int) -> "Start":
        """The same that knows at most `most` more words of `texts`, the frequent ones first.

        Each begins as the vector of all unknown words, so at first nothing changes. A tokenizer that is no list of
        words stays as it is.
        """
        parts = json.loads(self.tokenizer_json)
        if parts["model"].get("type") != "WordLevel":
            return self
        known: dict[str, int] = parts["model"]["vocab"]
        new = _words(Tokenizer.from_str(self.tokenizer_json), texts, known)[:most]
        words = len(self.weights[_VECTORS])
        known.update({word: words + place for place, word in enumerate(new)})
        unknown = TextEncoder(self.tokenizer_json, self.text).unknown_id
        vectors = torch.cat([self.weights[_VECTORS], self.weights[_VECTORS][unknown].expand(len(new), -1)])
        return replace(
            self,
            weights={**self.weights, _VECTORS: vectors},
            network=replace(self.network, vocab_size=len(vectors)),
            tokenizer_json=json.dumps(parts, ensure_ascii=False),
            new_words=len(new),
        )

    def digest(self) -> str:
        """Equal digest: the same network and words."""
        digest = hashlib.sha256(self.tokenizer_json.encode())
        for name, values in sorted(self.weights.items()):
            digest.update(name.encode() + values.numpy().tobytes())
        return digest.hexdigest()


def load_start(name: str) -> Start:
    """The model called `default`, which is the embedded one, or in a file: a checkpoint or a sealed model.

    Raises `TrainerError` or `ModelError` for a file that is neither, or whose graph cannot be taken apart.
    """
    path = EMBEDDED_MODEL if name == "default" else Path(name)
    if path.suffix == ".pth":
        checkpoint = load_checkpoint(path)
        network = _calibrated(checkpoint.build_network(), checkpoint.temperature)
        return _start(name, network, checkpoint.tokenizer_json, checkpoint.text)
    sealed = read_sealed(path)
    return _start(name, rebuild_network(sealed), sealed.tokenizer_json, sealed.card.text)


def _start(name: str, network: SentimentLSTM, tokenizer_json: str, text: TextSettings) -> Start:
    return Start(name, dict(network.state_dict()), network.settings, tokenizer_json, text)


def _calibrated(network: SentimentLSTM, temperature: float) -> SentimentLSTM:
    """The network whose logits are those of `network` over its temperature."""
    last = [*network.head.parameters(), *(network.phrases.parameters() if network.phrases is not None else [])]
    with torch.no_grad():
        for values in last:
            values.div_(temperature)
    return network


def _words(tokenizer: Tokenizer, texts: Iterable[str], known: dict[str, int]) -> list[str]:
    """Words of `texts`, as the tokenizer takes them apart, that it does not know: frequent ones first."""
    counts: Counter[str] = Counter()
    for text in texts:
        plain = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
        counts.update(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(plain))
    found = [(-times, word) for word, times in counts.items() if times >= LEAST_COUNT and word not in known]
    return [word for _, word in sorted(found)]
