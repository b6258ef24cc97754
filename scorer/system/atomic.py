"""Atomic writes: files written aside, complete and durable at their path, or not there at all."""

import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scorer.errors import InputError
from scorer.system.unsupported import going_without

__all__ = ["beside", "commit_file", "naming", "require_new_place", "require_place", "sync", "write_aside"]

_asking_for_umask = threading.Lock()


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """A private temporary path beside `path`, moved there, durable and whole, if the block succeeds.

    The block does nothing but write: an error of the system names `path`.
    """
    require_place(path)
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
    sync(partial)
    _open_to_others(partial, path)
    partial.replace(path)
    sync(path.parent)  # the rename itself


def require_place(path: Path) -> None:
    """Raise `InputError` when no file can be put at `path`: its folder is missing, or what is there is no file."""
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; make it first")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: is a device or a pipe, which is never replaced; name a file")
    if path.is_symlink():
        raise InputError(f"{path}: is a link to {path.readlink()}; name that file, or remove the link")


def require_new_place(path: Path, force: bool) -> None:
    """`require_place`, and raise `InputError` for what is there already unless `force` lets it be replaced."""
    require_place(path)
    if path.exists() and not force:
        raise InputError(f"{path}: exists already; name another output, or replace it with --force")


def beside(path: Path, suffix: str) -> Path:
    """A hidden path for what belongs to `path`, by its name, or by a digest of it where that becomes too long."""
    name = f".{path.name}{suffix}"
    if len(os.fsencode(name)) > _longest_name(path.parent):
        name = f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]}{suffix}"
    return path.with_name(name)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let the system's errors in the block, such as that of a full disk, name `path`."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


def sync(path: Path) -> None:
    """Have the system put a file's content, or a folder's names, on disk."""
    with going_without("fsync"):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _longest_name(folder: Path) -> int:
    """Bytes that a file's name may have there."""
    try:
        longest = os.pathconf(folder, "PC_NAME_MAX")
    except OSError:  # a file system that does not say
        longest = 0
    return longest if longest > 0 else 255


def _unused_name(path: Path) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:20]}.", suffix=".partial", dir=path.parent)
    os.close(handle)
    return Path(name)


def _open_to_others(partial: Path, path: Path) -> None:
    """Give `partial`, so far for its owner alone, the rights of the file that it replaces, or of any new file."""
    try:
        before = path.stat()
    except FileNotFoundError:
        mode = 0o666 & ~_umask()
    else:
        mode = before.st_mode & 0o777
        if not _has_group(partial, before.st_gid):
            mode &= ~0o070  # they were another group's
    with going_without("chmod"):
        partial.chmod(mode)


def _has_group(path: Path, group: int) -> bool:
    """Whether the file is that group's, or can be made so."""
    if path.stat().st_gid == group:
        return True
    try:
        os.chown(path, -1, group)
    except OSError:
        return False
    return True


def _umask() -> int:
    """That of this process, which only tells it when it gets another one: two threads at it would keep that."""
    with _asking_for_umask:
        current = os.umask(0o077)
        os.umask(current)
    return current
