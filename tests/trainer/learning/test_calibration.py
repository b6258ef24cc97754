import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from trainer.data.weights import cell_weights
from trainer.learning.calibration import COLDEST, HOTTEST, calibrate, expected_calibration_error, fit_temperature


@pytest.mark.parametrize(
    ("probabilities", "labels", "bins", "error"),
    [
        ([0.0, 1.0], [0, 1], 15, 0.0),
        ([1.0, 0.0], [0, 1], 15, 1.0),
        ([0.5] * 4, [0, 1, 1, 0], 15, 0.0),
        ([0.7] * 10, [1] * 9 + [0], 15, 0.2),
        ([0.1, 0.1, 0.9, 0.9], [0, 1, 1, 1], 2, 0.25),  # half the rows are off by 0.4, half by 0.1
        ([0.2, 0.8], [1, 0], 1, 0.0),  # in one bin the two errors cancel
    ],
)
def test_expected_calibration_error(probabilities, labels, bins, error) -> None:
    found = expected_calibration_error(np.array(probabilities), np.array(labels, float), np.ones(len(labels)), bins)
    assert found == pytest.approx(error, abs=1e-12)


def test_calibration_finds_the_temperature_and_lowers_loss_and_error() -> None:
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(20_000, generator=generator) * 2
    labels = torch.bernoulli(torch.sigmoid(true), generator=generator)
    logits = true * 2.5  # too sure of itself
    calibration = calibrate(logits, labels, torch.ones(20_000))
    assert calibration.temperature == pytest.approx(2.5, rel=0.05)
    assert calibration.ece_after < 0.2 * calibration.ece_before
    assert calibration.rows == 20_000
    before, after = (
        binary_cross_entropy_with_logits(logits / temperature, labels) for temperature in (1.0, calibration.temperature)
    )
    assert after < before


def test_a_few_reviews_do_not_make_certainty_nor_despair() -> None:
    logits, right = torch.tensor([5.0, -5.0]), torch.tensor([1.0, 0.0])
    assert fit_temperature(logits, right, torch.ones(2)) == pytest.approx(COLDEST, rel=1e-4)
    assert fit_temperature(logits, 1 - right, torch.ones(2)) == pytest.approx(HOTTEST, rel=1e-4)


def test_a_rare_label_counts_as_its_weight_says() -> None:
    """Of ten good reviews nine are judged rightly, and of one bad one none: alike, that is no better than chance."""
    logits, labels = torch.tensor([2.0] * 9 + [-2.0] + [2.0]), torch.tensor([1.0] * 10 + [0.0])
    balanced = torch.from_numpy(cell_weights(np.zeros(11, np.int64), labels.long().numpy(), "size", "balanced"))
    assert balanced.sum().item() == pytest.approx(11)
    assert fit_temperature(logits, labels, torch.ones(11)) < 2
    assert fit_temperature(logits, labels, balanced) == pytest.approx(HOTTEST, rel=1e-4)
