import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.evaluation.metrics import McNemar, expected_calibration_error, measure, roc_auc

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


def test_known_figures() -> None:
    label = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], np.bool_)
    figures = measure(np.array([0.9, 0.8, 0.4, 0.6, *[0.1] * 6], np.float32), label, 0.5)
    assert figures.confusion == {"true_positive": 2, "false_positive": 1, "true_negative": 6, "false_negative": 1}
    assert figures.balanced_accuracy.value == pytest.approx((2 / 3 + 6 / 7) / 2)
    assert figures.f1 == pytest.approx(2 / 3)
    assert (figures.accuracy.low, figures.accuracy.high) == (
        pytest.approx(0.490, abs=1e-3),
        pytest.approx(0.943, abs=1e-3),
    )
    sure = measure(np.array([1.0, 0.0], np.float32), np.array([True, False]), 0.5)
    assert (sure.accuracy.value, sure.roc_auc.value, sure.calibration_error) == (1, 1, 0)
    assert sure.log_loss.value < 1e-6


def test_calibration_error() -> None:
    label = np.array([True] * 8 + [False] * 2)
    assert expected_calibration_error(np.full(10, 0.8, np.float32), label) == pytest.approx(0, abs=1e-6)
    assert expected_calibration_error(np.full(10, 0.3, np.float32), label) == pytest.approx(0.5)


def test_mcnemar() -> None:
    assert McNemar(0, 0).p_value == 1
    assert McNemar(1, 9).p_value == pytest.approx(22 / 1024)
    exact, normal = McNemar(450, 550).p_value, McNemar(451, 551).p_value
    assert normal == pytest.approx(exact, rel=0.03)
