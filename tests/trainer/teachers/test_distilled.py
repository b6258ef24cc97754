"""`trainer fit --recipe distilled` as users call it: every stage, tiny, on the project's own reviews."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.csv as pacsv
import pytest
import torch

from scorer.model.sealed import read_sealed
from tests.conftest import DATA, Command, Result, one_line
from tests.trainer.watching import Watcher
from trainer import fitting
from trainer.data.reviews import DataOptions
from trainer.fitting import FitOptions
from trainer.learning.checkpoint import load_checkpoint

TINY = (
    *("--recipe", "distilled", "--embedding-dim", 8, "--hidden-dim", 8, "--vocab-size", 500, "--epochs", 2),
    *("--phrases", 97, "--head-dim", 4, "--least-steps", 0),
    *("--crops", 60, "--lm-words", 40_000, "--teacher-hidden-dim", 8, "--linear-folds", 2),
    *("--reader-epochs", 1, "--self-training-rounds", 1, "--sentence-copies", 0),
)
STAGES = ["texts", "linear", "language-model", "reader-1", "reading-1", "stack-1", "reader-2", "reading-2", "stack-2"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an unsupervised split as well."""
    folder = tmp_path_factory.mktemp("reviews")
    rows = pacsv.read_csv(DATA / "test.csv", parse_options=pacsv.ParseOptions(newlines_in_values=True))
    shutil.copy(DATA / "train.csv", folder)
    pacsv.write_csv(rows.select(["text"]), folder / "unsupervised.csv")  # the split that needs no labels
    return folder


@pytest.fixture(scope="module")
def whole(reviews: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fit that nothing interrupted."""
    from tests.conftest import call

    folder = tmp_path_factory.mktemp("whole")
    assert call("trainer", "fit", "--data", reviews, "-o", folder / "best.pth", *TINY) == 0
    return folder / "best.pth"


def fit(command: Command, data: Path, *arguments: object) -> Result:
    return command("trainer", "fit", "--data", data, *TINY, *arguments)


def stages_begun(result: Result) -> list[str]:
    """Stages that were worked on, by the line with their plan; one taken from disk has only a line of results."""
    names = [line.split(":")[0] for line in result.out.splitlines()]
    return [name for name in STAGES if names.count(name) > 1]


def assert_same_fit(one: Path, other: Path) -> None:
    for name in ("best.pth", "best.run/last.pth"):
        a, b = (load_checkpoint(path.parent / name) for path in (one, other))
        assert all(torch.equal(a.model_state_dict[key], b.model_state_dict[key]) for key in a.model_state_dict)
        assert a.calibration == b.calibration


def test_from_labelled_reviews_alone_to_a_calibrated_sealed_model(command: Command) -> None:
    result = fit(command, DATA, "--sentence-copies", 1)
    assert result.code == 0, result.err
    assert stages_begun(result) == STAGES
    checkpoint = load_checkpoint(Path("best.pth"))
    assert list(checkpoint.stages) == STAGES
    assert checkpoint.recipe.teachers.crops == 60
    assert "unsupervised_reviews" not in checkpoint.data
    assert ">Reliability<" in Path("best.run/report.html").read_text()
    assert checkpoint.calibration.keys() == {"temperature", "shift", "ece_before", "ece_after", "bins", "rows"}
    assert (checkpoint.calibration["bins"], checkpoint.calibration["rows"]) == (15, 16)

    assert command("exporter", "to-onnx", "best.pth").code == 0
    assert read_sealed(Path("best.onnx")).card.calibration == checkpoint.calibration
    result = command("trainer", "evaluate", "best.pth", "--data", DATA, "--record")
    assert "calibration error" in result.out
    recorded = load_checkpoint(Path("best.pth"))
    assert recorded.metrics["test"].keys() >= {"accuracy", "calibration_error", "sources", "judged_by"}
    assert recorded.recipe == checkpoint.recipe


def test_unlabelled_reviews_take_part(whole: Path) -> None:
    checkpoint = load_checkpoint(whole)
    assert checkpoint.data["unsupervised_reviews"] == 60
    assert checkpoint.stages["reading-1"]["texts"] == 115 + 13 + 60  # 32 are kept to test


def interrupted_fit(reviews: Path, whole: Path, stop: Callable[[str], bool]) -> None:
    """The fit `whole`, stopped as by Ctrl-C at the first line that `stop` holds for."""
    data, recipe = DataOptions((str(reviews),)), load_checkpoint(whole).recipe
    options = FitOptions(data, recipe, Path("best.pth"), save_every=0.0, speak_every=0.0)
    with pytest.raises(KeyboardInterrupt):
        fitting.fit(options, Watcher(stop))


def test_resumed_between_stages(command: Command, reviews: Path, whole: Path) -> None:
    interrupted_fit(reviews, whole, lambda line: line.startswith("reader-2:"))
    result = fit(command, reviews, "--resume")
    assert result.code == 0, result.err
    assert stages_begun(result) == ["reader-2", "reading-2", "stack-2"]
    assert_same_fit(whole, Path("best.pth"))


@pytest.mark.parametrize("stage", ["language-model", "reader-1"])
def test_resumed_inside_a_stage(command: Command, reviews: Path, whole: Path, stage: str) -> None:
    # The line of the second step: it is spoken before its state is kept, so that of the first step is what lies there.
    told = re.compile(rf"{stage}: \d+%")
    steps = iter(range(9))
    interrupted_fit(reviews, whole, lambda line: bool(told.match(line)) and next(steps) == 1)
    assert Path(f"best.run/stages/{stage}.part").exists()
    result = fit(command, reviews, "--resume")
    assert f"{stage}: resumed at" in result.out
    assert not list(Path("best.run/stages").glob("*.part"))
    assert_same_fit(whole, Path("best.pth"))


def test_the_small_network_begins_with_the_last_readers_word_vectors(command: Command) -> None:
    still = ["--learning-rate", 1e-30, "--embedding-bits", 32, "--average-decay", "none", "--epochs", 1]
    assert fit(command, DATA, *still).code == 0
    reader = torch.load("best.run/stages/reader-2.pt", weights_only=True)["tensors"]["embedding.weight"]
    assert torch.equal(load_checkpoint(Path("best.pth")).model_state_dict["embedding.weight"], reader)


def test_stages_know_the_weights_of_sources_and_labels(command: Command, reviews: Path, whole: Path) -> None:
    shutil.copytree(whole.with_suffix(".run"), "best.run")
    Path("best.run/last.pth").unlink()
    assert stages_begun(fit(command, reviews, "--positive-weight", 3, "--resume")) == STAGES


def test_a_stage_of_another_fit_is_not_taken(command: Command, reviews: Path, whole: Path) -> None:
    shutil.copytree(whole.with_suffix(".run"), "best.run")
    Path("best.run/last.pth").unlink()
    result = fit(command, reviews, "--reader-epochs", 2, "--resume")
    assert stages_begun(result) == [name for name in STAGES if name not in ("texts", "linear", "language-model")]
    Path("best.run/last.pth").unlink()
    Path("best.run/stages/linear.pt").write_bytes(b"damaged")
    result = fit(command, reviews, "--reader-epochs", 2, "--resume")
    assert stages_begun(result) == ["linear"]  # equal inputs, equal output: nothing behind it is repeated


def test_teachers_are_options_of_recipes_that_have_some(command: Command) -> None:
    result = command("trainer", "fit", "--recipe", "tutorial", "--data", DATA, "--lm-words", 5)
    assert result.code == 2
    assert "--lm-words" in result.err


def test_networks_that_cannot_learn_beginnings_are_refused_before_the_first_stage(command: Command) -> None:
    for option, value in (("--words-per-step", 3), ("--pooling", "final_step")):
        result = fit(command, DATA, option, value, "--force")
        one_line(result, f"{option} {value}", "--lm-words 0")
        assert stages_begun(result) == []
    assert fit(command, DATA, "--words-per-step", 3, "--lm-words", 0, "--epochs", 1, "--force").code == 0


def test_too_little_text_is_named(command: Command) -> None:
    Path("train.csv").write_text("text,label\n" + "".join(f"good {n},1\nbad {n},0\n" for n in range(5)))
    one_line(fit(command, Path("train.csv"), "--validation", 0.2), "too little text", "--recipe default")
