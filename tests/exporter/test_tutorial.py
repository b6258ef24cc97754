"""`exporter to-onnx` of what the tutorial's notebook saved: its class and its own lines."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from scorer.model.sealed import read_sealed
from tests.conftest import Command, one_line
from tests.trainer.teachers.tiny_transformers import WORDS, save_tokenizer, wordpiece_tokenizer

TEXTS = ["good film", "Bad, bad film! " * 9, "not", "a good film."]
LENGTH = 20


class LSTMClassifier(nn.Module):
    """The notebook's class."""

    def __init__(self, outputs: int = 1, layers: int = 1, words: int = len(WORDS)) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, 8)
        self.lstm = nn.LSTM(8, 6, num_layers=layers, batch_first=True)
        self.fc = nn.Linear(6, outputs)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        out, _ = self.lstm(self.embedding(input_ids))
        return self.fc(out[:, -1, :])


class BothWays(LSTMClassifier):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 6, batch_first=True, bidirectional=True)


class Deeper(LSTMClassifier):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(6, 8)


class WrongHead(LSTMClassifier):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 1)


@pytest.fixture(autouse=True)
def tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_tokenizer(Path("tokenizer"))


def save_as_the_notebook_does(model: nn.Module) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = [0.5, 0.25]
    torch.save(
        {
            "epoch": 3,
            "model_state_dict": model.state_dict(),
            "optimizer_state_dict": optimizer.state_dict(),
            "loss": np.mean(losses),
        },
        "best.pth",
    )


def save_the_weights_alone(model: nn.Module) -> None:
    """By the names that `DataParallel` gives them."""
    torch.save({f"module.{name}": values for name, values in model.state_dict().items()}, "best.pth")


def probabilities(model: nn.Module) -> list[float]:
    tokenizer = wordpiece_tokenizer()
    tokenizer.enable_truncation(LENGTH)
    tokenizer.enable_padding(length=LENGTH)
    logits = model(torch.tensor([row.ids for row in tokenizer.encode_batch(TEXTS)]))
    chances = logits.sigmoid()[:, 0] if logits.shape[1] == 1 else logits.softmax(1)[:, 1]
    return chances.tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("outputs", "layers", "save", "known"),
    [(1, 1, save_as_the_notebook_does, {"epoch": 3, "loss": 0.375}), (2, 2, save_the_weights_alone, {})],
)
def test_scores_are_those_of_the_notebooks_model(
    command: Command, outputs: int, layers: int, save: Callable[[nn.Module], None], known: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    model = LSTMClassifier(outputs, layers).eval()
    for weights in model.parameters():
        weights.data.mul_(3)  # so that texts differ
    save(model)
    told = command("exporter", "to-onnx", "best.pth", "--tokenizer", "tokenizer", "--max-length", LENGTH)
    assert told.code == 0, told.err
    assert f"a head on its state after token {LENGTH}; label 1 is positive" in told.out
    assert command("exporter", "check", "best.onnx", "best.pth").code == 0
    pq.write_table(pa.table({"text": TEXTS}), "reviews.parquet")
    assert command("scorer", "run", "reviews.parquet", "-o", "scored.parquet", "--model", "best.onnx").code == 0
    found = pq.read_table("scored.parquet")["sentiment_probability"].to_pylist()
    assert found == pytest.approx(probabilities(model), abs=1e-6)
    assert len({round(chance, 3) for chance in found}) == len(TEXTS)
    assert read_sealed(Path("best.onnx")).card.training == {"checkpoint": "tutorial", **known}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (BothWays, ["reads both ways", "lstm.weight_ih_l0_reverse"]),
        (Deeper, ["hidden.weight [8, 6]", "Linear(6, 1 or 2)"]),
        (WrongHead, ["fc.weight [1, 5]", "Linear(6, 1 or 2)"]),
        (lambda: nn.Linear(3, 1), ["one LSTM", "weight [1, 3]"]),
        (lambda: LSTMClassifier(words=50), ["knows 50 ids", f"its tokenizer {len(WORDS)}"]),
    ],
)
def test_what_does_not_fit_is_named(command: Command, make: Callable[[], nn.Module], words: list[str]) -> None:
    save_as_the_notebook_does(make())
    one_line(command("exporter", "to-onnx", "best.pth", "--tokenizer", "tokenizer", "--max-length", 9), *words)
    assert not Path("best.onnx").exists()


def test_what_is_missing_is_said(command: Command) -> None:
    save_as_the_notebook_does(LSTMClassifier())
    one_line(command("exporter", "to-onnx", "best.pth"), "--tokenizer FOLDER and --max-length N")
    one_line(command("exporter", "to-onnx", "best.pth", "--tokenizer", "tokenizer"), "made it: --max-length N")
    given = "--max-length", LENGTH, "--tokenizer"
    one_line(command("exporter", "to-onnx", "best.pth", *given, "./nowhere"), "./nowhere: no such folder")
    one_line(command("exporter", "to-onnx", "best.pth", "--tokenizer", "tokenizer", "--max-length", 2), "no room")
    torch.save({"epoch": 1, "weights": {}}, "best.pth")
    one_line(
        command("exporter", "to-onnx", "best.pth", *given, "tokenizer"), "no model_state_dict, only epoch, weights"
    )
    torch.save(LSTMClassifier(), "best.pth")
    one_line(command("exporter", "to-onnx", "best.pth", *given, "tokenizer"), "not a checkpoint")


def test_a_checkpoint_of_the_trainer_knows_its_texts(command: Command, fitted: Path) -> None:
    told = command("exporter", "to-onnx", fitted / "best.pth", "-o", "x.onnx", "--max-length", 9)
    one_line(told, "has its own tokenizer and length")
