"""A sealed model: one `.onnx` file that holds the graph, the tokenizer and a card, and shows if any byte changed.

An ONNX file is a protobuf message, and messages can be extended by appending fields. So a sealed model is the
exported graph's own bytes, followed by three metadata entries that every ONNX tool can read:

    graph … | card.json | tokenizer.json | sha256

The last is the digest of every byte before it. The card also names the digest of each part alone.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scorer.errors import ModelError
from scorer.model.graph_parts import refuse_foreign_parts
from scorer.model.protobuf import bytes_field, read_fields
from scorer.system.nearest import did_you_mean_file
from scorer.tokens.settings import TextSettings

__all__ = ["EMBEDDED_MODEL", "FORMAT_VERSION", "Card", "SealedModel", "find_model", "read_sealed", "seal"]

EMBEDDED_MODEL = Path(__file__).with_name("default.onnx")

FORMAT_VERSION = 1

_LONGEST_TEXT = 1 << 20  # tokens
_METADATA_FIELD = 14  # ModelProto.metadata_props: StringStringEntryProto {key = 1, value = 2}
_LARGEST_FILE = 2 << 30  # no protobuf message can be larger
_LARGEST_TOKENIZER = 64 << 20  # the largest in use have some 30 MB; the library needs many times its file


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

    def _check(self) -> None:
        """Raise `ValueError` for values that no checkpoint has."""
        settings = self.text
        numbers = (settings.max_length, settings.pad_id)
        if not all(type(number) is int for number in numbers) or not 1 <= settings.max_length <= _LONGEST_TEXT:
            raise ValueError(f"max_length and pad_id are {numbers}")
        if settings.keep not in ("head", "tail") or not 0 <= settings.pad_id < 2**31:
            raise ValueError(f"keep is {settings.keep!r}, pad_id {settings.pad_id}")
        if len(self.labels) != 2 or not all(isinstance(label, str) for label in self.labels):
            raise ValueError(f"labels are {self.labels}")
        if not (isinstance(self.threshold, float) and 0 <= self.threshold <= 1):
            raise ValueError(f"threshold is {self.threshold}")

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
            card = cls(**fields)
            card._check()
            return card
        except (KeyError, TypeError, ValueError, RecursionError) as error:
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

    @property
    def name(self) -> str:
        """What people know it by: `the embedded default`, its place on the Hugging Face hub, or its path."""
        if self.path == EMBEDDED_MODEL:
            return "the embedded default"
        if "snapshots" in self.path.parts:
            from scorer.model.hub import hub_name

            return hub_name(self.path) or str(self.path)
        return str(self.path)


def seal(graph: bytes, tokenizer_json: str, card: Card) -> bytes:
    """The bytes of a sealed model. `graph` is a serialized `ModelProto` without metadata of ours."""
    parts = {"graph": _sha256(graph), "tokenizer": _sha256(tokenizer_json.encode())}
    card = Card(**{**card.__dict__, "parts": parts})
    content = graph + _entry("card.json", card.to_json()) + _entry("tokenizer.json", tokenizer_json)
    return content + _entry("sha256", _sha256(content))


def find_model(name: Path | str | None = None) -> Path:
    """The model that a command uses: `name`, else $SCORER_MODEL, else ./best.onnx, else the embedded default.

    The first two may say `default`, which is the embedded one whatever else is there, or `hf://OWNER/NAME`, which is
    fetched from the Hugging Face hub; raises `ModelError` if it cannot be.
    """
    name = name or os.environ.get("SCORER_MODEL")
    if not name and os.path.exists("best.onnx"):  # noqa: PTH110 - false in a folder that may not be entered
        return Path("best.onnx")
    if str(name).startswith("hf://"):
        from scorer.model.hub import fetch_model

        return fetch_model(str(name))
    return EMBEDDED_MODEL if not name or str(name) == "default" else Path(name)


def read_sealed(path: Path) -> SealedModel:
    """Read and verify a sealed model.

    Raises `ModelError` when the file is missing, is no sealed model, any byte of it has changed, or it holds what
    `refuse_foreign_parts` refuses.
    """
    content = _read_file(path)
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
    if len(tokenizer_json) > _LARGEST_TOKENIZER:
        raise ModelError(
            f"{path}: its tokenizer has {len(tokenizer_json) >> 20:,} MB, more than any in use; is it one?"
        )
    refuse_foreign_parts(content, path)
    return SealedModel(path, whole.hexdigest(), content, tokenizer_json, card)


def _read_file(path: Path) -> bytes:
    if not path.exists():
        meant = did_you_mean_file(path)
        raise ModelError(f"{path}: no such model; make one with `exporter to-onnx`, or leave out --model{meant}")
    if not path.is_file() or path.stat().st_size > _LARGEST_FILE:
        raise ModelError(f"{path}: not a sealed model, which is a file of at most 2 GB")
    return path.read_bytes()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _entry(key: str, value: str) -> bytes:
    """One serialized metadata entry, ready to be appended to a `ModelProto`."""
    pair = bytes_field(1, key.encode()) + bytes_field(2, value.encode())
    return bytes_field(_METADATA_FIELD, pair)


def _metadata(content: bytes) -> Iterator[tuple[str, tuple[int, str]]]:
    """Key, place of the entry's first byte, and value of every metadata entry."""
    for number, place, value in read_fields(memoryview(content)):
        if number == _METADATA_FIELD and isinstance(value, memoryview):
            pair = {n: bytes(part).decode() for n, _, part in read_fields(value) if isinstance(part, memoryview)}
            yield pair[1], (place.start, pair[2])
