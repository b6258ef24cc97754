"""Training batches: rows of a split, shuffled by seed and epoch, padded, as tensors."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scorer.model.batches import pad_rows, plan_batches
from scorer.tokens.encoder import TextSettings
from trainer.data.reviews import EncodedReviews
from trainer.recipes import Recipe

__all__ = ["Batch", "bucketed", "by_tokens", "training_batches", "validation_batches"]


class Batch(NamedTuple):
    """Some rows of a split, padded alike."""

    input_ids: Tensor
    """int64 [batch, time]."""
    mask: Tensor
    """int64 [batch, time]."""
    labels: Tensor
    """float32 [batch] or [batch, prefixes]."""
    weights: Tensor
    """float32 [batch]."""
    truth: Tensor
    """What people said, float32 [batch]; NaN where they did not."""
    rows: NDArray[np.int64]
    """Where in the split they stand: [batch]."""


_POOL_BATCHES = 50  # sorted together: wide enough for similar lengths, narrow enough to stay random


def training_batches(reviews: EncodedReviews, recipe: Recipe, settings: TextSettings, seed: int) -> Iterator[Batch]:
    """Every row once, in an order that only `seed` decides."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(reviews))
    if recipe.batch_tokens is not None:
        batches = by_tokens(order, reviews.ids.lengths, recipe.batch_tokens, recipe.batch_size, rng)
    else:
        if recipe.bucket_by_length:
            order = bucketed(order, reviews.ids.lengths, recipe.batch_size, rng)
        batches = np.split(order, range(recipe.batch_size, len(order), recipe.batch_size))
    return (_padded(reviews, rows, settings) for rows in batches)


def validation_batches(reviews: EncodedReviews, recipe: Recipe, settings: TextSettings) -> Iterator[Batch]:
    """Every row once: by length where the recipe buckets, else in the split's order and the recipe's batches."""
    if recipe.bucket_by_length:
        rows = [batch.rows for batch in plan_batches(reviews.ids, settings)]
        rows.append(np.flatnonzero(reviews.ids.lengths == 0))
    else:
        rows = np.split(np.arange(len(reviews)), range(recipe.batch_size, len(reviews), recipe.batch_size))
    return (_padded(reviews, chosen, settings) for chosen in rows if len(chosen))


def bucketed(
    order: NDArray[np.int64], lengths: NDArray[np.int64], batch_size: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """`order` rearranged so that a batch holds similar lengths, and the batches come in random order."""
    pool = batch_size * _POOL_BATCHES
    batches = []
    for start in range(0, len(order), pool):
        rows = order[start : start + pool]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        batches += [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
    return np.concatenate([batches[i] for i in rng.permutation(len(batches))])


def by_tokens(
    order: NDArray[np.int64], lengths: NDArray[np.int64], most_tokens: int, most_rows: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Batches of similar lengths, each of at most `most_tokens` padded tokens, in random order."""
    batches = []
    pool = _POOL_BATCHES * most_rows
    for start in range(0, len(order), pool):
        rows = order[start : start + pool]
        rows = rows[np.argsort(-lengths[rows], kind="stable")]  # the first of a batch is its longest
        while len(rows):
            size = min(most_rows, max(1, most_tokens // max(1, int(lengths[rows[0]]))))
            batches.append(rows[:size])
            rows = rows[size:]
    return [batches[i] for i in rng.permutation(len(batches))]


def _padded(reviews: EncodedReviews, rows: NDArray[np.int64], settings: TextSettings) -> Batch:
    longest = max(int(reviews.ids.lengths[rows].max()), 1)
    width = settings.max_length if settings.pad_to_max_length else longest
    input_ids, mask = pad_rows(reviews.ids, rows, width, settings.pad_id)
    labels, weights = torch.from_numpy(reviews.labels[rows]), torch.from_numpy(reviews.weights[rows])
    truth = torch.from_numpy(reviews.true_labels[rows])
    return Batch(torch.from_numpy(input_ids), torch.from_numpy(mask), labels, weights, truth, rows)
