"""The same network in the fastest exact form measured, in standard ONNX operators.

Three rewrites of what `torch.onnx.export` traced:

- Word vectors and the LSTM's input weights are folded into one table (onnxruntime computes it once, at load), so
  a step reads its gates' inputs from a row instead of multiplying.
- The recurrence is a `Scan` whose body keeps the running maximum and sum, so no state is written and read again.
  Further layers stand in the same body: each reads the state below at the same step.
- Rows are shifted to end at the same step. What stands before a row is a table row of zeros: with it, state and
  cell stay exactly zero, so padding needs no mask and cannot change a bit. Further layers have their bias where
  there is a word only, and so stay zero as well.
"""

from collections.abc import Iterator
from typing import cast

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper, parser

from trainer.network.lstm import SentimentLSTM
from trainer.network.phrases import MULTIPLIER, Phrases
from trainer.network.rounding import round_vectors, row_steps

__all__ = ["fastest_graph"]

# Gates stand in the order input, output, forget, cell.
_TEMPLATE = """
<ir_version: 8, opset_import: ["" : 18]>
sentiment (int64[batch_size, sequence_length] input_ids, int64[batch_size, sequence_length] attention_mask)
    => (float[batch_size, 2] logits)
{{
    words = ReduceSum <keepdims = 1> (attention_mask, axis_1)
    more_words = Add (words, words_per_step_less_1)
    filled = Div (more_words, words_per_step)
    count = Max (filled, one)

    batch_size_1 = Shape <start = 0, end = 1> (input_ids)
    column_shape = Concat <axis = 0> (batch_size_1, one_1)
    column = Expand (zero, column_shape)
    some_ids = Concat <axis = 1> (input_ids, column)
    time_1 = Shape <start = 1, end = 2> (input_ids)
    more_time = Add (time_1, words_per_step_less_1)
    steps_of_time = Div (more_time, words_per_step)
    steps_1 = Max (steps_of_time, one)
    width_1 = Mul (steps_1, words_per_step)
    steps_before = Sub (steps_1, filled)
    words_before = Mul (steps_before, words_per_step)
    width = Squeeze (width_1)
    places = Range (zero, width, one)
    sources = Sub (places, words_before)
    is_before = Less (sources, zero)
    is_behind = GreaterOrEqual (sources, words)
    is_padding = Or (is_before, is_behind)
    within = Where (is_padding, zero, sources)
    tokens = GatherElements <axis = 1> (some_ids, within)
    aligned = Where (is_padding, padding_row, tokens)
    by_time = Transpose <perm = [1, 0]> (aligned)
    {pairs}
    {slices}
    {presence}

    codes = Cast <to = 1> (embedding)
    vectors = Mul (codes, embedding_steps)
    {tables}

    state_shape = Concat <axis = 0> (batch_size_1, hidden_dim)
    empty = ConstantOfShape (state_shape)
    {finals}, highest, total = Scan <num_scan_inputs = {scanned}, body = step (
        {states_in},
        float[batch_size, {hidden_dim}] highest_in, float[batch_size, {hidden_dim}] total_in, {step_inputs}
    ) => (
        {states_out},
        float[batch_size, {hidden_dim}] highest_out, float[batch_size, {hidden_dim}] total_out
    ) {{
        {step}
        highest_out = Max (highest_in, {top})
        total_out = Add (total_in, {top})
    }}> ({empties}, empty, empty, {scan_inputs})

    float_count = Cast <to = 1> (count)
    mean = Div (total, float_count)
    pooled = Concat <axis = 1> ({pooled})
    {head}
}}
"""


# One step of a layer's cell; @ stands for the end of the layer's names. One Split and three Sigmoids take less time
# than one Sigmoid of three gates, which have to be parted before it and behind it.
_CELL = """to_input@, to_output@, to_forget@, to_cell@ = Split <axis = 1, num_outputs = 4> (gates@)
        input_gate@ = Sigmoid (to_input@)
        output_gate@ = Sigmoid (to_output@)
        forget_gate@ = Sigmoid (to_forget@)
        candidate@ = Tanh (to_cell@)
        written@ = Mul (input_gate@, candidate@)
        kept@ = Mul (forget_gate@, cell_in@)
        cell_out@ = Add (written@, kept@)
        shown@ = Tanh (cell_out@)
        state@ = Mul (output_gate@, shown@)"""

# 1 where a step has a word, else 0: [steps, batch, 1].
_PRESENCE = """is_word = Not (is_padding)
    word_flags = Cast <to = 1> (is_word)
    flags_by_time = Transpose <perm = [1, 0]> (word_flags)
    flags_by_step = Slice (flags_by_time, position_0, width_1, axis_0, words_per_step)
    presence = Unsqueeze (flags_by_step, axis_2)"""

# A place in the table for each word and the one before it. Behind the places, the first ones stand again, which spares
# every pair a division, and then zeros, to which padding leads. GatherElements takes a third of Gather's time here.
_PAIRS = """numbers = Range (zero, padding_row, one)
    spread_numbers = Mul (numbers, pair_multiplier)
    first_places = Mod (spread_numbers, pair_places)
    pair_starts = Concat <axis = 0> (first_places, behind_all_pairs)
    padding_column = Expand (padding_row, column_shape)
    but_last = Slice (aligned, position_0, minus_one, axis_1)
    words_before_each = Concat <axis = 1> (padding_column, but_last)
    all_before = Reshape (words_before_each, minus_one)
    starts = GatherElements (pair_starts, all_before)
    all_words = Reshape (aligned, minus_one)
    {pairs}
    codes_in_row = GatherElements (phrases, pairs)
    shape_of_words = Shape (aligned)
    pair_codes = Reshape <allowzero = 1> (codes_in_row, shape_of_words)
    whole_codes = Cast <to = 6> (pair_codes)
    code_sum = ReduceSum <keepdims = 1> (whole_codes, axis_1)"""

# Integers are summed up, so that padding and order cannot change a bit.
_PHRASES = """codes_of_pairs = Cast <to = 1> (code_sum)
    said_by_pairs = Mul (codes_of_pairs, phrase_step)
    some_words = Max (words, one)
    word_count = Cast <to = 1> (some_words)
    root = Sqrt (word_count)
    by_pairs = Div (said_by_pairs, root)
    logits = Add (by_states, by_pairs)"""

_BETWEEN = """seen = Gemm (pooled, between_weights, between_bias)
    shown_to_head = Relu (seen)"""


def fastest_graph(network: SentimentLSTM, temperature: float = 1.0) -> bytes | None:
    """A serialized model with inputs and output as `export_graph` has them, its logits divided by `temperature`.

    None for `final_step` pooling, which reads what the LSTM makes of the padding and so cannot go without it.
    """
    settings = network.settings
    if settings.pooling == "final_step":
        return None
    positions = range(settings.words_per_step)
    top = f"last{_mark(settings.layers - 1)}"
    parts = f"{top}, highest, mean" if settings.pooling == "last_max_mean" else "highest, mean"
    model = parser.parse_model(
        _TEMPLATE.format(
            words_per_step=settings.words_per_step,
            hidden_dim=settings.hidden_dim,
            tables="\n    ".join(_table(position) for position in positions),
            slices="\n    ".join(_slice(position) for position in positions),
            pooled=parts,
            pairs=_pairs(settings.words_per_step) if settings.phrases else "",
            head="\n    ".join(_head(network)),
            **_recurrence(positions, settings.layers, settings.hidden_dim),
        )
    )
    for name, values in _weights(network, temperature).items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _slice(position: int) -> str:
    """The words at one position of every step: [steps, batch]."""
    return f"words_{position} = Slice (by_time, position_{position}, width_1, axis_0, words_per_step)"


def _table(position: int) -> str:
    """Word vectors times one position's input weights, and the padding's row of zeros: [vocabulary + 1, 4 * hidden]."""
    # One operator for product and bias: each further pass over the whole table would delay the start by 50 ms.
    product = f"MatMul (vectors, input_weights_{position})" if position else "Gemm (vectors, input_weights_0, bias)"
    return f"rows_{position} = {product} table_{position} = Concat <axis = 0> (rows_{position}, no_gates)"


def _recurrence(positions: range, layers: int, hidden_dim: int) -> dict[str, str]:
    """The parts of the template that depend on the number of layers."""
    marks = [_mark(layer) for layer in range(layers)]
    state = f"float[batch_size, {hidden_dim}]"
    scanned = {f"words_{position}": f"int64[batch_size] tokens_{position}" for position in positions}
    if layers > 1:
        scanned["presence"] = "float[batch_size, 1] present"
    lines = [line for layer in range(layers) for line in _layer(layer, positions)]
    return {
        "presence": _PRESENCE if layers > 1 else "",
        "finals": ", ".join(["last", "cell", *(f"last{mark}, cell{mark}" for mark in marks[1:])]),
        "top": f"state{marks[-1]}",
        "empties": ", ".join(["empty, empty"] * layers),
        "states_in": ", ".join(f"{state} state_in{mark}, {state} cell_in{mark}" for mark in marks),
        "states_out": ", ".join(f"{state} state{mark}, {state} cell_out{mark}" for mark in marks),
        "step": "\n        ".join(lines),
        "step_inputs": ", ".join(scanned.values()),
        "scan_inputs": ", ".join(scanned),
        "scanned": str(len(scanned)),
    }


def _pairs(words_per_step: int) -> str:
    """The table's codes for each pair; where a step has several words, padding may stand behind the last one too."""
    if words_per_step == 1:
        return _PAIRS.format(pairs="pairs = Add (starts, all_words)")
    ends = "all_behind = Reshape (is_behind, minus_one) pairs = Where (all_behind, behind_all_pairs, sums)"
    return _PAIRS.format(pairs=f"sums = Add (starts, all_words) {ends}")


def _head(network: SentimentLSTM) -> Iterator[str]:
    """From pooled states to logits."""
    if network.between is not None:
        yield _BETWEEN
    seen = "pooled" if network.between is None else "shown_to_head"
    if network.phrases is None:
        yield f"logits = Gemm ({seen}, head_weights, head_bias)"
    else:
        yield f"by_states = Gemm ({seen}, head_weights, head_bias)"
        yield _PHRASES


def _mark(layer: int) -> str:
    """What a layer's names end with."""
    return f"_of_{layer}" if layer else ""


def _layer(layer: int, positions: range) -> Iterator[str]:
    """One step of a layer: its gates' inputs, and the new state."""
    yield from _gates_from_below(layer) if layer else _step_gates(positions)
    yield _CELL.replace("@", _mark(layer))


def _gates_from_below(layer: int) -> Iterator[str]:
    """Gates of a further layer: recurrent part, the state below, and the bias where there is a word."""
    mark, below = _mark(layer), _mark(layer - 1)
    yield f"recurrent{mark} = MatMul (state_in{mark}, recurrent_weights{mark})"
    yield f"sum{mark} = Gemm (state{below}, input_weights{mark}, recurrent{mark})"
    yield f"offset{mark} = Mul (present, bias{mark})"
    yield f"gates{mark} = Add (sum{mark}, offset{mark})"


def _step_gates(positions: range) -> Iterator[str]:
    """Gates of a step: the table row of each of its words plus the recurrent part."""
    for position in positions:
        yield f"row_{position} = Gather (table_{position}, tokens_{position})"
        name = "gates" if position == positions[-1] else f"gates_{position}"
        if position:
            yield f"{name} = Add (gates_{position - 1}, row_{position})"
        else:  # a product that begins with the row instead of zeros: one pass less over the gates
            yield f"{name} = Gemm (state_in, recurrent_weights, row_0)"


def _weights(network: SentimentLSTM, temperature: float) -> dict[str, NDArray[np.generic]]:
    """All constants of the graph by name."""
    settings, lstm = network.settings, network.lstm.state_dict()
    input_weights = _gates_reordered(lstm["weight_ih_l0"]).T.reshape(
        settings.words_per_step, settings.embedding_dim, -1
    )
    head = network.head.weight.detach().numpy()[0] / temperature
    bias = network.head.bias.detach().numpy()[0] / temperature
    codes, steps = _smallest_lossless(network.embedding.weight.detach())
    integers = {"zero": 0, "one": 1, "words_per_step_less_1": settings.words_per_step - 1, "padding_row": len(codes)}
    lists = {
        "axis_0": [0],
        "axis_1": [1],
        "one_1": [1],
        **({"axis_2": [2]} if settings.layers > 1 else {}),
        "words_per_step": [settings.words_per_step],
        "hidden_dim": [settings.hidden_dim],
    }
    lists |= {f"position_{position}": [position] for position in range(settings.words_per_step)}
    return {
        **{name: np.array(value, np.int64) for name, value in (integers | lists).items()},
        **{f"input_weights_{position}": weights for position, weights in enumerate(input_weights)},
        "embedding": codes,
        "embedding_steps": steps,
        "bias": _gates_reordered(lstm["bias_ih_l0"] + lstm["bias_hh_l0"]),
        "no_gates": np.zeros((1, 4 * settings.hidden_dim), np.float32),
        "recurrent_weights": _gates_reordered(lstm["weight_hh_l0"]).T,
        "head_weights": np.stack([np.zeros_like(head), head], axis=1),
        "head_bias": np.array([0, bias], np.float32),
        **{name: weights for layer in range(1, settings.layers) for name, weights in _layer_weights(lstm, layer)},
        **_between_weights(network.between),
        **_phrase_weights(network.phrases, len(codes), temperature),
    }


def _between_weights(between: torch.nn.Linear | None) -> dict[str, NDArray[np.generic]]:
    if between is None:
        return {}
    return {"between_weights": between.weight.detach().numpy().T, "between_bias": between.bias.detach().numpy()}


def _phrase_weights(phrases: Phrases | None, words: int, temperature: float) -> dict[str, NDArray[np.generic]]:
    """The table's codes, int8 [places + 2 * words + 1], and what a step of them adds to both logits: [1, 2]."""
    if phrases is None:
        return {}
    weights = phrases.weight.detach().T
    step = float(row_steps(weights))
    (codes,) = torch.round(weights / step).to(torch.int8).numpy()
    return {
        "phrases": np.concatenate([np.resize(codes, len(codes) + words), np.zeros(words + 1, np.int8)]),
        "phrase_step": np.array([[0, step / temperature]], np.float32),
        "pair_multiplier": np.array(MULTIPLIER, np.int64),
        "pair_places": np.array(len(codes), np.int64),
        "behind_all_pairs": np.array([len(codes) + words], np.int64),
        "minus_one": np.array([-1], np.int64),
    }


def _layer_weights(lstm: dict[str, torch.Tensor], layer: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Constants of a further layer by name."""
    mark = _mark(layer)
    yield f"input_weights{mark}", _gates_reordered(lstm[f"weight_ih_l{layer}"]).T
    yield f"recurrent_weights{mark}", _gates_reordered(lstm[f"weight_hh_l{layer}"]).T
    yield f"bias{mark}", _gates_reordered(lstm[f"bias_ih_l{layer}"] + lstm[f"bias_hh_l{layer}"])


def _smallest_lossless(vectors: torch.Tensor) -> tuple[NDArray[np.generic], NDArray[np.float32]]:
    """Codes [words, size] in the narrowest type that gives `vectors` back exactly, times steps [words or 1, 1]."""
    if torch.equal(round_vectors(vectors, 8), vectors):
        steps = row_steps(vectors)
        return (vectors / steps).to(torch.int8).numpy(), steps.numpy()
    half = torch.equal(round_vectors(vectors, 16), vectors)
    return (vectors.half() if half else vectors).numpy(), np.ones((1, 1), np.float32)


def _gates_reordered(weights: torch.Tensor) -> NDArray[np.float32]:
    """Rows of torch's gate order (input, forget, cell, output) in this graph's: input, output, forget, cell."""
    input_gate, forget, cell, output = weights.detach().chunk(4)
    return cast(NDArray[np.float32], torch.cat([input_gate, output, forget, cell]).numpy())
