"""How much sources and labels weigh."""

import numpy as np
import pyarrow as pa
import pytest

from trainer.data.weights import balanced_rows, cell_weights, mean_by_source, weights_of
from trainer.recipes import RECIPES

SOURCES = np.repeat([0, 1], [900, 100])
LABELS = np.concatenate([np.arange(900) % 10 > 0, np.arange(100) % 2 > 0]).astype(np.int64)  # 90 % and 50 % praise


def total(weights, source, label=None):
    chosen = source == SOURCES if label is None else (source == SOURCES) & (label == LABELS)
    return weights[chosen].sum()


@pytest.mark.parametrize(("rule", "ratio"), [("sqrt", 3), ("equal", 1), ("size", 9)])
def test_sources_weigh_by_the_rule_and_their_labels_alike(rule, ratio) -> None:
    weights = cell_weights(SOURCES, LABELS, rule, "balanced")
    assert weights.mean() == pytest.approx(1)
    assert total(weights, 0) / total(weights, 1) == pytest.approx(ratio, rel=1e-4)
    for source in (0, 1):
        assert total(weights, source, 1) == pytest.approx(total(weights, source, 0), rel=1e-4)
    assert len(set(weights.tolist())) == 3  # one weight for each label of the skewed source, one for the balanced


def test_positive_reviews_weigh_as_often_as_asked() -> None:
    weights = cell_weights(SOURCES, LABELS, "size", 3.0)
    for source in (0, 1):
        good, bad = (weights[(source == SOURCES) & (label == LABELS)] for label in (1, 0))
        assert set(good) == {good[0]}
        assert good[0] / bad[0] == pytest.approx(3)
    assert total(weights, 0) / total(weights, 1) == pytest.approx(9)
    assert cell_weights(SOURCES, LABELS, "size", 1.0).tolist() == [1.0] * 1000


def test_a_source_of_one_label_has_its_whole_weight() -> None:
    weights = cell_weights(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1]), "equal", "balanced")
    assert weights.tolist() == [1.0] * 4


def split(sources, labels) -> pa.Table:
    texts = [f"text {i}" for i in range(len(labels))]
    return pa.table({"text": texts, "label": labels, "source": list(map(str, sources))})


def test_a_split_weighs_by_its_recipe() -> None:
    reviews = split(SOURCES, LABELS)
    assert np.array_equal(weights_of(reviews, RECIPES["default"]), cell_weights(SOURCES, LABELS, "sqrt", "balanced"))
    assert weights_of(reviews, RECIPES["tutorial"]).tolist() == [1.0] * 1000


def test_unlabelled_reviews_weigh_as_their_source_does_on_average() -> None:
    weights = cell_weights(SOURCES, LABELS, "sqrt", "balanced")
    others = mean_by_source(weights, split(SOURCES, LABELS), split(["1", "0", "2"], [-1, -1, -1]))
    assert others.tolist() == pytest.approx([weights[900:].mean(), weights[:900].mean(), 1.0])


def test_rows_are_drawn_by_weight_and_never_twice() -> None:
    rows = balanced_rows(SOURCES, LABELS, "sqrt", "balanced", 200, seed=1)
    drawn = [int(((SOURCES[rows] == s) & (LABELS[rows] == label)).sum()) for s in (0, 1) for label in (0, 1)]
    assert drawn == [75, 75, 25, 25]
    assert len(set(rows.tolist())) == 200
    assert rows.tolist() != sorted(rows.tolist())
    most = balanced_rows(SOURCES, LABELS, "sqrt", "balanced", 10_000, seed=1)
    assert sorted(most.tolist()) == list(range(1000))  # there are no more
