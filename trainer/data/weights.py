"""How much each review weighs, so that neither a large source nor a frequent label drowns the others.

With the rule of recipes `default` and `distilled` the reviews of a source weigh together as the square root of their
number, and its good and bad ones weigh alike. All that learns or judges uses these weights: teachers, the network,
the choice of the epoch and the temperature. So a probability means what it says where good and bad are equally
frequent, and 0.5 parts them for every source, however skewed its reviews are: a model that learned that a source has
97 % praise would call most of its complaints praise.
"""

from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.data.reviews import column_of, sources_of
from trainer.recipes import Recipe

__all__ = ["balanced_rows", "cell_weights", "effective_rows", "mean_by_source", "weights_of"]


def weights_of(split: pa.Table, recipe: Recipe) -> NDArray[np.float32]:
    """Weight of every labelled review by the recipe's rule: float32 [rows], 1 on average."""
    _, sources = np.unique(sources_of(split), return_inverse=True)
    return cell_weights(sources, column_of(split, "label").to_numpy(), recipe.source_weights, recipe.positive_weight)


def cell_weights(
    sources: NDArray[np.int64],
    labels: NDArray[np.int64],
    by_size: Literal["sqrt", "equal", "size"],
    positive: float | Literal["balanced"],
) -> NDArray[np.float32]:
    """Weights [rows], 1 on average, of reviews of `sources`, numbered from 0, with `labels` 0 or 1, both [rows].

    Inside its source a positive review weighs `positive` times a negative one, or so much that both labels weigh
    alike; together its reviews weigh as `by_size` says.
    """
    if positive == "balanced":
        cells = 2 * sources + labels
        inside = 1 / np.bincount(cells)[cells]
    else:
        inside = np.where(labels == 1, positive, 1.0)
    sizes = np.bincount(sources).astype(np.float64)
    totals = {"sqrt": np.sqrt(sizes), "equal": np.ones_like(sizes), "size": sizes}[by_size]
    weights = inside * (totals / np.bincount(sources, inside))[sources]
    return np.asarray(weights / weights.mean(), np.float32)


def effective_rows(weights: NDArray[np.floating]) -> float:
    """How many rows of one weight would tell as much as these of `weights` [rows] (Kish 1965)."""
    return float(weights.sum() ** 2 / np.square(weights).sum())


def mean_by_source(weights: NDArray[np.float32], weighed: pa.Table, others: pa.Table) -> NDArray[np.float32]:
    """Weights [rows] of `others`, which have no labels: the mean of their source's `weighed` reviews, else 1."""
    names, numbers = np.unique(sources_of(weighed), return_inverse=True)
    means = np.bincount(numbers, weights) / np.bincount(numbers)
    of_source = dict(zip(names.tolist(), means.tolist(), strict=True))
    return np.array([of_source.get(name, 1.0) for name in sources_of(others).tolist()], np.float32)


def balanced_rows(
    sources: NDArray[np.int64],
    labels: NDArray[np.int64],
    by_size: Literal["sqrt", "equal", "size"],
    positive: float | Literal["balanced"],
    count: int,
    seed: int,
) -> NDArray[np.int64]:
    """About `count` rows in random order, none twice, of each label of each source as many as its reviews weigh.

    Arguments as in `cell_weights`; `seed` decides which. A source with too few of them gives all it has.
    """
    rng = np.random.default_rng(seed)
    cells, weights = 2 * sources + labels, cell_weights(sources, labels, by_size, positive)
    shares = np.bincount(cells, weights) / weights.sum()
    chosen = [
        rng.permutation(np.flatnonzero(cells == cell))[: round(count * share)] for cell, share in enumerate(shares)
    ]
    return rng.permutation(np.concatenate(chosen))
