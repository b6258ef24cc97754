"""The standard streams as a command finds them: open or closed, on a full disk, or with nobody who reads."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TextIO

__all__ = ["StandardStreams", "nobody_reads"]


class StandardStreams:
    """A block in which printing never fails, so that no work ends because its log has nowhere to go.

    A stream that is closed is opened on nothing: else the next file that is opened would get its number, and what
    libraries write there. A name or review that a terminal cannot spell is spelled by escapes.
    """

    def __enter__(self) -> StandardStreams:
        self._before = sys.stdout, sys.stderr
        _open_closed_numbers()
        self._out, self._err = _Outlet(sys.stdout), _Outlet(sys.stderr)
        sys.stdout, sys.stderr = self._out, self._err
        return self

    def __exit__(self, *error: object) -> None:
        self._out.flush()
        self._err.flush()
        sys.stdout, sys.stderr = self._before

    def check(self) -> None:
        """Raise `OSError`, naming standard output, if something that was printed got lost before its reader left."""
        self._out.flush()
        error = self._out.failure
        if error and not isinstance(error, BrokenPipeError):
            raise OSError(error.errno, error.strerror, "standard output")


def nobody_reads() -> bool:
    """What is printed goes nowhere: its reader has left, or its disk is full."""
    return isinstance(sys.stdout, _Outlet) and sys.stdout.failure is not None


class _Outlet:
    """A stream that drops what it cannot write; `failure` is the first reason."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - as long as the process
        self.failure: OSError | None = None
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        """As any stream, but for errors."""
        self._attempt(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """As any stream, but for errors."""
        self._attempt(self._stream.flush)

    def _attempt(self, step: Callable[[], object]) -> None:
        if self.failure:
            return
        try:
            step()
        except OSError as error:
            self.failure = error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())  # Python writes at its end what is still held back
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _open_closed_numbers() -> None:
    """Let 0, 1 and 2 stand for something: a new file always gets the lowest number that is free."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
