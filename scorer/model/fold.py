"""The LSTM's input table, computed once at load: every word's vector times the input weights.

A sealed graph says this in four operators on its constants. onnxruntime would compute them at load too, but copies the
table from one owner to the next: 117 ms and 187 MB for the embedded model instead of 47 ms and 95 MB this way, which
gives the graph the finished table as one more input. Names are those of `exporter.recurrence`.
"""

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.model.protobuf import bytes_field, read_fields

__all__ = ["fold_table"]

_OPERATORS = {
    ("Cast", ("embedding",), ("codes",)),
    ("Mul", ("codes", "embedding_steps"), ("vectors",)),
    ("Gemm", ("vectors", "input_weights_0", "bias"), ("rows_0",)),
    ("Concat", ("rows_0", "no_gates"), ("table_0",)),
}
_CONSTANTS = ("embedding", "embedding_steps", "input_weights_0", "bias", "no_gates")
_GONE = {*_CONSTANTS, "codes", "vectors", "rows_0"}
_TABLE = "table_0"

# Field numbers of onnx.proto3.
_GRAPH, _METADATA = 7, 14  # of a model
_NODE, _INITIALIZER, _INPUT = 1, 5, 11  # of a graph
_TENSOR_NAME = 8
_DTYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 3: np.dtype("i1"), 10: np.dtype("<f2")}  # by tensor data type
_TABLE_INPUT = bytes_field(1, _TABLE.encode()) + bytes_field(  # name and type: float, two axes of any length
    2, bytes_field(1, b"\x08\x01" + bytes_field(2, bytes_field(1, b"") * 2))
)


def fold_table(model: bytes) -> tuple[bytes, dict[str, NDArray[np.float32]]]:
    """A model that asks for its table as an input, and that input: float32 [words + 1, gates].

    A model that is not made of just these operators comes back as it is, with no input to add.
    """
    try:
        fields = list(read_fields(memoryview(model)))
        (graph,) = (value for number, _, value in fields if number == _GRAPH)
        others, constants = _take_apart(graph)
        table = _table(*(constants[name] for name in _CONSTANTS))
    except (IndexError, KeyError, OverflowError, TypeError, ValueError):
        return model, {}  # no graph of `exporter.recurrence`, or one that reads two words a step
    rest = (model[place] for number, place, _ in fields if number not in (_GRAPH, _METADATA))
    return b"".join([*rest, bytes_field(_GRAPH, others + bytes_field(_INPUT, _TABLE_INPUT))]), {_TABLE: table}


def _table(
    codes: NDArray[Any],
    steps: NDArray[np.float32],
    weights: NDArray[np.float32],
    bias: NDArray[np.float32],
    last_rows: NDArray[np.float32],
) -> NDArray[np.float32]:
    """(codes * steps) @ weights + bias, and the padding's row of zeros behind it."""
    # Few calls on large arrays: each has to wait for the interpreter lock, which imports hold meanwhile.
    with np.errstate(all="ignore"):  # what is no number shows in the logits, and is refused there
        vectors = codes.astype(np.float32)
        vectors *= steps
        table = np.empty((len(codes) + len(last_rows), weights.shape[1]), np.float32)
        np.matmul(vectors, weights, out=table[: len(codes)])
        table[: len(codes)] += bias
    table[len(codes) :] = last_rows
    return table


def _take_apart(graph: memoryview | int) -> tuple[bytes, dict[str, NDArray[Any]]]:
    """The graph's fields without operators and constants of the table, and the constants by name.

    Raises `ValueError` if the operators are others, or others need what goes with them.
    """
    message = _message(graph)
    kept, constants, found = [], {}, set()
    for number, place, value in read_fields(message):
        if number == _NODE and (node := _node(value)) in _OPERATORS:
            found.add(node)
        elif number == _INITIALIZER and (name := _text(_parts(value)[_TENSOR_NAME][0])) in _CONSTANTS:
            constants[name] = _values(value)
        elif number == _NODE and not _GONE.isdisjoint(node[1]):
            raise ValueError(f"{node} needs a part of the table")
        else:
            kept.append(message[place])
    if found != _OPERATORS:
        raise ValueError("no such table")
    return b"".join(kept), constants


def _node(message: memoryview | int) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Operator, inputs and outputs of a `NodeProto` {input = 1, output = 2, op_type = 4}."""
    parts = _parts(message)
    return _text(parts[4][0]), tuple(map(_text, parts[1])), tuple(map(_text, parts[2]))


def _values(message: memoryview | int) -> NDArray[Any]:
    """Values of a `TensorProto` {dims = 1, data_type = 2, raw_data = 9}; `KeyError` if it is of another type."""
    parts = _parts(message)
    (dtype,), (raw,) = parts[2], parts[9]
    return np.frombuffer(_message(raw), _DTYPES[int(dtype)]).reshape([int(size) for size in parts[1]])


def _parts(message: memoryview | int) -> dict[int, list[memoryview | int]]:
    parts = defaultdict[int, list[memoryview | int]](list)
    for number, _, value in read_fields(_message(message)):
        parts[number].append(value)
    return parts


def _text(value: memoryview | int) -> str:
    return bytes(_message(value)).decode()


def _message(value: memoryview | int) -> memoryview:
    if isinstance(value, int):
        raise ValueError("an integer where bytes are due")
    return value
