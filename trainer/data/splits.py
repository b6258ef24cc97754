"""The three parts of a fit's data: what it learns from, what it is judged by, and what has no labels."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets

from trainer.data.reviews import DataOptions, hold_out, load_splits, sources_of, split_digest
from trainer.errors import TrainerError
from trainer.recipes import Recipe

__all__ = ["Splits", "choose_splits"]


@dataclass(frozen=True)
class Splits:
    """Reviews by what they are for."""

    train: datasets.Dataset
    validation: datasets.Dataset
    """Trains nothing: it chooses epochs, weighs teachers and calibrates."""
    test: datasets.Dataset | None = None
    """Decides nothing: it only measures."""
    unlabelled: datasets.Dataset | None = None
    """For recipes with teachers, if there are such reviews."""

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
    """Load the data and part it as the recipe says; raises `TrainerError` if a split is missing."""
    splits = load_splits(data)
    needed = ["train", "test"] if recipe.validation == "test" else ["train"]
    for name in needed:
        if name not in splits:
            raise TrainerError(f"{data}: no split {name!r}; it has {', '.join(splits) or 'none'}")
    if recipe.validation == "test":
        train, validation = splits["train"], splits["test"]
    else:
        train, validation = hold_out(splits["train"], recipe.validation, seed)
    test = splits.get("test") if recipe.validation != "test" else None
    return Splits(train, validation, test, splits.get("unsupervised") if recipe.teachers else None)
