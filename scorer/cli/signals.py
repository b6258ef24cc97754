"""Ctrl-C and SIGTERM: both unwind in order, and both are told, whatever a library makes of the exception."""

from __future__ import annotations

import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["StopSignals"]


class StopSignals:
    """A block in which SIGINT and SIGTERM raise `KeyboardInterrupt`, unless they were ignored before.

    `received` is the last of them, if one came: a library may have turned the exception into one of its own.
    """

    def __init__(self) -> None:
        self.received: int | None = None

    def __enter__(self) -> StopSignals:
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number, handler in self._before.items():
            if handler is not signal.SIG_IGN:  # as in the background of a script
                signal.signal(number, self._stop)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: object) -> NoReturn:
        self.received = number
        raise KeyboardInterrupt
