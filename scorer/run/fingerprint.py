"""All that decides an output, in words: two runs with one fingerprint write the same file."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import tokenizers

from scorer import __version__
from scorer.files.inputs import Input
from scorer.model.runtime import onnxruntime as ort
from scorer.model.sealed import SealedModel
from scorer.run.options import RunOptions

__all__ = ["Fingerprint", "fingerprint_of", "identities", "versions"]

# Options that change how a run is done, and the output's path, beside which the fingerprint lies.
_WITHOUT_EFFECT = {"output", "force", "workers", "restart", "keep_every", "window_rows"}
_WITHOUT_EFFECT |= {"engine", "ray_address", "memory_limit", "skip_existing"}
_WITHOUT_EFFECT |= {"input", "more_inputs", "one_each", "of_folder"}  # what inputs are they say themselves


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Names and values, as users know them."""

    of_scores: Mapping[str, str]
    """What decides the score of a text."""
    of_command: Mapping[str, str]
    """What else decides the output: the input and the options."""

    @property
    def entries(self) -> dict[str, str]:
        """All of them."""
        return {**self.of_scores, **self.of_command}


def fingerprint_of(inputs: Sequence[Input], options: RunOptions, sealed: SealedModel) -> Fingerprint:
    """The fingerprint of a run; its inputs exist."""
    command = {name.replace("_", " "): str(value) for name, value in _flat(asdict(options))}
    return Fingerprint({"model": sealed.sha256} | versions(), command | identities(inputs))


def identities(inputs: Sequence[Input]) -> dict[str, str]:
    """What each input is; of several each by its name, and which and how many they are in their order."""
    if len(inputs) == 1:
        return dict(inputs[0].identity())
    names = hashlib.sha256("\0".join(file.name for file in inputs).encode(errors="surrogateescape"))
    found = {"inputs": f"{len(inputs):,} files ({names.hexdigest()[:8]})"}
    for file in inputs:
        found |= {f"{name} of {file.name}": value for name, value in file.identity().items() if name != "input"}
    return found


def versions() -> dict[str, str]:
    """Of all that decides the bits of a score."""
    libraries = {"numpy": np, "onnxruntime": ort, "pyarrow": pa, "tokenizers": tokenizers}
    return {"sentiment-scorer": __version__} | {name: library.__version__ for name, library in libraries.items()}


def _flat(options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _flat(value)
        elif name not in _WITHOUT_EFFECT:
            yield name, value
