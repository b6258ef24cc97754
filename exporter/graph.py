"""The network as an ONNX graph that serves: ids and mask in, logits of both classes out."""

import logging
import warnings
from copy import copy
from typing import cast

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from trainer.network.lstm import SentimentLSTM

__all__ = ["Served", "export_graph"]

_OPSET = 18
_INPUTS = "input_ids", "attention_mask"
_WAYS = "axis_of_ways"
_IR_VERSION = 8
"""That of the first onnx with opset 18: the file asks for no newer runtime than its operators do."""


class Served(nn.Module):
    """A trained network as it serves: its single logit z becomes (0, z / temperature).

    The softmax of the two is what Hugging Face clients expect: (1 - p, p) with p = sigmoid(z / temperature).
    """

    def __init__(self, network: SentimentLSTM, temperature: float = 1.0) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def layer_by_layer(self) -> "Served":
        """The same with an LSTM of its own for each layer: torch 2.13 cannot export several in one for any length."""
        network = copy(self.network)  # whose modules are the original's, but for the LSTM
        network._modules = {**self.network._modules, "lstm": _Layers(self.network.lstm)}
        return Served(network, self.temperature)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits (negative, positive), float32 [batch, 2], of ids and mask, both int64 [batch, time]."""
        positive = self.network(input_ids, attention_mask) / self.temperature
        return torch.stack([torch.zeros_like(positive), positive], dim=1)


class _Layers(nn.Module):
    """LSTMs of one layer, each of which reads the states of the one below."""

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_layer(lstm, number) for number in range(lstm.num_layers))

    def forward(self, vectors: Tensor) -> tuple[Tensor, None]:
        """States [batch, steps, hidden] of the highest layer, in the place where `nn.LSTM` has them."""
        for layer in self.layers:
            vectors, _ = layer(vectors)
        return vectors, None


def _layer(lstm: nn.LSTM, number: int) -> nn.LSTM:
    weights = {name: w for name, w in lstm.state_dict().items() if name.endswith(f"_l{number}")}
    size = weights[f"weight_ih_l{number}"].shape[1]
    layer = nn.LSTM(size, lstm.hidden_size, batch_first=True)
    layer.load_state_dict({name.replace(f"_l{number}", "_l0"): w for name, w in weights.items()})
    return layer


def export_graph(served: Served) -> bytes:
    """A serialized ONNX model with inputs `input_ids` and `attention_mask`, output `logits`, both axes dynamic."""
    if served.network.settings.layers > 1:
        served = served.layer_by_layer()
    # Two tensors of more than one row and step: a size of 1 would be taken for a constant, and one tensor given
    # twice for one input.
    shape = 2, 2 * served.network.settings.words_per_step + 1
    example = (torch.ones(shape, dtype=torch.int64), torch.ones(shape, dtype=torch.int64))
    # torch 2.13 puts an LSTM of any length in place only while it exports, and does not see its own change if the
    # process exported before: the cached choice would freeze the example's length into the graph.
    torch.ops.aten.lstm.input._dispatch_cache.clear()
    axes = {0: torch.export.Dim("batch_size"), 1: torch.export.Dim("sequence_length")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside the exporter are not the user's business
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            served.eval(),
            example,
            input_names=_INPUTS,
            output_names=["logits"],
            dynamic_shapes=(axes, axes),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # it is None only when exporting to a file
    model = program.model_proto
    model.ir_version = _IR_VERSION
    _remove_traces(model)
    _halve_embedding(model.graph)
    if served.network.settings.layers > 1:
        _free_length(model.graph)
    _accept_nothing(model.graph)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _remove_traces(model: onnx.ModelProto) -> None:
    """Drop the exporter's notes, which hold source lines and paths of this machine."""
    graph = model.graph
    for noted in (
        model,
        graph,
        *graph.node,
        *graph.input,
        *graph.output,
        *graph.value_info,
        *graph.initializer,
    ):
        noted.ClearField("metadata_props")
        noted.ClearField("doc_string")


def _halve_embedding(graph: onnx.GraphProto) -> None:
    """Store the embedding in half precision where that loses nothing; onnxruntime widens it once, at load."""
    table = next(tensor for tensor in graph.initializer if tensor.name.endswith("embedding.weight"))
    weights = numpy_helper.to_array(table)
    half = weights.astype(np.float16)
    if not np.array_equal(half, weights):
        return
    name = table.name
    table.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
    graph.node.insert(0, onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))


def _free_length(graph: onnx.GraphProto) -> None:
    """Let states of any length go from one LSTM to the next: torch 2.13 writes the example's into a Reshape there."""
    made_by = {node.output[0]: node for node in graph.node}
    for upper in (node for node in graph.node if node.op_type == "LSTM"):
        path = [made_by.get(upper.input[0])]
        while (last := path[-1]) and last.op_type != "LSTM":
            path.append(made_by.get(last.input[0]))
        if [node and node.op_type for node in path] == ["Reshape", "Transpose", "LSTM"]:
            states = cast(onnx.NodeProto, path[0])  # from [steps, batch, 1, hidden]
            squeeze = onnx.helper.make_node("Squeeze", [states.input[0], _WAYS], states.output)
            states.CopyFrom(squeeze)
    graph.initializer.append(numpy_helper.from_array(np.array([2], np.int64), _WAYS))


def _accept_nothing(graph: onnx.GraphProto) -> None:
    """Let there be no rows, or rows without a word: as onnxruntime's LSTM would crash, it sees one padding then."""
    node = onnx.helper.make_node
    for wanting in graph.node:
        wanting.input[:] = [f"some_{name}" if name in _INPUTS else name for name in wanting.input]
        wanting.output[:] = ["some_logits" if name == "logits" else name for name in wanting.output]
    before = [
        node("Shape", ["input_ids"], ["given_shape"]),
        node("Sub", ["one_each", "given_shape"], ["lacking_each"]),
        node("Max", ["lacking_each", "none_each"], ["missing_each"]),
        node("Concat", ["none_each", "missing_each"], ["missing"], axis=0),
        *(node("Pad", [name, "missing"], [f"some_{name}"]) for name in _INPUTS),
        node("Shape", ["input_ids"], ["given_rows"], start=0, end=1),
    ]
    for place, one in enumerate(before):
        graph.node.insert(place, one)
    graph.node.append(node("Slice", ["some_logits", "first_row", "given_rows"], ["logits"]))
    constants = {"one_each": [1, 1], "none_each": [0, 0], "first_row": [0]}
    graph.initializer.extend(numpy_helper.from_array(np.array(v, np.int64), name) for name, v in constants.items())
    graph.ClearField("value_info")  # it told the sizes of what was given, not of what the nodes see now
