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
    """The epoch with the lowest validation loss, the earliest among equals; epoch 0 where the gain may be chance."""
    first, best = history[0], min(history, key=lambda record: record.validation_loss)
    is_gain = first.epoch or first.validation_loss - best.validation_loss > best.noise
    return best if is_gain else first


def describe_fit(history: Sequence[EpochRecord]) -> list[str]:
    """Each source's held-out figures if there are several, the best epoch, and when overfitting began."""
    best, last = best_epoch(history), history[-1]
    lines = [
        *describe_sources(best.sources),
        f"best epoch {best.epoch} of {last.epoch}: validation loss {best.validation_loss:.4f}, "
        f"accuracy {best.validation_accuracy:.2%}",
    ]
    return [*lines, _after_the_best(best, last)]


def _after_the_best(best: EpochRecord, last: EpochRecord) -> str:
    """What became of the losses since the best epoch; overfitting is where one fell and the other rose."""
    if not best.epoch:
        return "the model that the fit went on from was not surpassed by more than chance, so it is kept"
    if best is last:
        return f"no overfitting yet; more epochs may help: --resume --epochs {2 * last.epoch}"
    if last.validation_loss <= best.validation_loss:
        return f"no overfitting: the validation loss stayed as it was since epoch {best.epoch}"
    losses = (
        f"by epoch {last.epoch} the training loss went from {best.train_loss:.4f} to {last.train_loss:.4f}, "
        f"the validation loss from {best.validation_loss:.4f} to {last.validation_loss:.4f}"
    )
    if last.train_loss < best.train_loss:
        return f"overfitting began after epoch {best.epoch}: {losses}"
    return f"no overfitting, but the fit was best at epoch {best.epoch}: {losses}; a smaller --learning-rate may help"


def write_history(history: Sequence[EpochRecord], folder: Path) -> None:
    """Write `history.json` into `folder`."""
    with write_aside(folder / "history.json") as partial:
        partial.write_text(json.dumps([asdict(record) for record in history], indent=2))
