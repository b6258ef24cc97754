"""All that decides an output, in words: two runs with one fingerprint write the same file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
import pyarrow as pa
import tokenizers

from scorer import __version__

if TYPE_CHECKING:
    from scorer.model.sealed import SealedModel
    from scorer.run.job import RunOptions

__all__ = ["Fingerprint", "fingerprint_of"]

# Options that change how a run is done, and the output's path, beside which the fingerprint lies.
_WITHOUT_EFFECT = {"output", "force", "workers", "restart", "keep_every"}


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


def fingerprint_of(options: RunOptions, sealed: SealedModel) -> Fingerprint:
    """The fingerprint of a run; its input exists."""
    libraries = {"numpy": np, "onnxruntime": ort, "pyarrow": pa, "tokenizers": tokenizers}
    versions = {"sentiment-scorer": __version__} | {name: library.__version__ for name, library in libraries.items()}
    state = options.input.stat()
    command = {name.replace("_", " "): str(value) for name, value in _flat(asdict(options))}
    command |= {"input": str(options.input.resolve()), "input's size": str(state.st_size)}
    return Fingerprint({"model": sealed.sha256} | versions, command | {"input's time": str(state.st_mtime_ns)})


def _flat(options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _flat(value)
        elif name not in _WITHOUT_EFFECT:
            yield name, value
