"""Locks on files: one process at a time, and none for longer than it lives."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scorer.system.atomic import naming
from scorer.system.unsupported import going_without

__all__ = ["alone_in", "open_locked"]


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold `folder`, made if need be and removed if it is left empty; raises `BlockingIOError` while another does."""
    path = folder / "lock"
    handle = open_locked(path, lambda: folder.mkdir(exist_ok=True))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # it is not empty
            folder.rmdir()
        os.close(handle)


def open_locked(path: Path, make_folder: Callable[[], None]) -> int:
    """A handle of the file that stands at `path` now, locked; the system unlocks it when the process ends.

    `make_folder` makes the folder that it lies in. Raises `BlockingIOError` while another process holds it.
    """
    while True:
        make_folder()
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with naming(path):
                if _locked(handle, path):
                    return handle
        except FileNotFoundError:  # the process that held it has just ended and taken it away
            continue


def _locked(handle: int, path: Path) -> bool:
    """Lock `handle`, if it still is the file at `path`; else close it."""
    try:
        with going_without("flock"):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), path.stat()):
            return True
    except OSError:
        os.close(handle)
        raise
    os.close(handle)
    return False
