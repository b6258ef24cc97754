"""A sealed model: one `.onnx` file that holds the graph, the tokenizer and a card, and shows if any byte changed.

An ONNX file is a protobuf message, and messages can be extended by appending fields. So a sealed model is the
exported graph's own bytes, followed by three metadata entries that every ONNX tool can read:

    graph … | card.json | tokenizer.json | sha256

The last is the digest of every byte before it. The card also names the digest of each part alone.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scorer.errors import ModelError
from scorer.settings import TextSettings

__all__ = ["FORMAT_VERSION", "Card", "SealedModel", "read_sealed", "seal"]

FORMAT_VERSION = 1

_METADATA_FIELD = 14  # ModelProto.metadata_props: StringStringEntryProto {key = 1, value = 2}
_BYTES = 2  # protobuf's wire type of length-delimited fields


@dataclass(frozen=True)
class Card:
    """What a model says of itself. Free-form parts are for people; `scorer` acts only on the first four."""

    text: TextSettings
    labels: tuple[str, str] = ("negative", "positive")
    threshold: float = 0.5
    """Least probability that is called positive."""
    format_version: int = FORMAT_VERSION
    calibration: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    parity: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    """sha256 of graph and tokenizer, filled in by `seal`."""

    def to_json(self) -> str:
        """The card as readable JSON."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Card":
        """The card that `to_json` wrote; raises `ModelError` for anything else."""
        try:
            fields = json.loads(text)
            if fields["format_version"] != FORMAT_VERSION:
                raise ModelError(
                    f"sealed in format {fields['format_version']}, this scorer reads {FORMAT_VERSION}; "
                    "export the checkpoint again or install the matching sentiment-scorer"
                )
            fields["text"] = TextSettings(**fields["text"])
            fields["labels"] = tuple(fields["labels"])
            return cls(**fields)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"the model's card cannot be read ({error!r}); export the checkpoint again") from error


@dataclass(frozen=True)
class SealedModel:
    """The verified parts of a sealed file."""

    path: Path
    sha256: str
    """Digest of the whole file."""
    content: bytes
    """The whole file, which is a valid ONNX model."""
    tokenizer_json: str
    card: Card


def seal(graph: bytes, tokenizer_json: str, card: Card) -> bytes:
    """The bytes of a sealed model. `graph` is a serialized `ModelProto` without metadata of ours."""
    parts = {"graph": _sha256(graph), "tokenizer": _sha256(tokenizer_json.encode())}
    card = Card(**{**card.__dict__, "parts": parts})
    content = graph + _entry("card.json", card.to_json()) + _entry("tokenizer.json", tokenizer_json)
    return content + _entry("sha256", _sha256(content))


def read_sealed(path: Path) -> SealedModel:
    """Read and verify a sealed model.

    Raises `ModelError` when the file is missing, is no sealed model, or any byte of it has changed.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path}: no such model; make one with `exporter to-onnx`, or leave out --model") from None
    try:
        entries = dict(_metadata(content))
        graph_end = min(start for start, _ in entries.values())
        texts = {key: value for key, (_, value) in entries.items()}
        sealed_end, digest = entries["sha256"]
        card_json, tokenizer_json = texts["card.json"], texts["tokenizer.json"]
    except (ValueError, IndexError, KeyError):
        raise ModelError(f"{path}: not a sealed model; make one with `exporter to-onnx`") from None
    graph = hashlib.sha256(memoryview(content)[:graph_end])
    sealed = graph.copy()  # one pass over the bytes gives all three digests
    sealed.update(memoryview(content)[graph_end:sealed_end])
    whole = sealed.copy()
    whole.update(memoryview(content)[sealed_end:])
    if sealed.hexdigest() != digest or content[sealed_end:] != _entry("sha256", digest):
        raise ModelError(f"{path}: altered or damaged since it was sealed; get a fresh copy or export it again")
    card = Card.from_json(card_json)
    if card.parts != {"graph": graph.hexdigest(), "tokenizer": _sha256(tokenizer_json.encode())}:
        raise ModelError(f"{path}: its parts do not belong together; export the checkpoint again")
    return SealedModel(path, whole.hexdigest(), content, tokenizer_json, card)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _entry(key: str, value: str) -> bytes:
    """One serialized metadata entry, ready to be appended to a `ModelProto`."""
    pair = _field(1, key.encode()) + _field(2, value.encode())
    return _field(_METADATA_FIELD, pair)


def _field(number: int, payload: bytes) -> bytes:
    return bytes([number << 3 | _BYTES]) + _varint(len(payload)) + payload


def _varint(number: int) -> bytes:
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def _metadata(content: bytes) -> Iterator[tuple[str, tuple[int, str]]]:
    """Key, place of the entry's first byte, and value of every metadata entry."""
    for number, start, payload in _fields(memoryview(content)):
        if number == _METADATA_FIELD:
            pair = {n: bytes(value).decode() for n, _, value in _fields(payload)}
            yield pair[1], (start, pair[2])


def _fields(data: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Field number, place of its first byte, and payload of each field of a protobuf message.

    Raises `ValueError` or `IndexError` where `data` is no such message.
    """
    place = 0
    while place < len(data):
        start = place
        tag, place = _read_varint(data, place)
        if tag & 7 == _BYTES:
            length, place = _read_varint(data, place)
            payload_start, place = place, place + length
        elif tag & 7 == 0:
            payload_start = place
            _, place = _read_varint(data, place)
        else:
            raise ValueError(f"unexpected wire type {tag & 7}")
        if place > len(data):
            raise ValueError("a field runs past the end")
        yield tag >> 3, start, data[payload_start:place]


def _read_varint(data: memoryview, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return number, place
