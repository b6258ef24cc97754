"""Atomic writes: files written aside, complete and durable at their path, or not there at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scorer.errors import InputError

__all__ = ["commit_file", "naming", "require_folder", "sync", "write_aside"]


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """A private temporary path beside `path`, moved there, durable and whole, if the block succeeds.

    The block does nothing but write: an error of the system names `path`.
    """
    require_folder(path)
    partial = _unused_name(path)
    with naming(path):
        try:
            yield partial
            commit_file(partial, path)
        finally:
            partial.unlink(missing_ok=True)


def commit_file(partial: Path, path: Path) -> None:
    """Move `partial`, durable and whole, to `path`.

    It lies in a folder of the same file system where nobody else can write, or is private itself.
    """
    partial.chmod(0o666 & ~_umask())  # until then it is for its owner alone
    sync(partial)
    partial.replace(path)
    sync(path.parent)  # the rename itself


def require_folder(path: Path) -> None:
    """Raise `InputError` when the folder of `path` is missing."""
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; make it first")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let the system's errors in the block, such as that of a full disk, name `path`."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


def _unused_name(path: Path) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    os.close(handle)
    return Path(name)


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current


def sync(path: Path) -> None:
    """Have the system put a file's content, or a folder's names, on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
