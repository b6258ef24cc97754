"""The parts of a fit's data: what it learns from, what judges it, what only measures it, and what has no labels."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trainer.data.layout import TEST, TRAIN, UNLABELLED, VALIDATION, split_named
from trainer.data.parting import Part, Parting
from trainer.data.reviews import DataOptions, sources_of, split_digest
from trainer.data.sets import ReviewSet, load_sets
from trainer.errors import TrainerError
from trainer.recipes import Recipe

__all__ = ["Splits", "choose_judged", "choose_splits"]

_LEAST_TEST_ROWS, _MOST_TEST_ROWS = 10, 2_000  # so many tell an accuracy to 1.3 points; the others can learn
_TEST_SEED = 0  # whatever the fit's: all fits on the same data are measured by the same rows
_ALL = "all"


@dataclass(frozen=True)
class Splits:
    """Reviews by what they are for, each a table with the columns `text`, `label` and `source`."""

    train: pa.Table
    validation: pa.Table
    """Trains nothing: it chooses epochs, weighs teachers and calibrates."""
    test: pa.Table | None = None
    """Decides nothing: it only measures. The data's own, else rows kept from training; None where there are too few."""
    unlabelled: pa.Table | None = None
    """For recipes with teachers, if there are such reviews."""
    validation_given: bool = False
    """The data names at least some of the validation reviews, so none of them is ever learned."""
    told: list[str] = field(default_factory=list)
    """How the data was read and parted, a line for each thing that users should know."""

    @property
    def to_learn(self) -> pa.Table:
        """All that a fit may learn in the end: of what was held out by chance every row has judged it in folds."""
        return self.train if self.validation_given else pa.concat_tables([self.train, self.validation])

    def describe(self, data: DataOptions) -> dict[str, Any]:
        """What a checkpoint keeps of its data: enough to know it again, none of its texts."""
        described = {
            "name": ", ".join(Path(name).name for name in data.names),
            "sources": dict(sorted(Counter(sources_of(self.train).tolist()).items())),
            "train_reviews": len(self.train),
            "validation_reviews": len(self.validation),
            "fingerprint": split_digest(self.train),
            "validation_fingerprint": split_digest(self.validation),
        }
        if self.unlabelled is None:
            return described
        unlabelled = {"reviews": len(self.unlabelled), "fingerprint": split_digest(self.unlabelled)}
        return {**described, **{f"unsupervised_{key}": value for key, value in unlabelled.items()}}


def choose_splits(data: DataOptions, recipe: Recipe, seed: int) -> Splits:
    """Load the data and part it as the recipe says; raises `TrainerError` if there is nothing to learn from."""
    sets = load_sets(data)
    _require_both_labels(sets, data)
    return _parted(sets, recipe, seed)


def choose_judged(
    data: DataOptions, split: str | None, recipe: Recipe, seed: int, fingerprint: str
) -> tuple[str, pa.Table]:
    """The labelled rows to judge a checkpoint by, and what they are called.

    These are the rows of `split`; None means the test split. Where the data has none, it is the rows that a fit with
    `recipe` and `seed` kept from training, if the training rows' digest is `fingerprint`; else all rows of the data.
    Raises `TrainerError` where there are no such rows.
    """
    sets = load_sets(data)
    tables = [(name, table) for one in sets for name, table in one.splits.items() if name != UNLABELLED]
    wanted = TEST if split is None else split_named(split)
    if given := [table for name, table in tables if name == wanted]:
        return f"split {wanted!r}", pa.concat_tables(given)
    kept = _kept_for(wanted, sets, recipe, seed, fingerprint)
    if kept is not None:
        return f"rows kept from training for {wanted}", kept
    if split not in (None, _ALL) or not tables:
        found = ", ".join(dict(tables)) or "none"
        raise TrainerError(f"{data}: no split {split or TEST!r}; it has {found}, and {_ALL!r} means all rows")
    return "all rows", pa.concat_tables([table for _, table in tables])


def _kept_for(
    split: str | None, sets: Sequence[ReviewSet], recipe: Recipe, seed: int, fingerprint: str
) -> pa.Table | None:
    """The part that a fit took from its training rows, if these are the ones."""
    if split not in (TEST, VALIDATION) or not any(TRAIN in one.splits for one in sets):
        return None
    try:
        parted = _parted(sets, recipe, seed)
    except TrainerError:  # no fit could learn from these
        return None
    kept = parted.test if split == TEST and recipe.validation != TEST else parted.validation
    return kept if split_digest(parted.train) == fingerprint else None


def _require_both_labels(sets: Sequence[ReviewSet], data: DataOptions) -> None:
    trains = [one.splits[TRAIN] for one in sets if TRAIN in one.splits]
    if not trains:
        found = sorted({split for one in sets for split in one.splits})
        raise TrainerError(f"{data}: no split {TRAIN!r}; it has {', '.join(found) or 'none'}")
    labels = pc.unique(pa.concat_tables(trains)["label"]).to_pylist()
    if len(labels) < 2:
        word = "positive" if labels == [1] else "negative"
        raise TrainerError(f"{data}: every training label is {word}; both classes are needed, see --labels")


def _parted(sets: Sequence[ReviewSet], recipe: Recipe, seed: int) -> Splits:
    parting = Parting(sets, keep_copies=recipe.duplicates == "keep")
    if recipe.test_share is not None and not parting.take_from_training(
        Part.test, recipe.test_share, _TEST_SEED, _LEAST_TEST_ROWS, _MOST_TEST_ROWS
    ):
        parting.told.append(f"no split {TEST!r}, and too few reviews to keep some for it")
    share = recipe.validation
    if not isinstance(share, str) and not parting.take_from_training(Part.validation, share, seed):
        raise TrainerError(f"--validation {share} of the training reviews is nothing, or all; use 0.1 or so")
    train, validation, test = (parting.of(part) for part in (Part.train, Part.validation, Part.test))
    if share == TEST:
        validation, test = test, None
    if train is None:
        raise TrainerError("every training review is in another split too; see --duplicates")
    if validation is None:
        raise TrainerError(f"no split {TEST!r} to validate on, and too few reviews to keep some for it")
    unlabelled = parting.of(Part.unlabelled) if recipe.teachers else None
    told = [line for one in sets for line in one.told]
    given = share == TEST or any(VALIDATION in one.splits for one in sets)
    return Splits(train, validation, test, unlabelled, given, [*told, *parting.told])
