"""What a fit leaves for people: its page, figures for TensorBoard, and two fits side by side."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from scorer.report.page import render
from tests.conftest import DATA, TINY, Command, one_line
from trainer.learning.checkpoint import EpochRecord, load_checkpoint
from trainer.learning.evaluation import Prediction
from trainer.learning.page import fit_page

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def page_of(fitted: Path, history: list[EpochRecord], logits: list[float], labels: list[float]) -> str:
    rows = len(logits)
    judged = Prediction(torch.tensor(logits), torch.tensor(labels), torch.ones(rows), np.arange(rows))
    texts, sources = pa.array([f"{HOSTILE} {row}" for row in range(rows)]), np.full(rows, HOSTILE)
    best = load_checkpoint(fitted / "best.pth")
    return render(fit_page(best, history, judged, texts, sources, np.arange(rows) * 100))


def test_the_page_says_when_overfitting_began_and_shows_mistakes_as_text(fitted: Path) -> None:
    history = [EpochRecord(1, 0.6, 0.7, 0.5, 0.75, 1.0), EpochRecord(2, 0.2, 0.9, 0.9, 0.7, 1.0)]
    page = page_of(fitted, history, [3.0, -3.0, 2.0, -4.0], [1.0, 0.0, 0.0, 1.0])
    assert "Overfitting began after epoch 1" in page
    assert "what is shaded comes after it" in page
    assert HOSTILE not in page
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in page
    surest, other = page.index("alert(1)&gt; 3"), page.index("alert(1)&gt; 2")
    assert surest < other, "the surest mistake comes first"


def test_a_fit_without_mistakes_or_with_one_class_has_a_page(fitted: Path) -> None:
    history = [EpochRecord(1, 0.6, 0.7, 0.5, 0.75, 1.0)]
    page = page_of(fitted, history, [3.0, 2.0], [1.0, 1.0])
    assert "every held-out review is judged rightly" in page
    assert "ROC-AUC</dt><dd><b>–</b>" in page


def test_tensorboard_reads_what_the_fit_wrote(command: Command, fitted: Path, tmp_path: Path) -> None:
    fit = ("trainer", "fit", "--data", DATA, *TINY, "-o", tmp_path / "a.pth", "--seed", "1")
    assert command(*fit, "--tensorboard", tmp_path / "board").code == 0
    events = EventAccumulator(str(tmp_path / "board")).Reload()
    history = load_checkpoint(tmp_path / "a.run" / "last.pth").history
    for name in ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy"):
        part, kind = name.split("_")
        written = [(one.step, round(one.value, 5)) for one in events.Scalars(f"{kind}/{part}")]
        assert written == [(one.epoch, round(getattr(one, name), 5)) for one in history]
    shown = command("trainer", "compare", fitted / "best.run", tmp_path / "a.run").out
    assert f"{history[-1].validation_accuracy:.2%}" in shown or f"{history[0].validation_accuracy:.2%}" in shown
    for part in ("best epoch", "validation loss", "seconds of epochs", "seed", "different held-out reviews"):
        assert part in shown
    assert "recipe.learning_rate" not in shown, "what is the same is left out"


def test_what_is_no_run_folder_is_told(command: Command, fitted: Path, tmp_path: Path) -> None:
    one_line(command("trainer", "compare", fitted / "best.run", tmp_path), "no run folder of `trainer fit`")
