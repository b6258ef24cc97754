from dataclasses import replace

import numpy as np
import torch

from trainer.data.batches import training_batches, validation_batches
from trainer.data.ragged import offsets_of, ragged
from trainer.data.reviews import EncodedReviews
from trainer.recipes import RECIPES

LENGTHS = np.arange(500) % 60
REVIEWS = EncodedReviews(
    ragged(np.repeat(np.arange(500, dtype=np.int32), LENGTHS), LENGTHS),
    (np.arange(500) % 2).astype(np.float32),
    np.arange(500, dtype=np.float32),
)


def lengths_seen(batches) -> list[int]:
    return sorted(int(n) for batch in batches for n in batch.mask.sum(1))


def test_offsets_begin_at_0_and_end_at_the_total() -> None:
    assert offsets_of(np.array([2, 0, 3])).tolist() == [0, 2, 2, 5]
    assert offsets_of(np.array([], np.int64)).tolist() == [0]


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
    assert sum(batch.input_ids.numel() for batch in one) < 0.8 * sum(batch.input_ids.numel() for batch in plain)


def test_a_batch_knows_its_rows_and_their_weights() -> None:
    recipe = RECIPES["default"]
    for batch in training_batches(REVIEWS, recipe, recipe.text_settings(0), 1):
        assert batch.weights.tolist() == batch.rows.tolist()
        assert batch.mask.sum(1).tolist() == LENGTHS[batch.rows].tolist()
