"""Fits that share an output, replace one another, or go on: what is refused, kept and told."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.system.lock import alone_in
from tests.conftest import DATA, TINY, Command, one_line
from tests.trainer.watching import Watcher
from trainer import fitting
from trainer.data.reviews import DataOptions
from trainer.errors import TrainerError
from trainer.fitting import FitOptions
from trainer.learning.checkpoint import EpochRecord, load_checkpoint, run_folder
from trainer.learning.report import describe_fit
from trainer.resuming import refuse_another_fit, state_to_resume

BEST, LAST = Path("best.pth"), Path("best.run/last.pth")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def finished(fitted: Path) -> None:
    """A fit of two epochs in the working folder."""
    shutil.copy(fitted / "best.pth", BEST)
    shutil.copytree(fitted / "best.run", "best.run")


def fit(command: Command, *arguments: object):
    return command("trainer", "fit", "--data", DATA, *TINY, *arguments)


def test_two_fits_on_one_output(command: Command, finished: None) -> None:
    before = LAST.read_bytes()
    with alone_in(run_folder(BEST)):
        for how in ("--force", "--resume"):
            one_line(fit(command, how), "best.pth", "another fit is writing it")
    assert LAST.read_bytes() == before


def test_a_refused_fit_leaves_nothing(command: Command) -> None:
    one_line(fit(command, "--data", "./nowhere"), "nowhere")
    assert not list(Path().iterdir())


NAME = st.text(st.sampled_from("vb.1-run.pth"), min_size=1, max_size=9).filter(lambda name: name.strip("."))


@given(NAME, NAME)
def test_no_two_outputs_share_a_run_folder(one: str, other: str) -> None:
    assert (run_folder(Path(one)) == run_folder(Path(other))) == (one == other)
    assert run_folder(Path("v.1")) != run_folder(Path("v.2"))


def test_more_epochs_for_a_finished_fit(command: Command, finished: None) -> None:
    Path("best.run/.last.pth.killed.partial").touch()
    result = fit(command, "--resume", "--epochs", 3)
    assert result.code == 0, result.err
    assert [line.split()[1] for line in result.out.splitlines() if line.startswith("epoch")] == ["3/3"]
    assert len(load_checkpoint(LAST).history) == 3
    assert not list(Path("best.run").glob(".*"))


def test_a_forced_fit_that_was_stopped_can_be_resumed(command: Command, finished: None) -> None:
    recipe = replace(load_checkpoint(BEST).recipe, epochs=1)
    options = FitOptions(DataOptions((str(DATA),)), recipe, BEST, seed=1, force=True)
    with pytest.raises(KeyboardInterrupt):
        fitting.fit(options, Watcher(stop=lambda line: "tokenising" in line))
    assert load_checkpoint(BEST).seed == 0  # until the new one has an epoch to save
    result = fit(command, "--resume", "--epochs", 1, "--seed", 1)
    assert result.code == 0, result.err
    assert load_checkpoint(BEST).seed == 1


def test_a_forced_fit_that_was_killed_while_it_loaded_can_be_resumed(finished: None) -> None:
    with pytest.raises(KeyboardInterrupt), state_to_resume(BEST, resume=False):
        raise KeyboardInterrupt  # as a kill, it leaves no time to put anything back
    with state_to_resume(BEST, resume=True) as last:
        assert last is None


def test_a_forced_fit_that_is_refused_has_replaced_nothing(command: Command, finished: None) -> None:
    one_line(fit(command, "--force", "--text-column", "none"), "'none'")
    assert fit(command, "--resume").code == 0
    assert not Path("best.run/replaced.pth").exists()


def test_what_differs_is_named_with_both_values(command: Command, finished: None) -> None:
    one_line(fit(command, "--resume", "--seed", 7), "--seed was 0, is 7; repeat")
    one_line(fit(command, "--resume", "--learning-rate", 0.5), "--learning-rate was 0.003, is 0.5")
    one_line(fit(command, "--resume", "--crops", 5, "--patience", 3), "--crops was 90000, is 5; repeat")
    last = load_checkpoint(LAST)
    with pytest.raises(TrainerError, match=r"data: train reviews was 144, is 143; repeat its options"):
        refuse_another_fit(BEST, last, last.recipe, 0, {**last.data, "train_reviews": 143, "fingerprint": "0" * 64})
    with pytest.raises(TrainerError, match=r"data: fingerprint was \w{12}, is 000000000000;"):
        refuse_another_fit(BEST, last, last.recipe, 0, {**last.data, "fingerprint": "0" * 64})
    with pytest.raises(TrainerError, match="--recipe was default, is tutorial;"):
        refuse_another_fit(BEST, last, replace(last.recipe, name="tutorial", teachers=None), 0, last.data)


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        ([(0.6, 0.5), (0.4, 0.6)], "overfitting began after epoch 1"),
        ([(0.6, 0.5), (0.4, 0.5)], "stayed as it was since epoch 1"),
        ([(0.6, 0.5), (0.7, 0.6)], "no overfitting, but the fit was best at epoch 1"),
        ([(0.6, 0.5), (0.7, 0.4)], "no overfitting yet; more epochs may help: --resume --epochs 4"),
    ],
)
def test_overfitting_began_only_where_one_loss_fell_and_the_other_rose(
    losses: list[tuple[float, float]], words: str
) -> None:
    history = [EpochRecord(i, train, 0.5, held_out, 0.5, 1.0) for i, (train, held_out) in enumerate(losses, 1)]
    assert words in describe_fit(history)[-1]
