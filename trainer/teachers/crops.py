"""Crops: stretches of consecutive sentences of reviews, so that a network learns to judge short texts too."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from scorer.tokens.encoder import RaggedIds
from trainer.data.ragged import ragged

__all__ = ["SENTENCE_ENDS", "cut_crops", "sentence_bounds"]

SENTENCE_ENDS = (".", "!", "?")

_SENTENCES = ((1, 1), (2, 3), (4, 9))  # least and most sentences of a crop; each range is as frequent as the others
_LEAST_WORDS = 3


def cut_crops(reviews: RaggedIds, end_ids: NDArray[np.int64], count: int, longest: int, seed: int) -> RaggedIds:
    """At most `count` crops of `reviews`, `longest` ids at most, of 1, 2–3 or 4–9 sentences; `seed` decides which.

    Every review is cropped equally often, once more or less. `end_ids` are the ids of `SENTENCE_ENDS`. Crops of
    fewer than three words say nothing and are left out.
    """
    rng = np.random.default_rng(seed)
    crops = [crop[-longest:] for crop in _crops(reviews, end_ids, count, rng) if len(crop) >= _LEAST_WORDS]
    lengths = np.array([len(crop) for crop in crops], np.int64)
    return ragged(np.concatenate([np.empty(0, np.int32), *crops]), lengths)


def sentence_bounds(review: NDArray[np.int32], end_ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where sentences begin, and the end of the last: sentence i is `review[bounds[i] : bounds[i + 1]]`.

    A run such as "?!" or "..." ends one sentence, not several.
    """
    ends = np.isin(review, end_ids)
    ends[:-1] &= ~ends[1:]
    bounds = np.concatenate([[0], np.flatnonzero(ends) + 1, [len(review)]])
    return np.unique(bounds)


def _crops(
    reviews: RaggedIds, end_ids: NDArray[np.int64], count: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int32]]:
    order = rng.permutation(len(reviews))
    for number in range(count):
        row = order[number % len(order)]
        least, most = _SENTENCES[rng.integers(len(_SENTENCES))]
        review = reviews.values[reviews.offsets[row] : reviews.offsets[row + 1]]
        yield _crop(review, sentence_bounds(review, end_ids), int(rng.integers(least, most + 1)), rng)


def _crop(
    review: NDArray[np.int32], bounds: NDArray[np.int64], sentences: int, rng: np.random.Generator
) -> NDArray[np.int32]:
    there = len(bounds) - 1
    first = int(rng.integers(max(1, there - sentences + 1)))
    last = min(first + sentences, there)
    return review[bounds[first] : bounds[last]]
