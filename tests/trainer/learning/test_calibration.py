import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from scorer.evaluation.calibration import expected_calibration_error
from trainer.data.weights import cell_weights
from trainer.learning.calibration import as_it_comes, calibrate, cross_calibrated, fit_scaling


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


@pytest.mark.parametrize("rows", [2, 16, 200])
def test_a_few_reviews_do_not_make_certainty_nor_despair(rows: int) -> None:
    """All judged rightly, or all wrongly: neither logits of 40 nor probabilities that say nothing."""
    right = (torch.arange(rows) % 2).float()
    logits = (right * 2 - 1) * 4
    for labels, least, most in ((right, 0.7, 2.0), (1 - right, 2.2, 99.0)):
        temperature, shift = fit_scaling(logits, labels, torch.ones(rows))
        assert least < temperature < most
        assert shift == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_label_alone_calibrates_nothing(label: float) -> None:
    assert fit_scaling(torch.randn(50), torch.full((50,), label), torch.ones(50)) == (1.0, 0.0)


def test_a_rare_label_counts_as_its_weight_says() -> None:
    """Of a hundred good reviews ninety are judged rightly, of ten bad ones none: alike, worse than chance."""
    logits = torch.tensor([2.0] * 90 + [-2.0] * 10 + [2.0] * 10)
    labels = torch.tensor([1.0] * 100 + [0.0] * 10)
    balanced = torch.from_numpy(cell_weights(np.zeros(110, np.int64), labels.long().numpy(), "size", "balanced"))
    assert balanced.sum().item() == pytest.approx(110)
    plain, alike = fit_scaling(logits, labels, torch.ones(110)), fit_scaling(logits, labels, balanced)
    assert plain[0] < alike[0]
    assert plain[1] > 0 > alike[1]


def test_a_shift_makes_up_for_a_leaning_network() -> None:
    generator = torch.Generator().manual_seed(0)
    true = torch.randn(20_000, generator=generator) * 2
    labels = torch.bernoulli(torch.sigmoid(true), generator=generator)
    calibration = calibrate(true + 1.5, labels, torch.ones(20_000))
    assert calibration.shift == pytest.approx(-1.5, abs=0.1)
    assert calibration.of(torch.tensor([1.5])).item() == pytest.approx(0, abs=0.1)


def test_what_a_calibration_gains_on_its_own_reviews_is_not_taken_for_a_gain() -> None:
    generator = torch.Generator().manual_seed(0)
    own, honest = [], []
    for _ in range(20):  # calibrated already: there is nothing to gain
        logits = torch.randn(40, generator=generator) * 2
        labels = torch.bernoulli(torch.sigmoid(logits), generator=generator)
        calibrations = (
            calibrate(logits, labels, torch.ones(40)).of(logits),
            cross_calibrated(logits, labels, torch.ones(40)),
        )
        for found, calibrated in zip((own, honest), calibrations, strict=True):
            before, after = (binary_cross_entropy_with_logits(one, labels).item() for one in (logits, calibrated))
            found.append(before - after)
    assert np.mean(own) > 0 > np.mean(honest)


def test_a_calibration_that_changes_nothing_is_measured_as_others_are() -> None:
    logits, labels = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1.0, 0.0, 0.0])
    found = as_it_comes(logits, labels, torch.ones(3))
    assert torch.equal(found.of(logits), logits)
    assert found.ece_before == found.ece_after == calibrate(logits, labels, torch.ones(3)).ece_before
