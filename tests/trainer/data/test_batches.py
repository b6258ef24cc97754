from dataclasses import replace

import numpy as np
import torch

from scorer.tokens.encoder import RaggedIds
from trainer.data.batches import training_batches, validation_batches
from trainer.data.reviews import EncodedReviews
from trainer.recipes import RECIPES

LENGTHS = np.arange(500) % 60
OFFSETS = np.concatenate([[0], np.cumsum(LENGTHS)])
REVIEWS = EncodedReviews(
    RaggedIds(np.repeat(np.arange(500, dtype=np.int32), LENGTHS), OFFSETS, np.zeros(500, np.bool_)),
    (np.arange(500) % 2).astype(np.float32),
)


def lengths_seen(batches) -> list[int]:
    return sorted(int(n) for _, mask, _ in batches for n in mask.sum(1))


def test_every_review_comes_once_whatever_the_recipe() -> None:
    for recipe in RECIPES.values():
        settings = recipe.text_settings(0)
        for batches in (training_batches(REVIEWS, recipe, settings, 1), validation_batches(REVIEWS, recipe, settings)):
            assert lengths_seen(batches) == sorted(LENGTHS)


def test_the_seed_decides_the_order_and_buckets_save_padding() -> None:
    recipe = replace(RECIPES["default"], batch_size=8, batch_tokens=None)
    settings = recipe.text_settings(0)
    one, same, other = (list(training_batches(REVIEWS, recipe, settings, seed)) for seed in (1, 1, 2))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(one, same, strict=True))
    assert not all(a[0].shape == b[0].shape and torch.equal(a[0], b[0]) for a, b in zip(one, other, strict=True))
    plain = training_batches(REVIEWS, replace(recipe, bucket_by_length=False), settings, 1)
    assert sum(ids.numel() for ids, _, _ in one) < 0.8 * sum(ids.numel() for ids, _, _ in plain)
