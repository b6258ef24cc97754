"""An append-only file of records that survives a crash: what was cut short or altered is dropped on reading."""

import hashlib
import os
import stat
import struct
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from scorer.errors import OutputError
from scorer.system.atomic import sync
from scorer.system.lock import open_locked
from scorer.system.unsupported import going_without

__all__ = ["Journal", "NoJournal"]

_LENGTH = struct.Struct("<Q")
_CHECK_BYTES = 16
_HEAD_BYTES = _LENGTH.size + _CHECK_BYTES


class Journal:
    """A journal that this process alone holds until it closes it or ends, however it ends.

    It lies in a folder of its own, made if need be, that only its owner may enter. Raises `BlockingIOError` while
    another process holds it, and `OutputError` if the folder is a link or someone else's.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = open_locked(path, partial(_make_private, path.parent))
        self._end = 0

    @property
    def is_empty(self) -> bool:
        """No whole record is known of: none was read or appended."""
        return self._end == 0

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Place and content of every record up to the first that is not whole; new ones will follow there."""
        self._end = 0
        while (content := self.read(self._end)) is not None:
            yield self._end, content
            self._end += _HEAD_BYTES + len(content)

    def read(self, place: int) -> bytes | None:
        """The record at `place`, or None if it is not whole."""
        head = os.pread(self._handle, _HEAD_BYTES, place)
        if len(head) < _HEAD_BYTES:
            return None
        (length,) = _LENGTH.unpack_from(head)
        if length > os.fstat(self._handle).st_size - place:
            return None
        content = os.pread(self._handle, length, place + _HEAD_BYTES)
        return content if _head(content) == head else None

    def append(self, contents: Iterable[bytes]) -> None:
        """Add records after the last whole one, on disk when this returns; raises `OSError`, as for a full disk."""
        data = memoryview(b"".join(_head(content) + content for content in contents))
        written = 0
        while written < len(data):
            written += os.pwrite(self._handle, data[written:], self._end + written)
        os.ftruncate(self._handle, self._end + written)  # off with what was cut short
        with going_without("fsync"):
            os.fsync(self._handle)
        if self.is_empty:
            sync(self._path.parent)  # the file's name in its folder,
            sync(self._path.parent.parent)  # and the folder's own
        self._end += written

    def clear(self) -> None:
        """Forget all records."""
        os.ftruncate(self._handle, 0)
        self._end = 0

    def close(self) -> None:
        """Let others have it."""
        os.close(self._handle)

    def remove(self) -> None:
        """Close it and leave nothing behind."""
        self._path.unlink(missing_ok=True)
        with suppress(OSError):  # another run may just have put its own journal there
            self._path.parent.rmdir()
        self.close()


class NoJournal:
    """Keeps nothing, of what nobody can go on with."""

    is_empty = True

    def records(self) -> Iterator[tuple[int, bytes]]:
        """There are none."""
        return iter(())

    def read(self, place: int) -> bytes | None:
        """There is none."""

    def append(self, contents: Iterable[bytes]) -> None:
        """They are forgotten."""

    def clear(self) -> None:
        """Nothing is there."""

    def close(self) -> None:
        """Nothing is held."""

    def remove(self) -> None:
        """Nothing is left behind."""


def _head(content: bytes) -> bytes:
    """What stands before a record: its length, and a checksum over length and content."""
    length = _LENGTH.pack(len(content))
    return length + hashlib.blake2b(length + content, digest_size=_CHECK_BYTES).digest()


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), _owner_of_new(folder.parent)):
            raise OutputError(f"{folder}: is a link or belongs to someone else; remove it") from None


def _owner_of_new(folder: Path) -> int:
    """Who owns what this process makes there: not always itself on a network file system."""
    with tempfile.TemporaryDirectory(prefix=".owner.", dir=folder) as made:
        return Path(made).stat().st_uid
