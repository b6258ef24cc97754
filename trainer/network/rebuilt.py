"""A sealed model's network, built again from its graph, so that a fit can go on from it.

Both graphs of `exporter` are read: the fast one, whose constants have names of their own, and the one that torch
traced, whose weights are the inputs of standard operators. What was built is then held against the graph itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count, takewhile

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

from scorer.model.network import Network
from scorer.model.sealed import SealedModel
from trainer.errors import TrainerError
from trainer.network.lstm import STATES_POOLED, SentimentLSTM
from trainer.network.settings import NetworkSettings

__all__ = ["rebuild_network"]

_TOLERANCE = 1e-4  # of a logit, or of a share of it where it is larger than 1
_PROBED = 7, 90  # rows and tokens that graph and network are given alike

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class _Layer:
    """Weights of one LSTM, gates in the order input, output, forget, cell."""

    input: Floats
    """[4 * hidden, input]."""
    recurrent: Floats
    """[4 * hidden, hidden]."""
    bias: Floats
    """[4 * hidden]."""


@dataclass(frozen=True)
class _Parts:
    """All weights of a network; logits are divided by the temperature already."""

    vectors: Floats
    """[words, size]."""
    layers: Sequence[_Layer]
    head: Floats
    """[pooled], or [between]."""
    bias: float
    between: tuple[Floats, Floats] | None = None
    """[between, pooled] and [between]."""
    phrases: Floats | None = None
    """[places, 1]."""


def rebuild_network(sealed: SealedModel) -> SentimentLSTM:
    """The network of a sealed model, in evaluation mode; its logits are calibrated.

    Raises `TrainerError` where the graph is not one that `exporter` made.
    """
    graph = onnx.load_from_string(sealed.content).graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    try:
        fast = "embedding_steps" in constants
        parts = _of_recurrence(constants) if fast else _of_trace(graph, constants, sealed)
        network = SentimentLSTM(_settings(parts))
        network.load_state_dict(_weights(parts))
        _compare(network.eval(), sealed)
    except (IndexError, KeyError, RuntimeError, StopIteration, ValueError) as error:
        raise TrainerError(
            f"{sealed.path}: its graph is not one of `exporter to-onnx`, so no fit can go on from it; use its .pth"
        ) from error
    return network


def _of_recurrence(constants: Mapping[str, Floats]) -> _Parts:
    """From the constants of `exporter.recurrence`."""
    names = takewhile(lambda name: name in constants, (f"input_weights_{position}" for position in count()))
    first = np.concatenate([constants[name] for name in names]).T  # [4 * hidden, words a step * size]
    layers = [_Layer(first, constants["recurrent_weights"].T, constants["bias"])]
    while f"bias_of_{len(layers)}" in constants:
        parts = (constants[f"{name}_of_{len(layers)}"] for name in ("input_weights", "recurrent_weights", "bias"))
        layers.append(_Layer(*(part.T for part in parts)))
    vectors = constants["embedding"].astype(np.float32) * constants["embedding_steps"]
    head = constants["head_weights"][:, 1], float(constants["head_bias"][1])
    between = (constants["between_weights"].T, constants["between_bias"]) if "between_bias" in constants else None
    phrases = None
    if "phrases" in constants:  # behind which stand the first again, and zeros
        phrases = constants["phrases"][: constants["pair_places"], None] * constants["phrase_step"][0, 1]
    return _Parts(vectors, layers, *head, between, phrases)


def _of_trace(graph: onnx.GraphProto, constants: Mapping[str, Floats], sealed: SealedModel) -> _Parts:
    """From the operators of `exporter.graph`."""
    widened = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Cast"}
    gathers = (node.input for node in graph.node if node.op_type == "Gather")
    words = next(table for table, places in gathers if places.endswith("input_ids"))
    layers = [_lstm(node.input, constants) for node in graph.node if node.op_type == "LSTM"]
    *between, head = [
        (constants[node.input[1]], constants[node.input[2]]) for node in graph.node if node.op_type == "Gemm"
    ]
    temperature = np.float32(sealed.card.calibration.get("temperature", 1.0))
    vectors = constants[widened.get(words, words)].astype(np.float32)
    table = next((values for name, values in constants.items() if name.endswith("phrases.weight")), None)
    weight, bias = (values[0] / temperature for values in head)
    phrases = None if table is None else table / temperature
    return _Parts(vectors, layers, weight, float(bias), between[0] if between else None, phrases)


def _lstm(inputs: Sequence[str], constants: Mapping[str, Floats]) -> _Layer:
    """Of an `LSTM` operator: weights [1, 4 * hidden, …], biases [1, 8 * hidden] of input and state."""
    of_input, recurrent, biases = (constants[name][0] for name in inputs[1:4])
    return _Layer(of_input, recurrent, biases[: len(biases) // 2] + biases[len(biases) // 2 :])


def _settings(parts: _Parts) -> NetworkSettings:
    (words, size), hidden = parts.vectors.shape, parts.layers[0].recurrent.shape[1]
    between = parts.between[0] if parts.between else np.empty((0, len(parts.head)))
    pooled = between.shape[1] // hidden
    pooling = next(name for name, states in STATES_POOLED.items() if states == pooled)
    a_step = parts.layers[0].input.shape[1] // size
    places = 0 if parts.phrases is None else len(parts.phrases)
    further = {"layers": len(parts.layers), "head_dim": len(between), "phrases": places}
    return NetworkSettings(words, size, hidden, pooling, a_step, **further)


def _weights(parts: _Parts) -> dict[str, Tensor]:
    """By the names of `SentimentLSTM`."""
    weights: dict[str, Floats] = {
        "embedding.weight": parts.vectors,
        "head.weight": parts.head[None],
        "head.bias": np.array([parts.bias], np.float32),
    }
    if parts.between:
        weights["between.weight"], weights["between.bias"] = parts.between
    if parts.phrases is not None:
        weights["phrases.weight"] = parts.phrases
    for number, layer in enumerate(parts.layers):
        weights[f"lstm.weight_ih_l{number}"] = _torch_gates(layer.input)
        weights[f"lstm.weight_hh_l{number}"] = _torch_gates(layer.recurrent)
        weights[f"lstm.bias_ih_l{number}"] = _torch_gates(layer.bias)
        weights[f"lstm.bias_hh_l{number}"] = np.zeros_like(layer.bias)
    return {name: torch.from_numpy(np.array(values, np.float32)) for name, values in weights.items()}


def _torch_gates(weights: Floats) -> Floats:
    """Rows of ONNX's gate order (input, output, forget, cell) in torch's: input, forget, cell, output."""
    input_gate, output, forget, cell = np.split(weights, 4)
    return np.concatenate([input_gate, forget, cell, output])


def _compare(network: SentimentLSTM, sealed: SealedModel) -> None:
    """Raise `ValueError` if the network's logits are not the graph's, on random words of rows of any length."""
    rng = np.random.default_rng(0)
    ids = rng.integers(network.settings.vocab_size, size=_PROBED)
    lengths = rng.integers(1, _PROBED[1] + 1, size=(_PROBED[0], 1))
    mask = (np.arange(_PROBED[1]) < lengths).astype(np.int64)
    ids = np.where(mask == 1, ids, sealed.card.text.pad_id)
    with torch.inference_mode():
        own = network(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    expected = Network(sealed.content, sealed.path).logits(ids, mask)[:, 1]
    if not np.all(np.abs(own - expected) <= _TOLERANCE * np.maximum(1, np.abs(expected))):
        raise ValueError("other numbers")
