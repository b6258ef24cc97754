"""The file system of fsspec that a URI leads to: asked with patience, and its errors in one line without a secret.

Its libraries come with the extra `remote`. What is read is asked for in blocks, of the object that was there at first;
the store refuses if another one took its place. Credentials come from where each store's own tools look for them.
"""

import io
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from scorer.errors import InputError, SentimentScorerError
from scorer.files.places import shown
from scorer.system.installation import command_to_add

__all__ = ["REPLACED", "WEB", "Store", "one_line"]

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
WEB = {"https", "http"}
"""Schemes of web servers."""
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
REPLACED = "was replaced while it was read; run again"
"""What is said of an object that is another one by now."""
_BLOCK = 2 << 20
_BLOCKS = 32
"""Kept of an open file, the least used one goes: columns of Parquet are read in turns. 64 MB."""
_TRIES = 5
_FIRST_PAUSE = 0.25
"""Seconds before the second try; each further pause is twice as long."""
_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Answers of a web server that another try may not get."""


class _NoBucketError(Exception):
    """The store has no bucket of this name."""


class Store:
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
        if self._scheme not in WEB:
            return True
        with self.files.open(self.path, "rb", cache_type="none") as file:
            file.seek(-1, io.SEEK_END)
            try:
                file.read(1)
            except ValueError:
                return False
        return True

    def open(self) -> io.RawIOBase:
        """The object for reading; a read is tried again, and its error is one line."""
        with one_line(self.name):
            return _StoredFile(self)

    def raw(self) -> Any:
        """The object as fsspec reads it."""
        if not self.patience(lambda: self.in_parts):
            return self.files.open(self.path, "rb", block_size=0)
        cached = {"cache_type": "background", "block_size": _BLOCK, "cache_options": {"maxblocks": _BLOCKS}}
        return self.files.open(self.path, "rb", **cached)

    def upload(self, file: Path) -> None:
        """Make an object of `file`, that is there when it is complete."""
        self.files.put_file(str(file), self.path, **_UPLOADING.get(self._scheme, {}))

    def patience(self, ask: Callable[[], Result]) -> Result:
        """Ask again, after ever longer pauses, where the library of this scheme does not do so itself."""
        if self._scheme not in WEB:
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


class _StoredFile(io.RawIOBase):
    """A file of fsspec whose reads are tried again, and whose errors are one line."""

    def __init__(self, store: Store) -> None:
        self._file, self._store = store.raw(), store

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

        with one_line(self._store.name):
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
def one_line(name: str) -> Iterator[None]:
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
        return REPLACED
    if "Credentials" in kind:
        return "no credentials are found; put them where the store's own tools look"
    if isinstance(error, PermissionError) or status in (401, 403):
        return "access is refused; look at the credentials and their rights"
    words = re.sub(r"(\w+://)[^/@\s]*@", r"\1", re.sub(r"(\w+://[^\s?'\"]*)\?[^\s'\"]*", r"\1", str(error)))
    return f"the store does not answer as it should: {' '.join(words.split()) or kind}"
