"""What a fit leaves for people: its history, its curves, and when overfitting began."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scorer.system.atomic import write_aside
from trainer.learning.calibration import Calibration, reliability
from trainer.learning.checkpoint import EpochRecord
from trainer.learning.evaluation import Prediction, describe_sources

__all__ = ["best_epoch", "describe_fit", "write_reliability", "write_report"]


def best_epoch(history: Sequence[EpochRecord]) -> EpochRecord:
    """The epoch with the lowest validation loss, the earliest among equals."""
    return min(history, key=lambda record: record.validation_loss)


def describe_fit(history: Sequence[EpochRecord]) -> list[str]:
    """Each source's held-out figures if there are several, the best epoch, and when overfitting began."""
    best, last = best_epoch(history), history[-1]
    lines = [
        *describe_sources(best.sources),
        f"best epoch {best.epoch} of {last.epoch}: validation loss {best.validation_loss:.4f}, "
        f"accuracy {best.validation_accuracy:.2%}",
    ]
    if best is last:
        return [*lines, "no overfitting yet: the validation loss was still falling; more epochs may help"]
    return [
        *lines,
        f"overfitting began after epoch {best.epoch}: by epoch {last.epoch} the training loss went from "
        f"{best.train_loss:.4f} to {last.train_loss:.4f}, the validation loss from {best.validation_loss:.4f} to "
        f"{last.validation_loss:.4f}",
    ]


def write_report(history: Sequence[EpochRecord], folder: Path) -> None:
    """Write `history.json` and `curves.png` into `folder`."""
    with write_aside(folder / "history.json") as partial:
        partial.write_text(json.dumps([asdict(record) for record in history], indent=2))
    with write_aside(folder / "curves.png") as partial:
        _curves(history).savefig(partial, format="png", dpi=120)


def write_reliability(judged: Prediction, calibration: Calibration, folder: Path) -> None:
    """Write `reliability.png`: said and true share of positives, before and after calibration."""
    with write_aside(folder / "reliability.png") as partial:
        _reliability(judged, calibration).savefig(partial, format="png", dpi=120)


def _reliability(judged: Prediction, calibration: Calibration) -> Figure:
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="says what is true")
    scaled = f"divided by {calibration.temperature:.2f}, plus {calibration.shift:.2f}"
    for logits, ece, label in (
        (judged.logits, calibration.ece_before, "before"),
        (calibration.of(judged.logits), calibration.ece_after, scaled),
    ):
        probabilities = torch.sigmoid(logits).numpy()
        bins = reliability(probabilities, judged.labels.numpy(), judged.weights.numpy(), calibration.bins)
        said, true = [one.probability for one in bins], [one.positive for one in bins]
        axes.plot(said, true, marker="o", label=f"{label}: error {ece:.2%}")
    title = f"reliability on {calibration.rows:,} held-out reviews"
    axes.set(xlabel="mean probability of positive", ylabel="share that is positive", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def _curves(history: Sequence[EpochRecord]) -> Figure:
    figure = Figure(figsize=(10, 4), layout="constrained")  # without pyplot: no display, no global state
    left, right = figure.subplots(1, 2)
    _plot(left, history, "loss", "cross-entropy (nats)")
    _plot(right, history, "accuracy", "accuracy")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _plot(axes: Axes, history: Sequence[EpochRecord], name: str, unit: str) -> None:
    epochs = [record.epoch for record in history]
    for part in ("train", "validation"):
        axes.plot(epochs, [getattr(record, f"{part}_{name}") for record in history], marker="o", label=part)
    axes.axvline(best_epoch(history).epoch, color="grey", linestyle=":", label="best epoch")
    axes.set(xlabel="epoch", ylabel=unit, title=name)
    axes.locator_params(axis="x", integer=True)
    axes.grid(alpha=0.3)
