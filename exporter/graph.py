"""The network as an ONNX graph that serves: ids and mask in, logits of both classes out."""

import logging
import warnings

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from trainer.network.lstm import SentimentLSTM

__all__ = ["Served", "export_graph"]

_OPSET = 18


class Served(nn.Module):
    """A trained network as it serves: its single logit z becomes (0, z / temperature).

    The softmax of the two is what Hugging Face clients expect: (1 - p, p) with p = sigmoid(z / temperature).
    """

    def __init__(self, network: SentimentLSTM, temperature: float = 1.0) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits (negative, positive), float32 [batch, 2], of ids and mask, both int64 [batch, time]."""
        positive = self.network(input_ids, attention_mask) / self.temperature
        return torch.stack([torch.zeros_like(positive), positive], dim=1)


def export_graph(served: Served) -> bytes:
    """A serialized ONNX model with inputs `input_ids` and `attention_mask`, output `logits`, both axes dynamic."""
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
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_shapes=(axes, axes),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # it is None only when exporting to a file
    model = program.model_proto
    _remove_traces(model)
    _halve_embedding(model.graph)
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
