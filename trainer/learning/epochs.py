"""One epoch: every review once, or several times where reviews are few, in an order that its seed decides."""

from collections.abc import Callable

import torch

from scorer.tokens.encoder import TextSettings
from trainer.data.batches import training_batches
from trainer.data.reviews import EncodedReviews
from trainer.learning.evaluation import Evaluation, Mean
from trainer.learning.learner import Learner
from trainer.recipes import Recipe
from trainer.seeds import epoch_seed, step_seed

__all__ = ["learn_epoch", "passes_of"]


def passes_of(recipe: Recipe, reviews: int) -> int:
    """How often an epoch passes over so many reviews, so that the fit has its least number of steps."""
    steps = recipe.epochs * -(-reviews // recipe.batch_size)
    return max(1, -(-recipe.least_steps // steps))


def learn_epoch(
    learner: Learner,
    reviews: EncodedReviews,
    recipe: Recipe,
    text: TextSettings,
    seed: int,
    epoch: int,
    heard: Callable[[Evaluation], None] = lambda mean: None,
) -> Evaluation:
    """Let `learner` learn epoch `epoch` of the fit of `seed`; mean loss, and accuracy on true labels.

    The mean so far is `heard` after every batch.
    """
    # Every epoch starts from a seed of its own, so a resumed fit need not know how far the last one drew.
    seed = epoch_seed(seed, epoch)
    torch.manual_seed(seed)
    mean, passes = Mean(recipe.mean_over), passes_of(recipe, len(reviews))
    for number in range(passes):
        for batch in training_batches(reviews, recipe, text, step_seed(seed, number) if number else seed):
            done = (mean.reviews + len(batch.labels)) / (passes * len(reviews))
            loss, logits, _ = learner.step(batch, (epoch - 1 + done) / recipe.epochs)
            mean.add(loss.item(), logits, batch.truth, batch.weights)
            heard(mean.result)
    return mean.result
