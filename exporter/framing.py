"""Rows of ids as other libraries make them, too long or not padded as in training, cut and padded inside the graph.

`scorer` gives the network rows as it learned them. A Hugging Face pipeline truncates only if it is asked to, pads to
the longest of a batch whatever the network needs, and makes no id at all of an empty text.
"""

import numpy as np
import onnx
from onnx import compose, numpy_helper, parser

from scorer.tokens.encoder import TextEncoder

__all__ = ["framed"]

_FRAME = """
<ir_version: 8, opset_import: ["" : 18]>
frame (int64[batch_size, sequence_length] input_ids, int64[batch_size, sequence_length] attention_mask)
    => (int64[batch_size, kept_length] kept_ids, int64[batch_size, kept_length] kept_mask)
{
    tokens_of_row = ReduceSum <keepdims = 1> (attention_mask, frame_one)
    too_many = Sub (tokens_of_row, frame_longest)
    dropped_of_row = Max (too_many, frame_zero)
    given_length = Shape <start = 1, end = 2> (input_ids)
    cut_length = Min (given_length, frame_longest)
    is_behind_the_cut = Slice (frame_behind, frame_zero, cut_length)
    cut_end = Squeeze (cut_length)
    kept_places = Range (frame_first, cut_end, frame_next)
    moved_by = Mul (dropped_of_row, is_behind_the_cut)
    moved_places = Add (kept_places, moved_by)
    cut_ids = GatherElements <axis = 1> (input_ids, moved_places)
    cut_mask = GatherElements <axis = 1> (attention_mask, moved_places)

    too_few = Sub (frame_least, cut_length)
    padding_length = Max (too_few, frame_zero)
    padding = Concat <axis = 0> (frame_zero, frame_zero, frame_zero, padding_length)
    kept_ids = Pad (cut_ids, padding, frame_pad_id)
    kept_mask = Pad (cut_mask, padding, frame_first)
}
"""


def framed(graph: bytes, encoder: TextEncoder) -> bytes:
    """The model `graph`, a serialized `ModelProto`, that does to every row what `encoder` does after it knows its ids.

    Rows above the longest length lose tokens at the same end, special tokens stay, and where training padded all rows
    alike it pads them too. A row without a token is one padding.
    """
    settings, (prefix, suffix) = encoder.settings, encoder.special_tokens
    places = np.arange(settings.max_length)
    behind = places >= (len(prefix) if settings.keep == "tail" else settings.max_length - len(suffix))
    lists = {
        "frame_zero": [0],
        "frame_one": [1],
        "frame_longest": [settings.max_length],
        "frame_least": [settings.max_length if settings.pad_to_max_length else 1],
        "frame_behind": behind,
    }
    scalars = {"frame_first": 0, "frame_next": 1, "frame_pad_id": settings.pad_id}
    frame = parser.parse_model(_FRAME)
    for name, value in (lists | scalars).items():
        frame.graph.initializer.append(numpy_helper.from_array(np.array(value, np.int64), name))
    network = onnx.load_from_string(graph)
    joins = [("kept_ids", "input_ids"), ("kept_mask", "attention_mask")]
    del network.metadata_props[:]  # of a sealed model: they are true of its own bytes only
    model = compose.merge_models(frame, network, joins)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
