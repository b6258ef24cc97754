"""Where bytes come from: something that a format opens, whatever lies behind it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self

import pyarrow as pa

from scorer.errors import InputError
from scorer.system.nearest import did_you_mean_file

__all__ = ["ByteStream", "DerivedInput", "Input", "InputPart", "LocalInput", "fetched", "share_read", "start_of"]

_FIRST_BYTES = 4096
_FEW_BYTES = 1 << 20


class ByteStream(Protocol):
    """The bytes of an opened input, from the beginning."""

    def read(self, size: int, /) -> bytes:
        """At most `size` of the next bytes; none at the end, and only there."""

    def tell(self) -> int:
        """How many of the stored bytes are read: of a compressed file, those on disk."""

    def close(self) -> None:
        """Let go of the file."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class Input(Protocol):
    """The bytes of one file of reviews."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def plain_name(self) -> str:
        """What tells the format of its bytes by its ending: the name of what is inside, where it is compressed."""

    @property
    def size(self) -> int | None:
        """Bytes that are stored, for showing how far a reader is; None where nobody knows."""

    @property
    def once(self) -> bool:
        """It comes through a pipe, of which only the start can be read again."""

    def open(self) -> ByteStream:
        """Its bytes from the beginning, each time; the caller closes it. Raises `InputError` or `OSError`."""

    def open_random(self) -> pa.NativeFile:
        """The same, to be read in any order as Parquet needs it."""

    def identity(self) -> Mapping[str, str]:
        """What must be the same for a run to go on where it was interrupted, in words that users know."""


class DerivedInput:
    """What is made of another input as it is read, such as what is inside a compressed one."""

    def __init__(self, file: Input, plain_name: str) -> None:
        self.name, self.plain_name, self._file = file.name, plain_name, file

    @property
    def size(self) -> int | None:
        """Bytes that are stored."""
        return self._file.size

    @property
    def once(self) -> bool:
        """It comes through a pipe."""
        return self._file.once

    def identity(self) -> Mapping[str, str]:
        """That of the other input."""
        return self._file.identity()


class FetchedInput(DerivedInput):
    """A small object of a store, which is asked for its bytes once."""

    def __init__(self, file: Input) -> None:
        super().__init__(file, file.plain_name)
        with file.open() as raw:
            self._content = raw.read(_FEW_BYTES)

    def open(self) -> ByteStream:
        """Its bytes from the beginning."""
        file: ByteStream = self.open_random()
        return file

    def open_random(self) -> pa.BufferReader:
        """The same, in any order."""
        return pa.BufferReader(self._content)


def fetched(file: Input) -> Input:
    """`file`, but a small one of a store with all of its bytes: a reader opens it some six times."""
    # No path of this machine holds "://", for of two slashes it keeps one.
    is_small = file.size is not None and file.size <= _FEW_BYTES
    return FetchedInput(file) if is_small and "://" in file.name else file


class LocalInput:
    """A file on this machine; raises `InputError` where there is none, or nothing in it."""

    once = False

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)
        self.plain_name = self.name
        if not path.exists():
            raise InputError(f"{path}: no such file{did_you_mean_file(path)}")
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name one file, or end the output with / for one an input")
        if not path.is_file():
            raise InputError(
                f"{path}: is not a file; give what comes through a pipe or from a device to `scorer run -`"
            )
        if not self.size:
            raise InputError(f"{path}: is empty (0 bytes)")

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self.path.stat().st_size

    def open(self) -> ByteStream:
        """The file."""
        file: ByteStream = self.open_random()
        return file

    def open_random(self) -> pa.OSFile:
        """The file, opened by its name's bytes: Arrow takes no other names that are not UTF-8."""
        return pa.OSFile(os.fsencode(self.path))

    def identity(self) -> Mapping[str, str]:
        """Path, size and time of the last change."""
        state = self.path.stat()
        facts = {"input": self.path.resolve(), "input's size": state.st_size, "input's time": state.st_mtime_ns}
        return {name: str(value) for name, value in facts.items()}


class InputPart:
    """The bytes of a plain file from one place to the one before another, as if they were all."""

    once = False

    def __init__(self, whole: Input, first: int, after: int) -> None:
        self.name, self.plain_name, self.size = whole.name, whole.plain_name, after - first
        self._whole, self._first = whole, first

    def open(self) -> ByteStream:
        """These bytes."""
        raw = self._whole.open_random()
        raw.seek(self._first)
        return _Limited(raw, self.size)

    def open_random(self) -> pa.NativeFile:
        """All bytes of the file."""
        return self._whole.open_random()

    def identity(self) -> Mapping[str, str]:
        """That of the file."""
        return self._whole.identity()


class _Limited:
    """So many of the next bytes of a stream, which is closed with it."""

    def __init__(self, raw: pa.NativeFile, size: int) -> None:
        self._raw, self._size, self._read = raw, size, 0

    def read(self, size: int) -> bytes:
        found: bytes = self._raw.read(min(size, self._size - self._read))
        self._read += len(found)
        return found

    def tell(self) -> int:
        return self._read

    def close(self) -> None:
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def share_read(file: Input, read: int) -> float:
    """How much of the stored bytes of `file` are `read`, 0 to 1; 0 where nobody knows how many there are."""
    return read / file.size if file.size else 0.0


def start_of(file: Input) -> bytes:
    """The first bytes of a file, by which its kind is told."""
    with file.open() as raw:
        return raw.read(_FIRST_BYTES)
