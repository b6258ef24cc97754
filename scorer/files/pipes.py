"""Standard streams and pipes: bytes that come once, and bytes that are gone as soon as they are written."""

from __future__ import annotations

import io
import os
import select
import sys
import tempfile
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Any
from weakref import finalize

from scorer.errors import InputError, ReadOnceError

TYPE_CHECKING = False
if TYPE_CHECKING:  # the command line asks what `-` is before it needs Arrow
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from scorer.files.inputs import ByteStream

__all__ = ["START_BYTES", "PipeInput", "StandardOutput", "Stream", "is_pipe"]

START_BYTES = 8 << 20
"""Of what comes once, as much can be read again: enough to tell its columns before its rows are read."""
_PIECE_BYTES = 1 << 20


class Stream(StrEnum):
    """What `-` means."""

    input = "standard input"
    output = "standard output"


def is_pipe(place: Path | str) -> bool:
    """What is read there comes once: standard input, a FIFO, what a shell puts for `<(…)`."""
    return isinstance(place, Stream) or (isinstance(place, Path) and place.is_fifo())


class PipeInput:
    """What comes through a pipe; raises `InputError` where that is nothing.

    It is read as it comes. Whoever needs all of it in any order, or twice, has it kept: in a temporary file that no
    other process can open.
    """

    def __init__(self, place: Path | Stream) -> None:
        self.name = self.plain_name = str(place)
        self.size: int | None = None
        self._raw = self._closed_with_it(os.dup(0) if place is Stream.input else os.open(place, os.O_RDONLY))
        self._start, self._taken = bytearray(), 0
        self._kept: int | None = None
        if not self.take(0, 1):
            raise InputError(f"{self.name}: is empty (0 bytes)")

    @property
    def once(self) -> bool:
        """It can be opened again only while no more than its start is read."""
        return self._kept is None

    def open(self) -> ByteStream:
        """Its bytes from the beginning; raises `ReadOnceError` when that is gone."""
        if self.once and self._taken > len(self._start):
            raise self._gone()
        reader: Any = _Reader(self)
        stream: ByteStream = reader
        return stream

    def open_random(self) -> pa.PythonFile:
        """The same in any order, for which it is kept."""
        import pyarrow as pa

        self.keep()
        return pa.PythonFile(_Reader(self), "r")

    def identity(self) -> Mapping[str, str]:
        """Nothing is known of it; scores are found again by their texts."""
        return {"input": "a pipe"}

    def keep(self) -> None:
        """Read all of it into a temporary file; raises `InputError` where that has no room."""
        if not self.once:
            return
        reader = self.open()
        try:
            with tempfile.TemporaryFile() as file:
                while piece := reader.read(_PIECE_BYTES):
                    file.write(piece)
                file.flush()
                self._kept, self.size = self._closed_with_it(os.dup(file.fileno())), reader.tell()
        except OSError as error:
            where = f"{tempfile.gettempdir()}, where it is kept; name another folder in $TMPDIR"
            raise InputError(f"{self.name}: {error.strerror} in {where}") from error
        self._start.clear()

    def take(self, place: int, size: int) -> bytes:
        """At most `size` bytes from `place` on; raises `ReadOnceError` when these are gone."""
        if self._kept is not None:
            return os.pread(self._kept, size, place)
        if place < len(self._start):
            return bytes(self._start[place : place + size])
        if place < self._taken:
            raise self._gone()
        found = self._next(size)
        self._taken += len(found)
        if self._taken <= START_BYTES:
            self._start += found
        elif found:
            self._start.clear()
        return found

    def _next(self, size: int) -> bytes:
        select.select([self._raw], [], [])  # also of what would else not be waited for
        return os.read(self._raw, size)

    def _closed_with_it(self, handle: int) -> int:
        finalize(self, os.close, handle)
        return handle

    def _gone(self) -> ReadOnceError:
        return ReadOnceError(f"{self.name}: came through a pipe, and is gone; write it to a file first")


class _Reader(io.RawIOBase):
    """A pipe from its beginning; what is read comes whole, so that the same bytes always make the same windows."""

    def __init__(self, pipe: PipeInput) -> None:
        self._pipe, self._place = pipe, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return not self._pipe.once

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        before = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._pipe.size or 0}
        self._place = before[whence] + offset
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        left, pieces = sys.maxsize if size is None or size < 0 else size, list[bytes]()
        while left and (piece := self._pipe.take(self._place, min(left, _PIECE_BYTES))):
            pieces.append(piece)
            self._place += len(piece)
            left -= len(piece)
        return b"".join(pieces)


class StandardOutput:
    """Where rows go as they are written: there is nothing to go on with, to replace or to take back."""

    name = str(Stream.output)
    work_folder = None

    def exists(self) -> bool:
        """Nothing is ever there."""
        return False

    def open(self) -> pa.PythonFile:
        """The stream; raises `InputError` where it is closed."""
        import pyarrow as pa

        if getattr(sys.stdout, "name", None) == os.devnull:  # what was opened in its place
            raise InputError(f"{self.name}: is closed")
        sys.stdout.flush()
        return pa.PythonFile(_Writer(), "w")

    def mark(self) -> str:
        """Nothing tells it from others."""
        return ""

    def bears(self, mark: str) -> bool:
        """Nothing stays there."""
        return False

    def commit(self) -> None:
        """Nothing is left to do."""

    def discard(self) -> None:
        """Nothing can be taken back."""

    def naming(self) -> AbstractContextManager[None]:
        """Errors name it already."""
        return nullcontext()


class _Writer(io.RawIOBase):
    """Standard output, unbuffered: after the first error, which is raised, nothing is written any more."""

    _failed = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while left and not self._failed:
                left = left[os.write(1, left) :]
        except BlockingIOError:
            select.select([], [1], [])
            return size - len(left) + self.write(left)
        except OSError as error:
            self._failed = True
            raise OSError(error.errno, error.strerror, str(Stream.output)) from error
        return size
