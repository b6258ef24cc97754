"""Where bytes go: written aside, complete and durable at their place, or not there at all."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from scorer.files.compression import packed
from scorer.system.atomic import beside, commit_file, naming, require_place

__all__ = ["LocalOutput", "NoOutput", "Output", "opened"]


class Output(Protocol):
    """The place of one finished file."""

    @property
    def name(self) -> str:
        """What messages call it, and what tells its format by its ending."""

    @property
    def work_folder(self) -> Path | None:
        """Where its unfinished work lies, for its owner alone; whoever opens it makes it. None keeps nothing."""

    def exists(self) -> bool:
        """There is something at its place."""

    def open(self) -> pa.NativeFile:
        """An empty file aside, to be written and closed by the caller."""

    def mark(self) -> str:
        """What tells the opened file from all others; it stays the same when it is committed."""

    def bears(self, mark: str) -> bool:
        """The file with this mark stands at its place: it was committed."""

    def commit(self) -> None:
        """Put what was written at its place, durable and whole."""

    def discard(self) -> None:
        """Forget what was written aside, also by an attempt that was killed."""

    def naming(self) -> AbstractContextManager[None]:
        """Let errors of writing, such as that of a full disk, name this output."""


@contextmanager
def opened(output: Output) -> Iterator[Any]:
    """What compresses into a file as its name says, committed to `output` if the block succeeds, else discarded."""
    try:
        file = packed(output.name, output.open())
        yield file  # not closed where the block fails: a writer that is left has still to end
        with output.naming():
            file.close()
        output.commit()
    finally:
        output.discard()


class LocalOutput:
    """A file at `path`; raises `InputError` where none can be.

    Until it is complete it lies in `work_folder`, beside it and for its owner alone, which whoever opens it makes.
    """

    def __init__(self, path: Path) -> None:
        require_place(path)
        self.path, self.name = path, str(path)
        self.work_folder = beside(path, ".run")
        self._partial = self.work_folder / "output"

    def exists(self) -> bool:
        """There is something at `path`."""
        return self.path.exists()

    def open(self) -> pa.OSFile:
        """The file aside, opened by its name's bytes: Arrow takes no other names that are not UTF-8."""
        return pa.OSFile(os.fsencode(self._partial), "w")

    def mark(self) -> str:
        """The inode, which a rename keeps."""
        return str(self._partial.stat().st_ino)

    def bears(self, mark: str) -> bool:
        """The file at `path` has this inode."""
        return self.path.exists() and str(self.path.stat().st_ino) == mark

    def commit(self) -> None:
        """Rename the file aside to `path`."""
        commit_file(self._partial, self.path)

    def discard(self) -> None:
        """Delete the file aside."""
        self._partial.unlink(missing_ok=True)

    def naming(self) -> AbstractContextManager[None]:
        """Errors of the system without a file name get `path`."""
        return naming(self.path)


class NoOutput:
    """Takes what would be written to an output of this name, and forgets it."""

    def __init__(self, name: str) -> None:
        self.name, self.work_folder = name, Path(os.devnull)

    def exists(self) -> bool:
        """Nothing is ever there."""
        return False

    def open(self) -> pa.NativeFile:
        """What only counts bytes."""
        return pa.MockOutputStream()

    def mark(self) -> str:
        """Nothing tells it from others."""
        return ""

    def bears(self, mark: str) -> bool:
        """Nothing is ever committed."""
        return False

    def commit(self) -> None:
        """Nothing is left to do."""

    def discard(self) -> None:
        """Nothing is left to do."""

    def naming(self) -> AbstractContextManager[None]:
        """Nothing can go wrong."""
        return nullcontext()
