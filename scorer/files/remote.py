"""Objects of stores, and files of web servers, as inputs and outputs.

What is written lies on this machine until it is complete: only then is it uploaded, in parts if it is large, and a
store shows the object when it has all of them. No message holds the part of a URI where credentials could be.
"""

import filecmp
import hashlib
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from scorer.errors import InputError
from scorer.files.inputs import ByteStream
from scorer.files.places import shown
from scorer.files.store import REPLACED, WEB, Store, one_line
from scorer.system.atomic import naming, sync

__all__ = ["ListedUri", "RemoteInput", "RemoteOutput", "matching_uris", "present"]

_READ_ONLY = {*WEB, "hf"}
_TOLD_BY_LISTINGS = {"s3"}
"""Whose listings are known to say of an object what the store says when it is asked for that object."""
_IDENTITIES = ("ETag", "etag", "generation", "xet_hash", "blob_id", "Last-Modified", "last_modified", "LastModified")


class ListedUri(str):
    """The URI of an object, and what a listing said of it: the store need not be asked once more."""

    facts: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, uri: str, facts: Mapping[str, Any]) -> "ListedUri":
        """What the listing of the store of `uri` said of it, if that is all there is to say."""
        listed = cls(uri)
        listed.facts = facts if urlsplit(uri).scheme.lower() in _TOLD_BY_LISTINGS else None
        return listed


def matching_uris(uri: str) -> list[str]:
    """The objects that a URI with `*`, `?` or `[` names, or that lie in the folder that it names by its last `/`.

    They come in the order of their names. Any other URI names itself. Raises `InputError`.
    """
    if not uri.endswith("/") and not re.search(r"[*\[]|\?(?![^/]*=)", uri):
        return [uri]
    store = Store(uri)
    pattern = store.path if not uri.endswith("/") else f"{store.path.rstrip('/')}/*"
    with one_line(shown(uri)):
        found = store.files.glob(pattern, detail=True)
    names = sorted(name for name, facts in found.items() if facts.get("type") == "file")
    if not names:
        raise InputError(f"{shown(uri)}: no objects match")
    return [ListedUri.of(store.files.unstrip_protocol(name), found[name]) for name in names]


def present(folder: str, uris: Sequence[str]) -> list[bool]:
    """Whether there is an object at each of the `uris` below `folder`, by one listing; raises `InputError`."""
    store = Store(folder)
    with one_line(shown(folder)):
        names = store.names()
    return [Store(uri).path in names for uri in uris]


class RemoteInput:
    """An object of a store, or a file of a web server; raises `InputError` where there is none that can be read."""

    once = False

    def __init__(self, uri: str) -> None:
        self.name = self.plain_name = shown(uri)
        self._store = Store(uri)
        self._facts = (uri.facts if isinstance(uri, ListedUri) else None) or self._ask()
        if self._facts.get("type") == "directory":
            raise InputError(f"{self.name}: is a folder; name one file, or all of it by a / at the end")
        if self._facts.get("size") is None:
            raise InputError(f"{self.name}: the server does not say how large it is; download it first")
        if not self.size:
            raise InputError(f"{self.name}: is empty (0 bytes)")

    @property
    def size(self) -> int:
        """Bytes in the store."""
        return int(self._facts["size"])

    def open(self) -> ByteStream:
        """The object, block by block."""
        file: ByteStream = self.open_random()
        return file

    def open_random(self) -> pa.PythonFile:
        """The same, in any order; of a web server that sends it only as a whole it is an `InputError` to seek."""
        return pa.PythonFile(self._store.open(), "r")

    def identity(self) -> Mapping[str, str]:
        """The URI, and the etag of the object, or else the time of its last change.

        Raises `InputError` if the store has another one by now.
        """
        if (first := _identity(self._facts)) != _identity(self._ask()):
            raise InputError(f"{self.name}: {REPLACED}")
        return {"input": self.name, **first}

    def _ask(self) -> Mapping[str, Any]:
        with one_line(self.name):
            facts: Mapping[str, Any] = self._store.patience(self._store.info)
        return facts


def _identity(facts: Mapping[str, Any]) -> Mapping[str, str]:
    etag = next((str(facts[name]) for name in _IDENTITIES if facts.get(name)), "")
    return {"input's size": str(facts["size"]), "input's etag": etag}


class RemoteOutput:
    """An object of a store; raises `InputError` where none can be.

    Until it is complete it lies in `work_folder` on this machine, in the user's folder for what programs have to
    remember, whose name tells its URI.
    """

    def __init__(self, uri: str) -> None:
        self.name, self._uri = shown(uri), uri
        if urlsplit(uri).scheme in _READ_ONLY:
            raise InputError(f"{self.name}: can be read, but not be written; name a file or an object of a store")
        self._store = Store(uri)
        self.work_folder = _state_folder() / f"{hashlib.sha256(uri.encode()).hexdigest()[:32]}.run"
        self._partial, self._finished = self.work_folder / "output", self.work_folder / "finished"

    def exists(self) -> bool:
        """There is an object at its place."""
        with one_line(self.name):
            return bool(self._store.exists())

    def open(self) -> pa.OSFile:
        """The file aside, on this machine."""
        return pa.OSFile(os.fsencode(self._partial), "w")

    def mark(self) -> str:
        """The inode of the file aside."""
        return str(self._partial.stat().st_ino)

    def bears(self, mark: str) -> bool:
        """The file aside has this inode and was complete, and the object holds the same bytes."""
        return (
            self._finished.exists()
            and str(self._finished.stat().st_ino) == mark
            and self.exists()
            and self._holds_what_was_finished()
        )

    def commit(self) -> None:
        """Upload the file aside; raises `InputError` if the store does not take it."""
        sync(self._partial)
        self._partial.replace(self._finished)
        with one_line(self.name):
            self._store.upload(self._finished)

    def discard(self) -> None:
        """Delete the file aside."""
        self._partial.unlink(missing_ok=True)
        self._finished.unlink(missing_ok=True)

    def naming(self) -> AbstractContextManager[None]:
        """Errors of the system without a file name get that of the file aside: its disk is the one that is full."""
        return naming(self._partial)

    def _holds_what_was_finished(self) -> bool:
        there = self.work_folder / "there"
        try:
            with one_line(self.name):
                self._store.files.get_file(self._store.path, str(there))
            return filecmp.cmp(there, self._finished, shallow=False)
        finally:
            there.unlink(missing_ok=True)


def _state_folder() -> Path:
    """Where unfinished outputs of stores are kept, for their owner alone."""
    for parent in _state_parents():
        folder = parent / "sentiment-scorer"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise InputError("no folder can be made for unfinished outputs; name one in $XDG_STATE_HOME")


def _state_parents() -> Sequence[Path]:
    given = os.environ.get("XDG_STATE_HOME")
    if given:
        return [Path(given)]
    return [Path("~/.local/state").expanduser(), Path(tempfile.gettempdir()) / f"scorer-{os.geteuid()}"]
