"""What an ONNX graph may hold: standard operators and its own weights, and nothing that leads out of the file.

onnxruntime would open files that a tensor names as its data, and load what other operator domains stand for. So the
graph is walked, in protobuf's own terms, before onnxruntime sees it. Field numbers are those of onnx.proto3.
"""

from collections.abc import Iterator
from pathlib import Path

from scorer.errors import ModelError
from scorer.model.protobuf import read_fields

__all__ = ["refuse_foreign_parts"]

_MESSAGES = {
    "model": {7: "graph", 8: "operator set"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
}
_DOMAINS = {("operator set", 1), ("node", 7)}
_STANDARD_DOMAINS = (b"", b"ai.onnx")
_REFUSED = {
    ("model", 20): "instructions for training",
    ("model", 25): "functions of its own",
    ("tensor", 13): "weights in another file",
    ("tensor", 14): "weights in another file",
}
_DEEPEST = 50


def refuse_foreign_parts(model: bytes, path: Path) -> None:
    """Raise `ModelError`, naming `path`, if a serialized model holds more than standard operators and its weights."""
    try:
        for part in _foreign_parts(memoryview(model), "model", 0):
            raise ModelError(f"{path}: has {part}, which is refused; export the checkpoint again")
    except (ValueError, IndexError, KeyError):
        raise ModelError(f"{path}: its graph cannot be read; export the checkpoint again") from None


def _foreign_parts(message: memoryview, kind: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        raise ValueError("messages too deep in one another")
    for number, _, value in read_fields(message):
        if (kind, number) in _REFUSED and value not in (0, b""):
            yield _REFUSED[kind, number]
        if isinstance(value, int):
            continue
        if (kind, number) in _DOMAINS and value.tobytes() not in _STANDARD_DOMAINS:
            yield "operators that are not standard"
        if inner := _MESSAGES.get(kind, {}).get(number):
            yield from _foreign_parts(value, inner, depth + 1)
