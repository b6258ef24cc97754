"""What a fit leaves for people: its history, and when overfitting began."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from scorer.system.atomic import write_aside
from trainer.learning.checkpoint import EpochRecord
from trainer.learning.evaluation import describe_sources

__all__ = ["best_epoch", "describe_fit", "write_history"]


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


def write_history(history: Sequence[EpochRecord], folder: Path) -> None:
    """Write `history.json` into `folder`."""
    with write_aside(folder / "history.json") as partial:
        partial.write_text(json.dumps([asdict(record) for record in history], indent=2))
