"""Object stores and web servers by URI, through fsspec; its libraries come with the extra `remote`.

What is read is asked for in blocks, of the object that was there at first; the store refuses if another one took its
place. What is written lies on this machine until it is complete: only then is it uploaded, in parts if it is large, and
a store shows the object when it has all of them. Credentials come from where each store's own tools look for them,
and no message holds the part of a URI where they could be.
"""

import filecmp
import hashlib
import io
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pyarrow as pa

from scorer.errors import InputError, SentimentScorerError
from scorer.files.inputs import ByteStream
from scorer.files.places import shown
from scorer.system.atomic import naming, sync
from scorer.system.installation import command_to_add

__all__ = ["ListedUri", "RemoteInput", "RemoteOutput", "matching_uris", "present"]

Result = TypeVar("Result")

_LIBRARIES = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "az": "adlfs",
    "hf": "huggingface_hub",
    "https": "aiohttp",
    "http": "aiohttp",
}
"""What fsspec needs for a scheme."""
_WEB = {"https", "http"}
_READ_ONLY = {*_WEB, "hf"}
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "az": {"anon": False},  # else whatever needs credentials is asked for without
    "https": {"client_kwargs": {"trust_env": True}},  # proxies
    "http": {"client_kwargs": {"trust_env": True}},
}
_UPLOADING: Mapping[str, Mapping[str, Any]] = {
    "s3": {"chunksize": 16 << 20, "max_concurrency": 4},  # its own defaults would hold 500 MB
    "gs": {"chunksize": 16 << 20},
    "az": {"overwrite": True, "max_concurrency": 4},
}
_REPLACED = "was replaced while it was read; run again"
_TOLD_BY_LISTINGS = {"s3"}
"""Whose listings are known to say of an object what the store says when it is asked for that object."""
_IDENTITIES = ("ETag", "etag", "generation", "xet_hash", "blob_id", "Last-Modified", "last_modified", "LastModified")
_BLOCK = 2 << 20
_BLOCKS = 32
"""Kept of an open file, the least used one goes: columns of Parquet are read in turns. 64 MB."""
_TRIES = 5
_FIRST_PAUSE = 0.25
"""Seconds before the second try; each further pause is twice as long."""
_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Answers of a web server that another try may not get."""


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
    store = _Store(uri)
    pattern = store.path if not uri.endswith("/") else f"{store.path.rstrip('/')}/*"
    with _one_line(shown(uri)):
        found = store.files.glob(pattern, detail=True)
    names = sorted(name for name, facts in found.items() if facts.get("type") == "file")
    if not names:
        raise InputError(f"{shown(uri)}: no objects match")
    return [ListedUri.of(store.files.unstrip_protocol(name), found[name]) for name in names]


def present(folder: str, uris: Sequence[str]) -> list[bool]:
    """Whether there is an object at each of the `uris` below `folder`, by one listing; raises `InputError`."""
    store = _Store(folder)
    with _one_line(shown(folder)):
        names = store.names()
    return [_Store(uri).path in names for uri in uris]


class _NoBucketError(Exception):
    """The store has no bucket of this name."""


class RemoteInput:
    """An object of a store, or a file of a web server; raises `InputError` where there is none that can be read."""

    once = False

    def __init__(self, uri: str) -> None:
        self.name = self.plain_name = shown(uri)
        self._store = _Store(uri)
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
        with _one_line(self.name):
            file = _Reading(self._store)
        return pa.PythonFile(file, "r")

    def identity(self) -> Mapping[str, str]:
        """The URI, and the etag of the object, or else the time of its last change.

        Raises `InputError` if the store has another one by now.
        """
        if (first := _identity(self._facts)) != _identity(self._ask()):
            raise InputError(f"{self.name}: {_REPLACED}")
        return {"input": self.name, **first}

    def _ask(self) -> Mapping[str, Any]:
        with _one_line(self.name):
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
        self._store = _Store(uri)
        self.work_folder = _state_folder() / f"{hashlib.sha256(uri.encode()).hexdigest()[:32]}.run"
        self._partial, self._finished = self.work_folder / "output", self.work_folder / "finished"

    def exists(self) -> bool:
        """There is an object at its place."""
        with _one_line(self.name):
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
        with _one_line(self.name):
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
            with _one_line(self.name):
                self._store.files.get_file(self._store.path, str(there))
            return filecmp.cmp(there, self._finished, shallow=False)
        finally:
            there.unlink(missing_ok=True)


class _Store:
    """The file system of fsspec that a URI leads to, and the path in it."""

    def __init__(self, uri: str) -> None:
        parts, self.name = urlsplit(uri), shown(uri)
        self._scheme = parts.scheme.lower()
        if self._scheme not in _LIBRARIES:
            known = ", ".join(f"{scheme}://" for scheme in _LIBRARIES)
            raise InputError(f"{self.name}: {self._scheme}:// is not known, only {known}")
        if "@" in parts.netloc:
            raise InputError(f"{self.name}: an address holds no credentials; put them where the store's tools look")
        self._uri = uri

    @cached_property
    def files(self) -> Any:
        """Made when it is needed: it may look for credentials."""
        try:
            import fsspec

            options = {"use_listings_cache": False, **_OPTIONS.get(self._scheme, {})}
            return fsspec.filesystem(self._scheme, **options)
        except ImportError as error:
            raise InputError(
                f"{self.name}: {self._scheme}:// needs {_LIBRARIES[self._scheme]}; "
                f"install it with: {command_to_add('remote')}"
            ) from error

    @property
    def path(self) -> str:
        """Of the object, as the file system calls it."""
        return str(self.files._strip_protocol(self._uri))

    def info(self) -> Mapping[str, Any]:
        """What the store says of the object now."""
        self.files.invalidate_cache()
        found: Mapping[str, Any] = self.files.info(self.path)
        return found

    def exists(self) -> bool:
        """There is an object, or a folder; raises `_NoBucketError` where there is no bucket that it could be in."""
        try:
            self.info()
        except FileNotFoundError:
            self._require_bucket()
            return False
        return True

    def names(self) -> set[str]:
        """Of all objects below it; raises `_NoBucketError` where there is no bucket that they could be in."""
        found = set[str](self.files.find(self.path))
        if not found:
            self._require_bucket()
        return found

    def _require_bucket(self) -> None:
        """Told before hours of work, not when their result is uploaded; of other stores no such question is known."""
        if self._scheme != "s3":
            return
        try:
            self.files.call_s3("head_bucket", Bucket=self.path.partition("/")[0])
        except FileNotFoundError as error:
            raise _NoBucketError from error
        except Exception:  # who may write there need not be allowed to ask
            return

    @cached_property
    def in_parts(self) -> bool:
        """Whether any part of the object can be asked for; some web servers send it only as a whole."""
        if self._scheme not in _WEB:
            return True
        with self.files.open(self.path, "rb", cache_type="none") as file:
            file.seek(-1, io.SEEK_END)
            try:
                file.read(1)
            except ValueError:
                return False
        return True

    def open(self) -> Any:
        """The object for reading."""
        if not self.patience(lambda: self.in_parts):
            return self.files.open(self.path, "rb", block_size=0)
        cached = {"cache_type": "background", "block_size": _BLOCK, "cache_options": {"maxblocks": _BLOCKS}}
        return self.files.open(self.path, "rb", **cached)

    def upload(self, file: Path) -> None:
        """Make an object of `file`, that is there when it is complete."""
        self.files.put_file(str(file), self.path, **_UPLOADING.get(self._scheme, {}))

    def patience(self, ask: Callable[[], Result]) -> Result:
        """Ask again, after ever longer pauses, where the library of this scheme does not do so itself."""
        if self._scheme not in _WEB:
            return ask()
        pauses = [_FIRST_PAUSE * 2**number for number in range(_TRIES - 1)]
        for pause in pauses:
            try:
                return ask()
            except Exception as error:
                if not _may_pass(_cause_of(error)):
                    raise
            time.sleep(pause)
        return ask()


class _Reading(io.RawIOBase):
    """A file of fsspec whose reads are tried again, and whose errors are one line."""

    def __init__(self, store: _Store) -> None:
        self._file, self._store = store.open(), store

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._store.in_parts

    def tell(self) -> int:
        return int(self._file.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if not self.seekable():
            raise InputError(f"{self._store.name}: the server sends it only as a whole; download it first")
        return int(self._file.seek(offset, whence))

    def read(self, size: int | None = -1) -> bytes:
        place = self._file.tell()

        def ask() -> bytes:
            if self.seekable():
                self._file.seek(place)
            found: bytes = self._file.read(-1 if size is None else size)
            return found

        with _one_line(self._store.name):
            return self._store.patience(ask)

    def close(self) -> None:
        self._file.close()
        super().close()


def _may_pass(error: BaseException) -> bool:
    """Whether the same question may be answered the next time."""
    status = getattr(error, "status", None)
    if status is not None:
        return status in _PASSING
    return not isinstance(error, (SentimentScorerError, FileNotFoundError, PermissionError, ValueError, TypeError))


@contextmanager
def _one_line(name: str) -> Iterator[None]:
    """Whatever the libraries of a store raise, as one line that holds no secret."""
    try:
        yield
    except (SentimentScorerError, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"{name}: {_reason(_cause_of(error))}") from error


def _cause_of(error: BaseException) -> BaseException:
    """What fsspec takes for a missing file, whatever a web server has answered, if it has."""
    cause = error.__cause__
    return cause if isinstance(error, FileNotFoundError) and cause and getattr(cause, "status", 0) != 404 else error


def _reason(error: BaseException) -> str:
    """What a library says, in one line, without what may be secret in a URI."""
    kind, status = type(error).__name__, getattr(error, "status", None)
    if isinstance(error, _NoBucketError) or "NoSuchBucket" in str(error):
        return "no such bucket"
    if isinstance(error, FileNotFoundError):
        return "no such object"
    if kind == "FileExpired" or "pre-conditions" in str(error):
        return _REPLACED
    if "Credentials" in kind:
        return "no credentials are found; put them where the store's own tools look"
    if isinstance(error, PermissionError) or status in (401, 403):
        return "access is refused; look at the credentials and their rights"
    words = re.sub(r"(\w+://)[^/@\s]*@", r"\1", re.sub(r"(\w+://[^\s?'\"]*)\?[^\s'\"]*", r"\1", str(error)))
    return f"the store does not answer as it should: {' '.join(words.split()) or kind}"


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
