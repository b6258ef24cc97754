from dataclasses import replace

import torch

from trainer.data.batches import Batch
from trainer.learning.learner import Learner
from trainer.recipes import RECIPES

TEXTS = torch.arange(1, 257).reshape(4, 64)  # no pair of words twice


def places_moved(phrase_dropout: float) -> int:
    """How many weights of pairs one step changes, of 252."""
    recipe = replace(RECIPES["default"], phrase_dropout=phrase_dropout, bfloat16=False, word_dropout=0.0)
    learner = Learner(recipe, recipe.network_settings(300), unknown_id=0)
    said = torch.tensor([0.0, 1.0, 0.0, 1.0])
    rows = torch.arange(4).numpy()
    learner.step(Batch(TEXTS, torch.ones_like(TEXTS), said, torch.ones(4), said, rows), progress=0.5)
    assert learner.network.phrases is not None
    return int(learner.network.phrases.weight.count_nonzero())


def test_pairs_of_words_that_are_dropped_learn_nothing_from_a_text() -> None:
    torch.manual_seed(0)
    assert places_moved(0.0) == 252
    assert 80 < places_moved(0.5) < 172
