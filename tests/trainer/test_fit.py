"""`trainer fit` and `trainer evaluate` as users call them, on the project's own reviews."""

import json
import shutil
from pathlib import Path

import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from tests.conftest import DATA, TINY, Command, one_line
from trainer import fitting
from trainer.learning.checkpoint import load_checkpoint

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
    assert (fitted / "best.run" / "curves.png").read_bytes().startswith(b"\x89PNG")
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


def test_same_seed_same_numbers_interrupted_or_not(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["--epochs", 4, "--patience", 9]
    assert fit(command, "-o", "whole.pth", *options).code == 0

    saved = fitting._Session._save

    def save_then_interrupt(session: fitting._Session, *arguments: object) -> None:
        saved(session, *arguments)
        if len(session.history) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fitting._Session, "_save", save_then_interrupt)
        result = fit(command, "-o", "parts.pth", *options)
    assert result.code == 130
    assert "--resume" in result.out
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
    result = fit(command, "--epochs", 30, "--patience", 1, "--learning-rate", 0.2)
    last = [line for line in result.out.splitlines() if line.startswith("epoch")][-1]
    assert int(last.split()[1].split("/")[0]) < 30
    assert "overfitting began after epoch" in result.out


def test_evaluate_agrees_with_the_history(command: Command, fitted: Path) -> None:
    shutil.copy(fitted / "best.pth", "best.pth")
    result = command("trainer", "evaluate", "best.pth", "--data", DATA, "--split", "test", "--record")
    assert result.code == 0, result.err
    metrics = load_checkpoint(Path("best.pth")).metrics
    assert f"accuracy {metrics['test']['accuracy']:.2%} (60 reviews)" in result.out
    assert metrics.keys() == {"validation", "test"}
    one_line(command("trainer", "evaluate", "best.pth", "--data", DATA, "--split", "dev"), "'dev'", "train, test")


def wordpiece_folder() -> Path:
    """A tiny BERT tokenizer in the form that AutoTokenizer loads."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "a", "good", "bad", "##s", "film", "##ly", ".", "not"]
    ids = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    folder = Path("bert")
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def test_the_tutorial_recipe_from_fit_to_scores(command: Command) -> None:
    tokenizer = wordpiece_folder()
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
    assert command("exporter", "to-onnx", "best.pth").code == 0
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
        assert "144 reviews to train on, 16 to validate on" in result.out


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("good,1\nbad,2\n", ["row 1", "label 2", "0 (negative) or 1 (positive)"]),
        ("good,1\nbad,-1\n", ["row 1", "label -1"]),
        ("good,1\nbad,no\n", ["label 'no'"]),
        ("good,1\nbad,\n", ["row 1", "label None"]),
        ("good,1\nfine,1\n", ["every label is 1"]),
        (",1\nbad,0\n", ["row 0", "no text"]),
        ("", ["train.csv", "no data"]),
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
    one_line(fit(command, "--text-column", "review"), "'review'", "--text-column", "text, label")
    one_line(fit(command, "-o", "no/such/best.pth"), "no/such")
    one_line(fit(command, "--tokenizer", "./nowhere"), "nowhere", "--tokenizer corpus")
    one_line(fit(command, "--validation", "0.0001"), "--validation")
    assert fit(command, "--recipe", "nope").code == 2
    assert fit(command, "--validation", "some").code == 2
    assert not list(Path().glob("best*"))


def test_no_hub_says_how_to_pass_a_folder() -> None:
    """In a process of its own: huggingface_hub reads HF_HUB_OFFLINE when it is imported."""
    import os
    import subprocess
    import sys

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


def test_every_value_of_a_recipe_is_an_option(command: Command) -> None:
    from dataclasses import fields

    from trainer.recipes import Recipe, Teachers

    names = {field.name for kind in (Recipe, Teachers) for field in fields(kind)} - {"name", "teachers"}
    page = command("trainer", "fit", "--help").out
    assert [name for name in names if f"  --{name.replace('_', '-')}" not in page] == []


def test_a_network_that_diverges_is_named(command: Command) -> None:
    result = fit(command, "--learning-rate", 1e38, "--clip-norm", 1e38)
    one_line(result, "--learning-rate")
