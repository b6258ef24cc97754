"""Where bytes come from: something that a format opens, whatever lies behind it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from scorer.errors import InputError
from scorer.system.nearest import did_you_mean_file

__all__ = ["Input", "LocalInput"]


class Input(Protocol):
    """The bytes of one file of reviews."""

    @property
    def name(self) -> str:
        """What messages call it, and what tells its format by its ending."""

    @property
    def again(self) -> bool:
        """It can be opened more than once, each time from the beginning; a pipe cannot."""

    @property
    def size(self) -> int:
        """Bytes that are stored, for showing how far a reader is."""

    def open(self) -> pa.NativeFile:
        """Its bytes from the beginning, decompressed; the caller closes it. Raises `InputError` or `OSError`."""

    def identity(self) -> Mapping[str, str]:
        """What must be the same for a run to go on where it was interrupted, in words that users know."""


class LocalInput:
    """A file on this machine; raises `InputError` where there is none, or nothing in it."""

    again = True

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)
        if not path.exists():
            raise InputError(f"{path}: no such file{did_you_mean_file(path)}")
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name one file")
        if not path.is_file():
            raise InputError(f"{path}: is not a file; pipes and devices cannot be read twice")
        if not self.size:
            raise InputError(f"{path}: is empty (0 bytes)")

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self.path.stat().st_size

    def open(self) -> pa.OSFile:
        """The file, opened by its name's bytes: Arrow takes no other names that are not UTF-8."""
        return pa.OSFile(os.fsencode(self.path))

    def identity(self) -> Mapping[str, str]:
        """Path, size and time of the last change."""
        state = self.path.stat()
        facts = {"input": self.path.resolve(), "input's size": state.st_size, "input's time": state.st_mtime_ns}
        return {name: str(value) for name, value in facts.items()}
