"""Two fits side by side: what they reached, and in what they differ."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.errors import TrainerError
from trainer.learning.checkpoint import Checkpoint, load_checkpoint
from trainer.learning.report import best_epoch

__all__ = ["Comparison", "compare_runs"]


@dataclass(frozen=True)
class Comparison:
    """Of two fits, each pair is the first one's value and the second's."""

    figures: dict[str, tuple[float, float]]
    """Of each one's best epoch."""
    same_reviews: bool
    """Both were judged by the same held-out reviews; else their figures say little of each other."""
    different: dict[str, tuple[Any, Any]]
    """Settings, data, seed and versions that are not the same."""


def compare_runs(first: Path, second: Path) -> Comparison:
    """Compare two run folders, such as `best.run`; raises `TrainerError` for what is none."""
    one, other = _last_state(first), _last_state(second)
    held_out = [fit.data.get("validation_fingerprint") for fit in (one, other)]
    figures, facts = (dict(_figures(one)), dict(_figures(other))), (dict(_facts(one)), dict(_facts(other)))
    names = [*facts[0], *(name for name in facts[1] if name not in facts[0])]
    pairs = {name: (facts[0].get(name), facts[1].get(name)) for name in names}
    return Comparison(
        {name: (figures[0][name], figures[1][name]) for name in figures[0]},
        held_out[0] == held_out[1],
        {name: pair for name, pair in pairs.items() if pair[0] != pair[1]},
    )


def _last_state(folder: Path) -> Checkpoint:
    last = folder / "last.pth"
    if not last.is_file():
        raise TrainerError(f"{folder}: no run folder of `trainer fit`, such as best.run; it would hold last.pth")
    state = load_checkpoint(last)
    if not state.history:
        raise TrainerError(f"{folder}: no epoch was finished; continue that fit with --resume")
    return state


def _figures(state: Checkpoint) -> Iterator[tuple[str, float]]:
    best = best_epoch(state.history)
    yield "best epoch", best.epoch
    yield "epochs", len(state.history)
    for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
        yield name.replace("_", " "), getattr(best, name)
    yield "seconds of epochs", sum(record.seconds for record in state.history)
    yield "seconds of stages", sum(summary.get("seconds", 0.0) for summary in state.stages.values())


def _facts(state: Checkpoint) -> Iterator[tuple[str, Any]]:
    yield "seed", state.seed
    for part in ("recipe", "data", "versions"):
        fields = getattr(state, part)
        yield from _flat(fields if isinstance(fields, dict) else asdict(fields), part)


def _flat(fields: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}.{name}")
        else:
            yield f"{before}.{name}", value
