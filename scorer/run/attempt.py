"""An attempt at an output, or at a folder of them: the next one goes on where it was interrupted."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from scorer.errors import BusyOutputError, OutputError
from scorer.run.fingerprint import Fingerprint
from scorer.system.journal import Journal, NoJournal

__all__ = ["attempt", "changes", "journal_in", "refuse_changed"]


class _Work(Protocol):
    def begin(self, fingerprint: Fingerprint, restart: bool) -> None: ...
    def leave(self, error: BaseException) -> None: ...
    def discard(self) -> None: ...


_AnyWork = TypeVar("_AnyWork", bound=_Work)


@contextmanager
def attempt(work: _AnyWork, fingerprint: Fingerprint, restart: bool) -> Iterator[_AnyWork]:
    """Begin `work` where the last attempt left it; forget it when the block succeeds, else leave it to the next."""
    try:
        work.begin(fingerprint, restart)
        yield work
    except BaseException as error:
        work.leave(error)
        raise
    work.discard()


def journal_in(folder: Path | None, name: str) -> Journal | NoJournal:
    """The journal of the work on the output `name`; raises `BusyOutputError` while another run writes it."""
    if folder is None:
        return NoJournal()
    try:
        return Journal(folder / "journal")
    except BlockingIOError:
        raise BusyOutputError(f"{name}: another run is writing it; wait for that or name another output") from None


def changes(left_by: Mapping[str, str], fingerprint: Fingerprint) -> list[str]:
    """In words, what is no longer as an earlier attempt left it."""
    now = fingerprint.entries
    return [f"{name} was {old}, is {now.get(name)}" for name, old in left_by.items() if old != now.get(name)]


def refuse_changed(name: str, changed: list[str]) -> None:
    """Raise `OutputError` if anything `changed`: the two halves of an output would not belong together."""
    if changed:
        raise OutputError(
            f"{name}: cannot go on where another run was interrupted: {', '.join(changed)}; "
            "repeat its command, or forget what it has finished with --restart"
        )
