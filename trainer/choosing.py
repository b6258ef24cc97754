"""The recipe that suits the reviews, and the model that it goes on from."""

from collections.abc import Callable
from dataclasses import replace

from trainer.data.languages import share_in_sentences
from trainer.data.reviews import column_of
from trainer.data.splits import Splits
from trainer.recipes import FEW_REVIEWS, Recipe
from trainer.start import Start, load_start

__all__ = ["choose_recipe"]

_LEAST_IN_SENTENCES = 0.7  # between 0.94 of English reviews and 0.49 of texts in other languages


def choose_recipe(
    recipe: Recipe,
    start: Start | None,
    for_few: Recipe | None,
    sentences_wanted: bool,
    splits: Splits,
    say: Callable[[str], None],
) -> tuple[Recipe, Start | None]:
    """`recipe`, or `for_few` where there are fewer than `FEW_REVIEWS` reviews, and the model that it goes on from.

    `start` is what `recipe` goes on from. Few reviews go on from the embedded model, unless it can hardly read them.
    The trainer's English sentences are left out for reviews of another language, unless they are `sentences_wanted`.
    """
    if for_few and for_few.start and len(splits.to_learn) < FEW_REVIEWS:
        embedded = load_start(for_few.start)
        words = embedded.count_words(column_of(splits.to_learn, "text").to_pylist())
        if words.too_many_unknown:
            unknown = f"{words.unknown_share:.0%} of the words are unknown to the embedded model"
            say(f"{unknown}: this fit begins anew (--start default goes on from it)")
        else:
            recipe, start = for_few, embedded
    if start:
        start = start.with_words_of(column_of(splits.to_learn, "text").to_pylist(), recipe.vocab_size)
        return start.recipe(recipe), start
    return recipe if sentences_wanted else _in_its_language(recipe, splits, say), None


def _in_its_language(recipe: Recipe, splits: Splits, say: Callable[[str], None]) -> Recipe:
    """`recipe`, without the trainer's sentences where the reviews are in another language than these."""
    if not recipe.teachers or not recipe.teachers.sentence_copies:
        return recipe
    share = share_in_sentences(column_of(splits.train, "text"))
    if share >= _LEAST_IN_SENTENCES:
        return recipe
    say(
        f"{share:.0%} of the words are in the trainer's English sentences, of English reviews 90% are; so these "
        f"are left out (--sentence-copies {recipe.teachers.sentence_copies} takes them)"
    )
    return replace(recipe, teachers=replace(recipe.teachers, sentence_copies=0))
