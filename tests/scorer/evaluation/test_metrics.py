from collections import Counter
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.evaluation.calibration import expected_calibration_error, reliability
from scorer.evaluation.metrics import Figures, Interval, McNemar, accuracy_gain, by_group, measure, roc_auc

ROWS = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=30)


def arrays(rows: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p for p, _ in rows], np.float32), np.array([label for _, label in rows], np.bool_)


@given(ROWS)
def test_auc_is_the_share_of_pairs_in_order(rows: list[tuple[float, bool]]) -> None:
    positive = [p for p, label in rows if label]
    negative = [p for p, label in rows if not label]
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    expected = sum(pairs) / len(pairs) if pairs else np.nan
    np.testing.assert_allclose(roc_auc(*arrays(rows)), expected)


def vars_of(figures: Figures) -> list[Interval]:
    values = [getattr(figures, field.name) for field in fields(figures)]
    return [value for value in values if isinstance(value, Interval)]


@given(ROWS)
def test_counts_and_shares(rows: list[tuple[float, bool]]) -> None:
    figures = measure(*arrays(rows), threshold=0.5)
    hits = sum((p >= 0.5) == label for p, label in rows)
    assert sum(figures.confusion.values()) == figures.rows == len(rows)
    assert figures.accuracy.value == hits / len(rows)
    assert 0 <= figures.accuracy.low <= figures.accuracy.value <= figures.accuracy.high <= 1
    assert figures.majority >= 0.5
    assert (figures.balanced_accuracy.value != figures.balanced_accuracy.value) == (len({y for _, y in rows}) == 1)
    assert figures.log_loss.value >= 0
    for one in (value for value in vars_of(figures) if value.value == value.value):
        assert one.low <= one.value <= one.high


def test_known_figures() -> None:
    label = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], np.bool_)
    figures = measure(np.array([0.9, 0.8, 0.4, 0.6, *[0.1] * 6], np.float32), label, 0.5)
    assert figures.confusion == {"true_positive": 2, "false_positive": 1, "true_negative": 6, "false_negative": 1}
    assert figures.balanced_accuracy.value == pytest.approx((2 / 3 + 6 / 7) / 2)
    assert figures.f1.value == figures.precision.value == pytest.approx(2 / 3)
    assert (figures.f1.low, figures.f1.high) == (pytest.approx(0.261, abs=1e-3), pytest.approx(0.919, abs=1e-3))
    assert (figures.accuracy.low, figures.accuracy.high) == (
        pytest.approx(0.490, abs=1e-3),
        pytest.approx(0.943, abs=1e-3),
    )
    sure = measure(np.array([1.0, 0.0], np.float32), np.array([True, False]), 0.5)
    assert (sure.accuracy.value, sure.roc_auc.value, sure.calibration_error.value) == (1, 1, 0)
    assert sure.log_loss.value < 1e-6
    assert sure.balanced_accuracy.low < 0.5  # two rows prove little


def test_calibration_error() -> None:
    label = np.array([True] * 8 + [False] * 2)
    assert expected_calibration_error(np.full(10, 0.8, np.float32), label) == pytest.approx(0, abs=1e-6)
    assert expected_calibration_error(np.full(10, 0.3, np.float32), label) == pytest.approx(0.5)


@given(ROWS)
def test_the_calibration_error_is_that_of_the_bins(rows: list[tuple[float, bool]]) -> None:
    bins = reliability(*arrays(rows))
    expected = sum(one.share * abs(one.probability - one.positive) for one in bins)
    assert measure(*arrays(rows), 0.5).calibration_error.value == pytest.approx(expected, abs=1e-6)


def test_intervals_hold_what_they_promise() -> None:
    """Of 300 samples, nineteen of twenty intervals hold the figure of the population that they come from."""
    generator = np.random.default_rng(0)
    probability = generator.beta(0.5, 0.5, 40_000).astype(np.float32)
    label = generator.random(40_000) < probability**1.5  # too hopeful
    population, held = measure(probability, label, 0.5), Counter[str]()
    names = [field.name for field in fields(population) if isinstance(getattr(population, field.name), Interval)]
    for _ in range(300):
        rows = generator.integers(0, 40_000, 400)
        sample = measure(probability[rows], label[rows], 0.5)
        for name in names:
            one = getattr(sample, name)
            held[name] += one.low <= getattr(population, name).value <= one.high
    assert len(names) == 9
    low = {name: count for name, count in held.items() if count < 0.91 * 300}
    assert low.keys() <= {"calibration_error"}, held  # chance adds to it


def test_groups_are_measured_as_if_they_were_alone() -> None:
    probability, label = np.array([0.9, 0.2, 0.8, 0.4], np.float32), np.array([True, False, False, True])
    groups = by_group(["a", "none", "b"], np.array([2, 0, 2, 0]), probability, label, 0.5)
    assert list(groups) == ["a", "b"]
    assert groups["b"] == measure(probability[[0, 2]], label[[0, 2]], 0.5)


def test_a_gain_is_of_the_same_rows() -> None:
    first, second = np.array([True] * 90 + [False] * 10), np.array([True] * 80 + [False] * 20)
    gain = accuracy_gain(first, second)
    assert (gain.value, gain.low) == (pytest.approx(0.1), pytest.approx(0.0412, abs=1e-4))


def test_mcnemar() -> None:
    assert McNemar(0, 0).p_value == 1
    assert McNemar(1, 9).p_value == pytest.approx(22 / 1024)
    exact, normal = McNemar(450, 550).p_value, McNemar(451, 551).p_value
    assert normal == pytest.approx(exact, rel=0.03)
