"""File systems that lack a system call, as those of networks and object stores do: the work goes on, and says so."""

import errno
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from scorer.errors import FileSystemWarning

__all__ = ["going_without"]

_LOST = {
    "flock": "has no locks: a second run on the same output would not be noticed; start none",
    "fsync": "does not put data on disk when asked to: a power cut may cost the newest rows, even of a finished output",
    "chmod": "keeps no permissions: the output has those that every file gets there",
}
"""System calls, and what is lost without them."""
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOTTY}
_UNSUPPORTED |= {errno.EPERM, errno.EACCES}  # chmod on CIFS; a folder that may be written, but not be listed
_UNSUPPORTED |= {errno.EBADF, errno.ENOLCK}  # fsync of a folder on some network file systems; flock without a daemon


@contextmanager
def going_without(call: str) -> Iterator[None]:
    """Go on where the file system does not do `call`, with a warning, once for each call, that says what is lost."""
    try:
        yield
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        warnings.warn(f"this file system {_LOST[call]} ({call}: {error.strerror})", FileSystemWarning, stacklevel=1)
