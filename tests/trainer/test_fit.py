"""`trainer fit` and `trainer evaluate` as users call them, on the project's own reviews."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
import torch

from scorer.model.sealed import read_sealed
from tests.conftest import DATA, TINY, Command, one_line
from tests.trainer.teachers.tiny_transformers import save_tokenizer
from tests.trainer.watching import Watcher
from trainer import fitting
from trainer.data.reviews import DataOptions
from trainer.errors import TrainerError, memory_told
from trainer.fitting import FitOptions
from trainer.learning.checkpoint import load_checkpoint
from trainer.recipes import RECIPES, Recipe, Teachers
from trainer.values import options_of

SOURCES = ("praise", "mixed")
TUTORIAL_FIELDS = {"epoch", "model_state_dict", "optimizer_state_dict", "loss"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fit(command: Command, *arguments: object):
    return command("trainer", "fit", "--data", DATA, *TINY, *arguments)


def test_the_checkpoint_holds_all_that_is_needed(fitted: Path) -> None:
    fields = torch.load(fitted / "best.pth", weights_only=True)
    assert fields.keys() >= TUTORIAL_FIELDS
    history = json.loads((fitted / "best.run" / "history.json").read_text())
    best = min(history, key=lambda record: record["validation_loss"])
    assert (fields["epoch"], fields["loss"]) == (best["epoch"], best["validation_loss"])
    assert fields["data"]["train_reviews"] + fields["data"]["validation_reviews"] == 160
    page = (fitted / "best.run" / "report.html").read_text()
    for title in (
        "Labels and verdicts",
        "ROC",
        "Precision and recall",
        "Reliability",
        "By threshold",
        "Epochs",
        "By length in tokens",
        "By source",
        "Stages",
        "Settings",
        "Data",
    ):
        assert f">{title}<" in page
    assert sorted(path.name for path in fitted.iterdir()) == ["best.onnx", "best.pth", "best.run"]


def test_lines_in_a_log(command: Command) -> None:
    result = fit(command)
    assert result.code == 0, result.err
    assert result.err == ""
    lines = result.out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("epoch")] == ["1/2", "2/2"]
    assert any(line.startswith("best epoch") for line in lines)
    assert any("overfitting" in line for line in lines)
    assert lines[-1] == "saved best.pth"


def test_same_seed_same_numbers_interrupted_or_not(command: Command) -> None:
    options = ["--epochs", 4, "--patience", 9]
    assert fit(command, "-o", "whole.pth", *options).code == 0

    recipe = load_checkpoint(Path("whole.pth")).recipe
    with pytest.raises(KeyboardInterrupt):
        fitting.fit(FitOptions(DataOptions((str(DATA),)), recipe, Path("parts.pth")), Watcher(last_epoch=2))
    assert load_checkpoint(Path("parts.pth")).build_network() is not None
    assert fit(command, "-o", "parts.pth", *options, "--resume").code == 0

    whole, parts = load_checkpoint(Path("whole.run/last.pth")), load_checkpoint(Path("parts.run/last.pth"))
    for name, weights in whole.model_state_dict.items():
        assert torch.equal(weights, parts.model_state_dict[name]), name
    figures = [[(r.train_loss, r.validation_loss) for r in checkpoint.history] for checkpoint in (whole, parts)]
    assert figures[0] == figures[1]


def test_a_fit_is_not_resumed_with_other_options(command: Command) -> None:
    one_line(fit(command, "--resume"), "last.pth")
    assert fit(command).code == 0
    one_line(fit(command), "best.pth", "--resume", "--force")
    one_line(fit(command, "--resume", "--seed", 1), "another recipe, seed or data")
    assert fit(command, "--force").code == 0


def test_early_stopping(command: Command) -> None:
    result = fit(command, "--epochs", 30, "--patience", 3, "--learning-rate", 0.1, "--word-dropout", 0)
    last = [line for line in result.out.splitlines() if line.startswith("epoch")][-1]
    assert int(last.split()[1].split("/")[0]) < 30
    assert "overfitting began after epoch" in result.out


def test_evaluate_agrees_with_the_history(command: Command, fitted: Path) -> None:
    shutil.copy(fitted / "best.pth", "best.pth")
    result = command("trainer", "evaluate", "best.pth", "--data", DATA, "--split", "test", "--record")
    assert result.code == 0, result.err
    metrics = load_checkpoint(Path("best.pth")).metrics
    assert f"accuracy           {metrics['test']['accuracy']['value']:.1%} (" in result.out
    assert metrics.keys() == {"validation", "verdict", "test"}
    assert f"'{DATA}', split 'test': 60 reviews, 50.0% positive" in result.out
    kept = command("trainer", "evaluate", "best.pth", "--data", DATA, "--split", "dev")
    assert f"accuracy           {metrics['validation']['accuracy']:.1%} (" in kept.out
    assert "16 reviews, " in kept.out
    others = command("trainer", "evaluate", "best.pth", "--data", DATA / "short_sentences.csv")
    assert "all rows" in others.out
    assert "80 reviews, " in others.out
    one_line(command("trainer", "evaluate", "best.pth", "--data", DATA, "--split", "extra"), "'extra'", "train, test")


def test_the_tutorial_recipe_from_fit_to_scores(command: Command) -> None:
    tokenizer = Path("bert")
    save_tokenizer(tokenizer)
    result = command("trainer", "fit", "--recipe", "tutorial", "--data", DATA, "--tokenizer", tokenizer, "--epochs", 1)
    assert result.code == 0, result.err
    checkpoint = load_checkpoint(Path("best.pth"))
    assert (checkpoint.network.embedding_dim, checkpoint.network.hidden_dim, checkpoint.text.max_length) == (
        128,
        128,
        200,
    )
    assert checkpoint.data["validation_reviews"] == 60
    assert (checkpoint.calibration, checkpoint.temperature) == ({}, 1.0)
    exported = command("exporter", "to-onnx", "best.pth")
    assert exported.code == 0, exported.err
    assert "as torch traced it" in exported.out
    assert command("scorer", "run", DATA / "reviews.csv", "-o", "scored.parquet", "--model", "best.onnx").code == 0
    scored = pq.read_table("scored.parquet")
    alone = command("scorer", "text", "--json", "--model", "best.onnx", scored["text"][0].as_py())
    assert json.loads(alone.out)["sentiment_probability"] == scored["sentiment_probability"][0].as_py()


@pytest.mark.parametrize("name", ["train.parquet", "train.jsonl", "train-00000-of-00001.parquet"])
def test_data_in_other_forms(command: Command, name: str) -> None:
    rows = pacsv.read_csv(DATA / "train.csv", parse_options=pacsv.ParseOptions(newlines_in_values=True))
    rows = rows.rename_columns(["body", "stars"])
    Path("reviews").mkdir()
    if name.endswith(".parquet"):
        pq.write_table(rows, f"reviews/{name}")
    else:
        Path(f"reviews/{name}").write_text("".join(json.dumps(row) + "\n" for row in rows.to_pylist()))
    columns = ["--text-column", "body", "--label-column", "stars"]
    for data in ("reviews", f"reviews/{name}"):
        result = command("trainer", "fit", "--data", data, *columns, *TINY, "--epochs", 1, "--force")
        assert result.code == 0, result.err
        assert "115 reviews to train on, 13 to validate on" in result.out


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("good,1\nbad,7\n", ["'label'", "neither 0 and 1", "1, 7", "--labels"]),
        ("good,1\nfine,1\n", ["every training label is positive"]),
        (",1\nbad,\n", ["no training review"]),
        ("good,1\nbad\n", ["line 3"]),
        ("good,1\nbad,0\n", ["--validation"]),
        ("", ["no training review"]),
    ],
)
def test_bad_rows_are_named(command: Command, rows: str, words: list[str]) -> None:
    Path("train.csv").write_text("text,label\n" + rows)
    one_line(command("trainer", "fit", "--data", "train.csv", *TINY), "train", *words)


def test_bad_data_and_options(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    one_line(command("trainer", "fit", "--data", "./nowhere"), "nowhere", "no such folder or file")
    Path("bare").mkdir()
    one_line(command("trainer", "fit", "--data", "bare"), "bare", "train.parquet")
    one_line(fit(command, "--text-column", "review"), "'review'", "text, label")
    one_line(fit(command, "-o", "no/such/best.pth"), "no/such")
    one_line(fit(command, "--tokenizer", "./nowhere"), "nowhere", "--tokenizer corpus")
    one_line(fit(command, "--validation", "0.0001"), "--validation")
    one_line(fit(command, "--source-column", "shop"), "'shop'", "text, label")
    assert not list(Path().glob("best*"))


def test_no_hub_says_how_to_pass_a_folder() -> None:
    """In a process of its own: huggingface_hub reads HF_HUB_OFFLINE when it is imported."""
    program = "import sys; sys.argv = ['trainer', 'fit']; from trainer.cli import main; main()"
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
    )
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert "'imdb'" in result.stderr
    assert "--data FOLDER" in result.stderr


def test_files_that_are_no_checkpoint(command: Command) -> None:
    Path("text.pth").write_text("hello")
    torch.save({"epoch": 1}, "other.pth")
    torch.save(torch.nn.Linear(2, 2), "pickled.pth")
    for name in ("text.pth", "other.pth", "pickled.pth"):
        for tool, action in (("trainer", "evaluate"), ("exporter", "to-onnx")):
            one_line(command(tool, action, name), name, "not a checkpoint")
    one_line(command("trainer", "evaluate", "none.pth"), "none.pth", "no such checkpoint")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--recipe", "nope"], ["'nope'", "default, tutorial, distilled"]),
        (["--validation", "some"], ["--validation", "'some'", "above 0 and below 1", "test"]),
        (["--epochs", "0"], ["--epochs", "'0'", "a whole number from 1 to 1,000,000,000"]),
        (["--epochs", "2.5"], ["--epochs", "a whole number"]),
        (["--dropout", "1.5"], ["--dropout", "'1.5'", "from 0 to below 1"]),
        (["--learning-rate", "nan"], ["--learning-rate", "above 0"]),
        (["--learning-rate", "inf"], ["--learning-rate", "above 0"]),
        (["--clip-norm", "-1"], ["--clip-norm", "above 0", "none"]),
        (["--hard-share", "1.01"], ["--hard-share", "from 0 to 1"]),
        (["--linear-folds", "1"], ["--linear-folds", "from 2 to 100"]),
        (["--positive-weight", "0"], ["--positive-weight", "above 0", "balanced"]),
        (["--embedding-bits", "9"], ["--embedding-bits", "8 or 16 or 32"]),
        (["--keep", "middle"], ["--keep", "head or tail"]),
        (["--teacher-vectors"], ["--teacher-vectors", "--teacher"]),
        (["--epochs", "9" * 21], ["--epochs", "from 1 to 1,000,000,000"]),
        (["--hidden-dim", "1000000000"], ["--hidden-dim", "from 1 to 8,192"]),
        (["--max-length", "1000000000000"], ["--max-length", "from 1 to 1,048,576"]),
        (["--learning-rate", "1e300"], ["--learning-rate", "at most 1e38"]),
        (["--seed", "9" * 30], ["--seed", "from 0 to 4,294,967,295"]),
    ],
)
def test_a_value_out_of_its_range_is_a_usage_error(command: Command, arguments: list[str], words: list[str]) -> None:
    result = fit(command, *arguments)
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    for word in words:
        assert word in result.err


def test_lacking_memory_is_one_line() -> None:
    with pytest.raises(TrainerError, match="out of memory; take a smaller --hidden-dim"), memory_told():
        torch.empty(1 << 56)
    with pytest.raises(RuntimeError, match="another"), memory_told():
        raise RuntimeError("another")


def test_every_value_of_a_recipe_is_an_option(command: Command) -> None:
    names = {field.name for kind in (Recipe, Teachers) for field in fields(kind)} - {"name", "teachers"}
    page = command("trainer", "fit", "--help").out
    assert [name for name in names if f"  --{name.replace('_', '-')}" not in page] == []


def test_recipes_keep_to_their_own_ranges() -> None:
    for recipe in RECIPES.values():
        for values in (recipe, recipe.teachers):
            for option in options_of(type(values)) if values else ():
                value = getattr(values, option.field)
                assert option.kind is bool or option.parse(str(value).lower()) == value, option.field


def test_help_imports_no_torch() -> None:
    program = (
        "import sys; sys.argv = ['trainer', 'fit', '--help']\n"
        "from trainer.cli import main\n"
        "try: main()\n"
        "finally: assert not {'torch', 'numpy', 'pyarrow', 'datasets'} & sys.modules.keys()"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).stderr == b""


def write_sources(folder: Path, column: str | None) -> list[Path]:
    """Two sources of 60 and 40 reviews, three and two quarters of them good; in one file with a column, or in two."""
    rows = pacsv.read_csv(DATA / "train.csv", parse_options=pacsv.ParseOptions(newlines_in_values=True)).to_pylist()
    good, bad = ([row["text"] for row in rows if row["label"] == label] for label in (1, 0))
    parts = {"praise": (good[:45], bad[:15]), "mixed": (good[45:65], bad[15:35])}
    tables = {}
    for name, texts in parts.items():
        labels = [1] * len(texts[0]) + [0] * len(texts[1])
        tables[name] = pa.table({"text": [*texts[0], *texts[1]], "label": labels})
        if column:
            tables[name] = tables[name].append_column(column, pa.array([name] * len(labels)))
    folder.mkdir()
    if column:
        pq.write_table(pa.concat_tables(tables.values()), folder / "train.parquet")
        return [folder]
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return [folder / f"{name}.parquet" for name in parts]


@pytest.mark.parametrize("column", [None, "source", "shop"])
def test_each_source_has_its_own_figures(command: Command, column: str | None) -> None:
    data = [argument for path in write_sources(Path("reviews"), column) for argument in ("--data", path)]
    named = ["--source-column", column] if column == "shop" else []
    result = command("trainer", "fit", *data, *named, *TINY, "--crops", 10, "--test-share", "none")
    assert result.code == 0, result.err
    assert "90 reviews to train on of 2 sources, 10 to validate on" in result.out
    checkpoint = load_checkpoint(Path("best.pth"))
    assert checkpoint.data["sources"] == {"mixed": 36, "praise": 54}  # nine tenths of each
    figures = checkpoint.metrics["validation"]["sources"]
    assert {name: figure["reviews"] for name, figure in figures.items()} == {"mixed": 4, "praise": 6}
    best = checkpoint.history[checkpoint.epoch - 1]
    assert best.sources == figures
    history = json.loads(Path("best.run/history.json").read_text())
    assert history[checkpoint.epoch - 1]["sources"] == figures
    for name, figure in figures.items():
        assert f"{name:<17}  balanced accuracy {figure['balanced_accuracy']:.2%}" in result.out
    assert "mean of 2 sources  balanced accuracy" in result.out

    assert command("exporter", "to-onnx", "best.pth").code == 0
    assert read_sealed(Path("best.onnx")).card.metrics["validation"]["sources"] == figures
    shown = command("trainer", "evaluate", "best.pth", *data, *named, "--split", "train", "--record")
    assert re.search(r"^praise +60 ", shown.out, re.MULTILINE), shown.out
    assert load_checkpoint(Path("best.pth")).metrics["train"]["sources"].keys() == set(SOURCES)


def test_sources_of_one_name_stay_apart(command: Command) -> None:
    write_sources(Path("a"), None)
    Path("b").mkdir()
    shutil.copy("a/mixed.parquet", "b/praise.parquet")
    data = ["--data", "a/praise.parquet", "--data", "b/praise.parquet"]
    assert command("trainer", "fit", *data, *TINY, "--epochs", 1, "--crops", 0, "--test-share", "none").code == 0
    assert load_checkpoint(Path("best.pth")).data["sources"] == {"praise 1": 54, "praise 2": 36}


def test_a_network_of_two_layers_from_fit_to_scores(command: Command) -> None:
    assert fit(command, "--layers", 2, "--words-per-step", 2, "--epochs", 1).code == 0
    assert load_checkpoint(Path("best.pth")).network.layers == 2
    exported = command("exporter", "to-onnx", "best.pth")
    assert exported.code == 0, exported.err
    assert "as torch traced it" not in exported.out
    assert command("scorer", "text", "--model", "best.onnx", "good").code == 0


def test_ctrl_c_is_told_in_one_line_and_can_be_resumed() -> None:
    # A process that was started in the background ignores Ctrl-C, and so would those that it starts.
    listens = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{listens}; from trainer.cli import main; main()"
    command = [sys.executable, "-c", program, "fit", "--data", str(DATA), *TINY, "--epochs", "500"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        for line in process.stdout:
            if line.startswith("epoch  2"):
                process.send_signal(signal.SIGINT)
                break
        assert "best.pth holds the best epoch so far; continue with --resume" in process.stdout.read()
        assert process.stderr.read() == "trainer: interrupted\n"
    assert process.returncode == 130


def test_a_network_that_diverges_is_named(command: Command) -> None:
    result = fit(command, "--learning-rate", 1e38, "--clip-norm", 1e38)
    one_line(result, "--learning-rate")
