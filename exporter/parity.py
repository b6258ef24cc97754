"""The parity proof: torch and onnxruntime on the same inputs, over a grid of shapes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from exporter.graph import Served
from scorer.tokens.encoder import TextEncoder

__all__ = ["TOLERANCE", "Parity", "Run", "prove_parity"]

TOLERANCE = 1e-5
"""Largest difference that passes for the same number; float32 has about seven digits.

Of a logit up to 1 it is the difference itself, of a larger one a share of its size: float32 gives 40 no more digits
than 4, and a network that is sure of itself has large logits. A probability then differs by less than a third of it.
"""

Run = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]
"""Ids and mask, both int64 [batch, time], to logits, float32 [batch, 2]."""

_BATCH_SIZES = (1, 2, 7, 64)
_SHORT, _BEYOND = 17, 13
_REVIEWS = (
    "An absolute triumph: funny, tender and over far too soon. I have already booked seats for Saturday.",
    "Two hours of my life that nobody will give back. The plot makes no sense, and the jokes are worse.",
    'Not bad at all! My sister called it "the best thing on TV" — I would not go that far, but nearly.<br /><br />8/10',
    "I wanted to like it. The cast is strong, the music lovely... and yet it never comes to life.",
    "ok",
    "Crème brûlée at the cinema café: 10 points. The film: don't ask 😴",
)


@dataclass(frozen=True)
class Parity:
    """What was compared and how far it differed."""

    largest_difference: float
    """Of a logit, or of a share of it where it is larger than 1."""
    cases: int
    logits: int
    tolerance: float = TOLERANCE

    @property
    def holds(self) -> bool:
        """Every logit was the same within the tolerance; false for any that is not a number."""
        return self.largest_difference <= self.tolerance


def prove_parity(served: Served, run: Run, encoder: TextEncoder) -> Parity:
    """Compare torch with `run` on every batch size × length × kind of text."""
    largest, cases, logits = 0.0, 0, 0
    for input_ids, mask in _cases(encoder):
        with torch.inference_mode():
            expected = served(torch.from_numpy(input_ids), torch.from_numpy(mask)).numpy()
        difference = np.abs(expected - run(input_ids, mask)) / np.maximum(np.abs(expected), 1)
        largest = float(np.maximum(largest, difference.max()))  # unlike max(), keeps a NaN
        cases, logits = cases + 1, logits + difference.size
    return Parity(largest, cases, logits)


def _cases(encoder: TextEncoder) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    settings = encoder.settings
    words = np.concatenate([encoder.encode(pa.array([text])).values for text in _REVIEWS]).astype(np.int64)
    rng = np.random.default_rng(0)
    for batch in _BATCH_SIZES:
        for time in (1, 2, _SHORT, settings.max_length, settings.max_length + _BEYOND):
            full = np.ones((batch, time), np.int64)
            start = rng.integers(len(words), size=(batch, 1))
            real = words[(start + np.arange(time)) % len(words)]
            yield real, full
            yield np.full((batch, time), encoder.unknown_id, np.int64), full
            ragged = (np.arange(time) < rng.integers(1, time + 1, size=(batch, 1))).astype(np.int64)
            yield np.where(ragged == 1, real, settings.pad_id), ragged
