"""What a fit works with: what its network learns and begins with, what judges an epoch, and the exam at the end."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from scorer.tokens.encoder import TextEncoder
from trainer.data.parting import fold_of_rows
from trainer.data.reviews import EncodedReviews, column_of, encode_reviews, sources_of
from trainer.data.splits import Splits
from trainer.data.turns import Turns
from trainer.data.weights import weights_of
from trainer.folds import MOST_FOLDED, CrossValidation
from trainer.learning.judges import HeldOutJudge, Judge
from trainer.recipes import Recipe
from trainer.stages import Made, StageProgress, Stages
from trainer.start import Start
from trainer.teachers.linear import linear_logits
from trainer.teachers.school import teach

__all__ = ["Exam", "Material", "prepare"]

_LINEAR_FOLDS, _LINEAR_STRENGTH = 5, 0.1
_KEPT_APART = "test reviews that had no part in the fit"
_HELD_OUT = "held-out reviews, which chose the epoch and set the temperature"
_IN_FOLDS = "reviews, each judged by a network that did not learn it; together they chose the epoch and the temperature"


@dataclass(frozen=True)
class Exam:
    """Reviews that say how good the fitted network is."""

    judged_on: str
    texts: pa.LargeStringArray
    labels: NDArray[np.bool_]
    reviews: EncodedReviews | None
    """For the network to judge; None: what judged the epochs says what it made of them."""
    linear: Tensor
    """The linear teacher's logits [rows]."""


@dataclass(frozen=True)
class Material:
    """All that the epochs need."""

    reviews: Turns
    judge: Judge
    weights: dict[str, Tensor]
    """What the network begins with, by name; the others are random."""
    stages: dict[str, Any]
    """What each stage before the epochs reached."""
    exam: Exam | None
    """None where every review chose the epoch, as in the tutorial."""


def prepare(
    splits: Splits,
    tokenizer: Tokenizer,
    encoder: TextEncoder,
    recipe: Recipe,
    start: Start | None,
    seed: int,
    stages: Stages,
) -> Material:
    """Run the stages before the epochs: teachers, or what goes on from a model."""
    if start:
        return _continued(splits, encoder, recipe, start, seed, stages)
    judge = _held_out(splits, encoder, recipe)
    if not recipe.teachers:
        reviews = encode_reviews(splits.train, encoder, weights_of(splits.train, recipe))
        return Material(Turns(reviews), judge, {}, {}, None)
    lesson = teach(splits, tokenizer, recipe, seed, stages)
    exam = _exam(splits, encoder, lesson.linear["test"], lesson.linear["held_out"])
    return Material(lesson.reviews, judge, lesson.weights, lesson.stages, exam)


def _continued(
    splits: Splits, encoder: TextEncoder, recipe: Recipe, start: Start, seed: int, stages: Stages
) -> Material:
    rows = len(splits.to_learn)
    few = recipe.folds is not None and rows <= MOST_FOLDED
    if few and splits.validation_given:
        stages.said(
            f"the validation split's {len(splits.validation):,} reviews judge the epochs, so there are no folds"
        )
    folded = few and not splits.validation_given
    learned = splits.to_learn if folded else splits.train
    reviews = encode_reviews(learned, encoder, weights_of(learned, recipe))
    test = _encoded(splits.test, encoder) if splits.test else None
    held_out = None if folded else _held_out(splits, encoder, recipe)
    linear = _linear(reviews, test, held_out, encoder.vocab_size, seed, stages)
    if held_out:
        exam = _exam(splits, encoder, linear.get("test"), linear["held_out"])
        return Material(Turns(reviews), held_out, start.weights, dict(stages.summaries), exam)
    stages.said(f"all {rows:,} reviews are learned, and judged in {min(recipe.folds or 2, rows)} folds")
    sources, texts = sources_of(learned), column_of(learned, "text")
    cells = 2 * np.unique(sources, return_inverse=True)[1] + reviews.labels.astype(np.int64)
    folds = fold_of_rows(texts, cells, min(recipe.folds or 2, rows), seed)
    judge = CrossValidation(recipe, start, encoder, seed, stages).judge(reviews, sources, texts, folds)
    exam = Exam(_IN_FOLDS, texts, reviews.labels > 0.5, None, linear["train"])
    if splits.test and test:
        exam = Exam(_KEPT_APART, column_of(splits.test, "text"), test.labels > 0.5, test, linear["test"])
    return Material(Turns(reviews), judge, start.weights, dict(stages.summaries), exam)


def _linear(
    reviews: EncodedReviews,
    test: EncodedReviews | None,
    held_out: HeldOutJudge | None,
    vocab_size: int,
    seed: int,
    stages: Stages,
) -> dict[str, Tensor]:
    """The linear teacher's logits by part: no teacher here, but what the network has to surpass."""
    parts = {"test": test, "held_out": held_out.reviews if held_out else None}
    others = {name: (part.ids, np.full(len(part), -1)) for name, part in parts.items() if part}

    def work(_: StageProgress) -> Made:
        choices = {"folds": _LINEAR_FOLDS, "strength": _LINEAR_STRENGTH, "seed": seed}
        return linear_logits(reviews, others, vocab_size, **choices)  # type: ignore[arg-type]

    return stages.run("linear", f"for comparison, over {len(reviews):,} reviews", {}, [], work).tensors


def _held_out(splits: Splits, encoder: TextEncoder, recipe: Recipe) -> HeldOutJudge:
    reviews = encode_reviews(splits.validation, encoder, weights_of(splits.validation, recipe))
    texts = column_of(splits.validation, "text")
    return HeldOutJudge(reviews, sources_of(splits.validation), texts, recipe, encoder.settings)


def _exam(splits: Splits, encoder: TextEncoder, on_test: Tensor | None, on_held_out: Tensor) -> Exam:
    if splits.test and on_test is not None:
        test = _encoded(splits.test, encoder)
        return Exam(_KEPT_APART, column_of(splits.test, "text"), test.labels > 0.5, test, on_test)
    labels = column_of(splits.validation, "label").to_numpy() == 1
    return Exam(_HELD_OUT, column_of(splits.validation, "text"), labels, None, on_held_out)


def _encoded(split: pa.Table, encoder: TextEncoder) -> EncodedReviews:
    return encode_reviews(split, encoder, np.ones(len(split), np.float32))
