import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from trainer.learning.calibration import calibrate, expected_calibration_error, fit_temperature


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
    found = expected_calibration_error(np.array(probabilities), np.array(labels, float), bins)
    assert found == pytest.approx(error, abs=1e-12)


def test_calibration_finds_the_temperature_and_lowers_loss_and_error() -> None:
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(20_000, generator=generator) * 2
    labels = torch.bernoulli(torch.sigmoid(true), generator=generator)
    logits = true * 2.5  # too sure of itself
    calibration = calibrate(logits, labels)
    assert calibration.temperature == pytest.approx(2.5, rel=0.05)
    assert calibration.ece_after < 0.2 * calibration.ece_before
    assert calibration.rows == 20_000
    before, after = (
        binary_cross_entropy_with_logits(logits / temperature, labels) for temperature in (1.0, calibration.temperature)
    )
    assert after < before


def test_a_few_reviews_judged_rightly_do_not_make_certainty() -> None:
    assert 0.09 < fit_temperature(torch.tensor([5.0, -5.0]), torch.tensor([1.0, 0.0])) < 11
