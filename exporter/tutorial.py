"""The tutorial's own checkpoint: `torch.save({"epoch": …, "model_state_dict": …, …}, "best.pth")` of its notebook.

Such a file knows the weights of an Embedding, an LSTM and a Linear, by whatever names their class gave them, and
nothing of texts. So tokenizer and length are told, and the rest is as in the tutorial: texts padded behind and cut
to that length, the head on the state after the last step.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from exporter.errors import ExportError
from exporter.fitted import Fitted, exporting_versions
from scorer import __version__
from scorer.model.sealed import Card
from scorer.tokens.encoder import TextEncoder, TextSettings
from trainer.data.tokenizer import load_tokenizer, padding_of
from trainer.network.lstm import SentimentLSTM
from trainer.network.settings import NetworkSettings

__all__ = ["Texts", "Tutorial", "is_foreign", "read_tutorial", "texts_by"]

_WEIGHTS = "model_state_dict"
_OF_LSTM = re.compile(r"(?:.*\.)?(?P<name>(?:weight|bias)_(?:ih|hh)_l(?P<layer>\d+))")
_BOTH_WAYS = "_reverse"


@dataclass(frozen=True)
class Texts:
    """How the network's texts became ids."""

    tokenizer_json: str
    settings: TextSettings


def is_foreign(content: Any) -> bool:
    """The content of a `.pth` file is a dict that `trainer fit` did not write."""
    return isinstance(content, dict) and "format_version" not in content


def texts_by(path: Path, tokenizer: str | None, max_length: int | None) -> Texts:
    """What `--tokenizer` and `--max-length` say of the checkpoint at `path`; raises `ExportError` if one is missing."""
    given = {"--tokenizer FOLDER": tokenizer, "--max-length N": max_length}
    missing = [option for option, value in given.items() if value is None]
    if tokenizer is None or max_length is None:
        raise ExportError(
            f"{path}: is not of `trainer fit`; say how its texts became ids, as in the notebook that made it: "
            f"{' and '.join(missing)}"
        )
    loaded = load_tokenizer(tokenizer)
    padding = padding_of(loaded)
    if padding is None:
        raise ExportError(f"{tokenizer}: has no [PAD] or <pad>, which the network read behind every text")
    return Texts(loaded.to_str(), TextSettings(max_length, "head", padding, pad_to_max_length=True))


def read_tutorial(path: Path, content: Mapping[str, Any]) -> "Tutorial":
    """The network in a checkpoint of the tutorial's notebook, or in a plain `state_dict`.

    Raises `ExportError` for weights that are not those of an Embedding, a one-way LSTM and a Linear, or that do not
    fit each other.
    """
    made = {name: value for name in ("epoch", "loss") if (value := _number(content.get(name))) is not None}
    return Tutorial(path, _network(path, _weights(path, content)), made)


@dataclass(frozen=True)
class Tutorial:
    """What such a checkpoint knows."""

    path: Path
    network: SentimentLSTM
    made: Mapping[str, float]
    """Its epoch and loss, where they are numbers."""

    def with_texts(self, texts: Texts) -> Fitted:
        """What is exported; raises `ExportError` for a tokenizer with ids that the network does not know."""
        sizes, length = self.network.settings, texts.settings.max_length
        ids = TextEncoder(texts.tokenizer_json, texts.settings).vocab_size
        if ids > sizes.vocab_size:
            raise ExportError(
                f"{self.path}: knows {sizes.vocab_size:,} ids, its tokenizer {ids:,}; name the one it learned with"
            )
        versions = {"sentiment-scorer": __version__} | exporting_versions()
        card = Card(texts.settings, training={"checkpoint": "tutorial", **self.made}, versions=versions)
        layers = f" in {sizes.layers} layers" * (sizes.layers > 1)
        reading = (
            f"read as the tutorial's network: {sizes.vocab_size:,} word vectors of {sizes.embedding_dim} (the "
            f"tokenizer has {ids:,} ids), an LSTM of {sizes.hidden_dim}{layers}, a head on its state after token "
            f"{length}; label 1 is positive"
        )
        return Fitted(self.network, texts.tokenizer_json, card, reading=reading)


def _weights(path: Path, content: Mapping[str, Any]) -> dict[str, Tensor]:
    weights = content.get(_WEIGHTS, content)
    if not isinstance(weights, dict) or not weights or not all(isinstance(w, Tensor) for w in weights.values()):
        raise ExportError(f"{path}: not a checkpoint; it has no {_WEIGHTS}, only {_listed(content)}")
    return weights


def _network(path: Path, weights: Mapping[str, Tensor]) -> SentimentLSTM:
    """The trainer's network with these weights, which are known by their names in an LSTM and by their shapes."""
    own, used = _lstm(path, weights)
    hidden, size = own["lstm.weight_hh_l0"].shape[-1], own["lstm.weight_ih_l0"].shape[-1]
    left = {name: values for name, values in weights.items() if name not in used}
    head = _named(left, lambda values: values.shape in [(1, hidden), (2, hidden)])
    embedding = _named(left, lambda values: values.dim() == 2 and values.shape[1] == size, but=head)
    known = {embedding, head, head and f"{head.removesuffix('weight')}bias"}
    if embedding is None or head is None or set(left) - known:
        raise ExportError(
            f"{path}: the tutorial's network has an Embedding(…, {size}), an LSTM({size}, {hidden}) and a "
            f"Linear({hidden}, 1 or 2); beside its LSTM this one has {_shapes(left)}"
        )
    bias = left.get(f"{head.removesuffix('weight')}bias", torch.zeros(len(left[head])))
    own |= {"embedding.weight": left[embedding], "head.weight": _positive(left[head]), "head.bias": _positive(bias)}
    layers = sum(name.startswith("lstm.weight_hh") for name in own)
    network = SentimentLSTM(NetworkSettings(len(left[embedding]), size, hidden, "final_step", layers=layers))
    try:
        network.load_state_dict({name: values.float() for name, values in own.items()})
    except RuntimeError as error:
        raise ExportError(f"{path}: its weights do not fit each other: {_shapes(weights)}") from error
    return network.eval()


def _lstm(path: Path, weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], set[str]]:
    """Weights of the first LSTM by the trainer's names, with biases of 0 where it has none, and their own names."""
    found = {name: match for name in weights if (match := _OF_LSTM.fullmatch(name))}
    if backward := next((name for name in weights if name.endswith(_BOTH_WAYS)), None):
        raise ExportError(f"{path}: its LSTM reads both ways ({backward}); only one-way ones export")
    before = {name.removesuffix(match["name"]) for name, match in found.items()}
    own = {f"lstm.{match['name']}": weights[name] for name, match in found.items()}
    if len(before) != 1 or not {"lstm.weight_ih_l0", "lstm.weight_hh_l0"} <= set(own):
        raise ExportError(f"{path}: the tutorial's network has one LSTM; this one has {_shapes(weights)}")
    zero = torch.zeros(len(own["lstm.weight_hh_l0"]))
    biases = {name.replace(".weight", ".bias"): zero for name in own if ".weight" in name}
    return biases | own, set(found)


def _named(weights: Mapping[str, Tensor], fits: Any, but: str | None = None) -> str | None:
    """The name of the first `….weight` that fits."""
    return next((n for n, values in weights.items() if n.endswith("weight") and n != but and fits(values)), None)


def _positive(head: Tensor) -> Tensor:
    """The one row whose sigmoid is what the softmax of two says of the second; one row as it is."""
    return head if len(head) == 1 else head[1:] - head[:1]


def _number(value: Any) -> float | None:
    """A whole number or a fraction as Python's, also one in a tensor; None for anything else."""
    value = value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
    return value if isinstance(value, int | float) else None


def _shapes(weights: Mapping[str, Tensor]) -> str:
    return _listed({f"{name} {list(values.shape)}": None for name, values in weights.items()})


def _listed(names: Mapping[Any, Any], most: int = 6) -> str:
    shown = ", ".join(str(name) for name in list(names)[:most])
    return shown + f" and {len(names) - most} more" * (len(names) > most) or "nothing"
