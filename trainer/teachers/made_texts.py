"""Texts made of the reviews, for teachers to label: a network that saw only whole reviews misreads short ones.

Crops are stretches of consecutive sentences of one review, parts are reviews without some of their sentences,
recombined texts are sentences of different reviews of a source, and single words stand alone.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from scorer.tokens.shapes import NO_SPACES
from trainer.data.ragged import offsets_of

__all__ = ["MadeTexts", "Originals", "cut_crops", "cut_parts", "recombine", "sentence_bounds", "texts_from"]

_SENTENCES = ((1, 1), (2, 3), (4, 9))  # least and most sentences of a crop; each range is as frequent as the others
_LEAST_WORDS = 3
_LEAST_SENTENCES = 3  # of a review of which some are left out
_LEFT = 0.3, 0.8  # least and most sentences of a part, a share of its review's
_MOST_OTHERS = 2  # reviews of a recombined text besides the first
_MOST_OF_A_PART = 2  # sentences

# A run such as "?!" or "..." ends one sentence, with the quotes and brackets that close behind it; so does a line.
# No space has to follow what ends sentences in Chinese, Japanese, Hindi, Arabic and Urdu.
_END = re.compile(r"""(?:[.!?]+["'”’)\]]*(?:\s+|(?=<br))|[。．！？｡।॥؟۔]+["'”’)\]」』）]*\s*|(?:<br ?/?>)+\s*|\n\s*)""")
_ALONE = re.compile(NO_SPACES)


@dataclass(frozen=True)
class Originals:
    """Reviews to make texts of, and of each [rows] its weight and the number of its source."""

    texts: Sequence[str]
    weights: NDArray[np.float32]
    sources: NDArray[np.int64]


@dataclass(frozen=True)
class MadeTexts:
    """Texts, how much each weighs, as the reviews it was made of, and the number of the one review it is of, or -1."""

    texts: list[str]
    weights: list[float]
    parents: list[int]

    def __add__(self, other: "MadeTexts") -> "MadeTexts":
        """The texts of both."""
        return MadeTexts(self.texts + other.texts, self.weights + other.weights, self.parents + other.parents)

    def tensors(self) -> dict[str, Tensor]:
        """What a stage keeps: the bytes end to end, uint8, and of each text its length in bytes, weight and parent."""
        encoded = [text.encode() for text in self.texts]
        lengths = torch.tensor([len(text) for text in encoded], dtype=torch.int64)
        utf8 = torch.frombuffer(bytearray(b"".join(encoded) or b"\0"), dtype=torch.uint8)
        weights, parents = torch.tensor(self.weights), torch.tensor(self.parents, dtype=torch.int64)
        return {"utf8": utf8, "lengths": lengths, "weights": weights, "parents": parents}


def texts_from(tensors: dict[str, Tensor]) -> pa.LargeStringArray:
    """The texts whose `MadeTexts.tensors` these are."""
    offsets = offsets_of(tensors["lengths"].numpy())
    buffers = [pa.py_buffer(offsets), pa.py_buffer(tensors["utf8"].numpy())]
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, *buffers)


def sentence_bounds(text: str) -> list[int]:
    """Where sentences begin, and the end of the last: sentence i is `text[bounds[i] : bounds[i + 1]]`."""
    bounds = [0, *(end.end() for end in _END.finditer(text))]
    return bounds if bounds[-1] == len(text) else [*bounds, len(text)]


def cut_crops(originals: Originals, count: int, seed: int) -> MadeTexts:
    """At most `count` crops of 1, 2–3 or 4–9 sentences; `seed` decides which.

    Every review is cropped equally often, once more or less. Left out are crops of fewer than three words, which say
    nothing, the whole review, and what the same review gave before.
    """
    rng = np.random.default_rng([seed, 0])
    found = MadeTexts([], [], [])
    for place, row in enumerate(rng.permutation(len(originals.texts))):
        times = count // len(originals.texts) + (place < count % len(originals.texts))
        text = originals.texts[row]
        drawn = dict.fromkeys(_crops(text, times, rng))  # in their order, each once
        crops = [crop for crop in drawn if _words_in(crop) >= _LEAST_WORDS and crop != text.strip()]
        found.texts.extend(crops)
        found.weights.extend([float(originals.weights[row])] * len(crops))
        found.parents.extend([int(row)] * len(crops))
    return found


def cut_parts(originals: Originals, count: int, seed: int) -> MadeTexts:
    """At most `count` reviews of which three to eight tenths of the sentences are left; `seed` decides which.

    Every review is taken equally often, once more or less, but for those of fewer than three sentences. Nothing comes
    twice.
    """
    rng = np.random.default_rng([seed, 2])
    longer = [row for row, text in enumerate(originals.texts) if len(sentence_bounds(text)) > _LEAST_SENTENCES]
    rows = np.resize(rng.permutation(longer), count if longer else 0).tolist()
    found = dict.fromkeys((_part(originals.texts[row], rng), row) for row in rows)  # in their order, each once
    weights = [float(originals.weights[row]) for _, row in found]
    return MadeTexts([text for text, _ in found], weights, [row for _, row in found])


def recombine(originals: Originals, count: int, seed: int) -> MadeTexts:
    """`count` texts, each of one or two sentences of two or three reviews of a source; `seed` decides which.

    Their verdicts may agree or not: that is what they are for. Each weighs as its reviews do on average.
    """
    rng = np.random.default_rng([seed, 1])
    by_source = [
        np.flatnonzero(originals.sources == number) for number in range(int(originals.sources.max(initial=-1)) + 1)
    ]
    found = MadeTexts([], [], [])
    for first in rng.integers(len(originals.texts), size=count):
        others = rng.choice(by_source[originals.sources[first]], int(rng.integers(1, _MOST_OTHERS + 1)))
        rows = [first, *others]
        parts = [_stretch(originals.texts[row], int(rng.integers(1, _MOST_OF_A_PART + 1)), rng) for row in rows]
        found.texts.append(" ".join(part for part in parts if part))
        found.weights.append(float(originals.weights[rows].mean()))
        found.parents.append(-1)
    return found


def _words_in(text: str) -> int:
    """Where no spaces are written, letters."""
    return len(_ALONE.sub(" x ", text).split())


def _crops(text: str, times: int, rng: np.random.Generator) -> Iterator[str]:
    for _ in range(times):
        least, most = _SENTENCES[rng.integers(len(_SENTENCES))]
        yield _stretch(text, int(rng.integers(least, most + 1)), rng)


def _part(text: str, rng: np.random.Generator) -> str:
    """Some sentences of a text, at least one, in their order."""
    bounds = sentence_bounds(text)
    chances = rng.random(len(bounds) - 1)
    left = chances <= max(rng.uniform(*_LEFT), chances.min())
    return "".join(text[bounds[i] : bounds[i + 1]] for i in np.flatnonzero(left)).strip()


def _stretch(text: str, sentences: int, rng: np.random.Generator) -> str:
    """So many consecutive sentences of a text, or all there are."""
    bounds = sentence_bounds(text)
    there = len(bounds) - 1
    first = int(rng.integers(max(1, there - sentences + 1)))
    return text[bounds[first] : bounds[min(first + sentences, there)]].strip()
