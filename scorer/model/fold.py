"""The LSTM's input tables: every word's vector times the input weights of its place in a step.

A sealed graph says this in a few operators on its constants. onnxruntime would compute all of it at load, and copy a
table from one owner to the next. Here the graph gets the tables as more inputs, and their rows are computed when a word
near them is first met: few texts need few of them, and 44,000 words for two places take 90 ms and 90 MB. Names are
those of `exporter.recurrence`.
"""

from collections import defaultdict
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.model.protobuf import bytes_field, read_fields

__all__ = ["Tables", "fold_tables"]

_BLOCK = 512
"""Words whose rows are computed together, always the same ones: a row's bits depend on nothing else."""

_MOST_WORDS = 8
"""Words a step that are looked for; there is a table for each."""

_VECTORS = {
    ("Cast", ("embedding",), ("codes",)),
    ("Mul", ("codes", "embedding_steps"), ("vectors",)),
}
_CONSTANTS = ("embedding", "embedding_steps", "bias", "no_gates")


def _table_operators(position: int) -> set[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """The two operators of one table; the first one holds the bias."""
    operator, more = ("MatMul", ()) if position else ("Gemm", ("bias",))
    rows = f"rows_{position}"
    return {
        (operator, ("vectors", f"input_weights_{position}", *more), (rows,)),
        ("Concat", (rows, "no_gates"), (_table_name(position),)),
    }


def _table_name(position: int) -> str:
    return f"table_{position}"


_WEIGHTS = tuple(f"input_weights_{position}" for position in range(_MOST_WORDS))
_OPERATORS = _VECTORS.union(*map(_table_operators, range(_MOST_WORDS)))
_GONE = {*_CONSTANTS, *_WEIGHTS, "codes", "vectors", *(f"rows_{position}" for position in range(_MOST_WORDS))}

# Field numbers of onnx.proto3.
_GRAPH, _METADATA = 7, 14  # of a model
_NODE, _INITIALIZER, _INPUT = 1, 5, 11  # of a graph
_TENSOR_NAME = 8
_DTYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 3: np.dtype("i1"), 10: np.dtype("<f2")}  # by tensor data type
_TABLE_TYPE = bytes_field(1, b"\x08\x01" + bytes_field(2, bytes_field(1, b"") * 2))  # float, two axes of any length


class Tables:
    """Tables by their names in the graph, whose rows are there once `prepare` has seen their words.

    Any thread may ask. Raises `ValueError` for constants that do not fit each other.
    """

    def __init__(self, constants: dict[str, NDArray[Any]]) -> None:
        self._codes, self._steps, self._bias, last_rows = (constants[name] for name in _CONSTANTS)
        self._weights = [constants[name] for name in _WEIGHTS if name in constants]
        words, gates = len(self._codes), self._weights[0].shape[1]
        if (self._bias.shape, last_rows.shape) != ((gates,), (1, gates)):
            raise ValueError("a bias or a padding of another size")
        self.inputs: dict[str, NDArray[np.float32]] = {}
        """Each float32 [words + 1, gates]; behind the words the padding's row of zeros."""
        for position, weights in enumerate(self._weights):
            if weights.shape != (self._codes.shape[1], gates):
                raise ValueError("weights of another size")
            table = _on_cache_lines(words + 1, gates)
            table[words:] = last_rows
            self.inputs[_table_name(position)] = table
        self._steps = np.broadcast_to(self._steps, (words, 1))
        self._lacking = np.ones(-(-words // _BLOCK), np.bool_)
        self._lock = Lock()

    def prepare(self, ids: NDArray[np.int64]) -> None:
        """Compute the rows of the words in `ids`, of any shape, that are not there yet."""
        if not self._lacking.any():
            return
        met = np.zeros(len(self._lacking) + 1, np.bool_)  # one for what is no word: the graph refuses it
        met[np.minimum(ids // _BLOCK, len(self._lacking))] = True
        for block in np.flatnonzero(met[:-1] & self._lacking):
            with self._lock:
                if self._lacking[block]:
                    self._compute(slice(block * _BLOCK, min((block + 1) * _BLOCK, len(self._codes))))
                    self._lacking[block] = False

    def _compute(self, words: slice) -> None:
        """(codes * steps) @ weights of some words, and the bias in the first table."""
        with np.errstate(all="ignore"):  # what is no number shows in the logits, and is refused there
            vectors = self._codes[words].astype(np.float32) * self._steps[words]
            for table, weights in zip(self.inputs.values(), self._weights, strict=True):
                np.matmul(vectors, weights, out=table[words])
            self.inputs[_table_name(0)][words] += self._bias


def _on_cache_lines(rows: int, columns: int) -> NDArray[np.float32]:
    """A table, not filled; its memory, taken when it is written to, begins with a cache line of 64 bytes.

    numpy's begins 16 bytes behind one, so that each row would be read from one line more.
    """
    numbers_in_line = 16
    memory = np.empty(rows * columns + numbers_in_line, np.float32)
    start = -memory.ctypes.data // 4 % numbers_in_line
    return memory[start : start + rows * columns].reshape(rows, columns)


def fold_tables(model: bytes) -> tuple[bytes, Tables | None]:
    """A model that asks for its tables as inputs, and the tables.

    A model that is not made of just these operators comes back as it is, with none.
    """
    try:
        fields = list(read_fields(memoryview(model)))
        (graph,) = (value for number, _, value in fields if number == _GRAPH)
        others, constants = _take_apart(graph)
        tables = Tables(constants)
    except (IndexError, KeyError, OverflowError, TypeError, ValueError):
        return model, None  # no graph of `exporter.recurrence`
    named = (bytes_field(1, name.encode()) + bytes_field(2, _TABLE_TYPE) for name in tables.inputs)
    asked = b"".join(bytes_field(_INPUT, value) for value in named)
    rest = (model[place] for number, place, _ in fields if number not in (_GRAPH, _METADATA))
    return b"".join([*rest, bytes_field(_GRAPH, others + asked)]), tables


def _take_apart(graph: memoryview | int) -> tuple[bytes, dict[str, NDArray[Any]]]:
    """The graph's fields without operators and constants of the table, and the constants by name.

    Raises `ValueError` if the operators are others, or others need what goes with them.
    """
    message = _message(graph)
    kept, constants, found = [], {}, set()
    for number, place, value in read_fields(message):
        if number == _NODE and (node := _node(value)) in _OPERATORS:
            found.add(node)
        elif number == _INITIALIZER and (name := _text(_parts(value)[_TENSOR_NAME][0])) in {*_CONSTANTS, *_WEIGHTS}:
            constants[name] = _values(value)
        elif number == _NODE and not _GONE.isdisjoint(node[1]):
            raise ValueError(f"{node} needs a part of the table")
        else:
            kept.append(message[place])
    positions = range(sum(name in constants for name in _WEIGHTS))
    if found != _VECTORS.union(*map(_table_operators, positions)) or not positions:
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
