"""The run folder of a fit: which fit may write there, and where one that was interrupted goes on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from scorer.system.atomic import require_place
from scorer.system.lock import alone_in
from trainer.errors import TrainerError
from trainer.learning.checkpoint import Checkpoint, load_checkpoint, run_folder
from trainer.recipes import Recipe

__all__ = ["has_finished_an_epoch", "only_fit_of", "refuse_another_fit", "state_to_resume"]

_DIGEST_SHOWN = 12


@contextmanager
def only_fit_of(output: Path, *, resume: bool, force: bool) -> Iterator[None]:
    """Hold the run folder of `output`.

    Raises `TrainerError` while another fit does, when there is nothing to `resume`, and before a checkpoint that
    exists is lost without `force`.
    """
    require_place(output)  # shows now, not after the first epoch
    if resume and not run_folder(output).is_dir():
        raise TrainerError(f"{_last_state(output)}: no such state of a fit to resume; start one without --resume")
    if output.exists() and not resume and not force:
        raise TrainerError(
            f"{output}: exists already; continue its fit with --resume, name another with -o, or replace it "
            "with --force"
        )
    try:
        with alone_in(run_folder(output)):
            for left in run_folder(output).glob(".*.partial"):  # of a fit that was killed
                left.unlink()
            yield
    except BlockingIOError:
        raise TrainerError(f"{output}: another fit is writing it; wait for that or name another with -o") from None


@contextmanager
def state_to_resume(output: Path, *, resume: bool) -> Iterator[Checkpoint | None]:
    """The last state of the fit of `output`, None before its first epoch; a new fit replaces what was there.

    What another fit left is gone when the block, which loads the data, succeeds. Killed in it, the new fit can be
    resumed; one that is refused has replaced nothing.
    """
    last = _last_state(output)
    if resume:
        yield load_checkpoint(last) if last.exists() else None
        return
    aside = last.with_name("replaced.pth")
    if last.exists():
        last.replace(aside)
    try:
        yield None
    except Exception:
        if aside.exists():
            aside.replace(last)
        raise
    aside.unlink(missing_ok=True)


def has_finished_an_epoch(output: Path) -> bool:
    """Whether the fit of `output` has: then there is a best one so far."""
    return _last_state(output).exists()


def refuse_another_fit(output: Path, last: Checkpoint, recipe: Recipe, seed: int, data: Mapping[str, Any]) -> None:
    """Raise `TrainerError` that names what differs, unless `last` is of the same fit, whatever its epochs."""
    changed = [*_changed_values(last.recipe, recipe)]
    if last.seed != seed:
        changed.append(_changed("--seed", last.seed, seed))
    changed += _changed_entries(last.data, data, same_parts=last.seed == seed)
    if changed:
        raise TrainerError(
            f"{output}: the fit to resume had another recipe, seed or data: {'; '.join(changed)}; repeat its options, "
            "or start over with --force"
        )


def _last_state(output: Path) -> Path:
    return run_folder(output) / "last.pth"


def _changed_values(old: Recipe, new: Recipe) -> list[str]:
    """Values that were not the same; more epochs and patience may be given to any fit."""
    new = replace(new, epochs=old.epochs, patience=old.patience)
    if old.name != new.name:
        return [_changed("--recipe", old.name, new.name)]
    before, now = _flat(old), _flat(new)
    return [_changed(f"--{key.replace('_', '-')}", before[key], now[key]) for key in now if before[key] != now[key]]


def _flat(recipe: Recipe) -> dict[str, Any]:
    values = asdict(recipe)
    return values | (values.pop("teachers") or {})


def _changed_entries(old: Mapping[str, Any], new: Mapping[str, Any], *, same_parts: bool) -> list[str]:
    """What was not the same of the data; digests only where nothing else tells the two apart.

    Without the `same_parts`, which the seed chooses, digests tell nothing.
    """
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    told = [key for key in keys if not key.endswith("fingerprint")] or (keys if same_parts else [])
    return [_changed(f"data: {key.replace('_', ' ')}", _short(old.get(key)), _short(new.get(key))) for key in told]


def _changed(what: str, old: object, new: object) -> str:
    return f"{what} was {_in_words(old)}, is {_in_words(new)}"


def _in_words(value: object) -> str:
    return "none" if value is None else str(value)


def _short(value: object) -> object:
    """A digest by its beginning."""
    is_digest = isinstance(value, str) and len(value) == 64 and not value.strip("0123456789abcdef")
    return str(value)[:_DIGEST_SHOWN] if is_digest else value
