"""How a run shows itself while it works: a line that moves on a terminal, a plain line every so often in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from types import TracebackType
from typing import Any

from scorer.run.options import Progress
from scorer.system.limits import taken_memory
from scorer.system.live_line import LiveLine, clock, is_live

__all__ = ["RunDisplay"]

_SECONDS_BETWEEN_LINES = 30.0
"""Of a log: a run of minutes fills no screen, one of hours is seen to live."""
_OF_SEVERAL = ("units", "finished", "failed", "workers", "lost")


class RunDisplay:
    """Hears of a run's progress; `every` so many seconds a line is printed where no line can move.

    With `say` it goes there, as words and as figures by their names. What is left is counted in bytes of the input,
    because a long review takes longer than a short one.
    """

    def __init__(self, every: float = _SECONDS_BETWEEN_LINES, say: Callable[..., None] | None = None) -> None:
        self._every, self._say = every, say or _print
        self._live = None if say or not is_live() else LiveLine(self._line)
        self._done: Progress | None = None
        self._begun = self._spoken = time.monotonic()
        self._fraction_before = 0.0

    def __enter__(self) -> "RunDisplay":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, done: Progress) -> None:
        """Show how far the run is."""
        if done.rows == done.resumed:  # an earlier attempt's work says nothing about the pace of this one
            self._fraction_before, self._begun = done.fraction, time.monotonic()
        self._done = done
        if self._live:
            self._live.start()
        elif time.monotonic() - self._spoken >= self._every:
            self._spoken = time.monotonic()
            self._say(", ".join(self._line()[1][0]).strip(), **_facts(done), reviews_per_second=self._rate)

    @property
    def _seconds(self) -> float:
        return max(time.monotonic() - self._begun, 1e-3)

    @property
    def _rate(self) -> float:
        """Rows of this attempt per second."""
        assert self._done
        return (self._done.rows - self._done.resumed) / self._seconds

    def _line(self) -> tuple[float, list[list[str]]]:
        """The share that is done, and what to say of it, at length and in short."""
        done = self._done
        assert done
        seconds, rate = self._seconds, self._rate
        fresh = done.fraction - self._fraction_before
        left = f"{clock(seconds * (1 - done.fraction) / fresh)} left" if fresh > 0 else "-:-- left"
        share = f"{done.positive / max(done.scored, 1):.0%} positive"
        last = [left, *_of_units(done), share, *_memory(done)]
        if done.total is None:  # of a pipe nobody knows how much is left
            return 0.0, [[f"{done.rows:,} rows", f"{rate:,.0f} rows/s", *last[1:]]]
        percent, about = f"{done.fraction:4.0%}", "" if done.is_exact else "about "
        rows = f"{done.rows:,} of {about}{done.total:,} rows"
        return done.fraction, [
            [percent, rows, f"{rate:,.0f} rows/s", *last],
            [percent, f"{done.rows:,} rows", f"{rate:,.0f}/s", *last],
            [percent.strip(), f"{_short(done.rows)} rows", f"{_short(rate)}/s", *last],
        ]


def _facts(done: Progress) -> dict[str, Any]:
    """All figures by their names; of a single output those of several mean nothing."""
    facts = asdict(done)
    return facts if done.units else {name: facts[name] for name in facts if name not in _OF_SEVERAL}


def _of_units(done: Progress) -> Iterator[str]:
    """What there is to say of a run with several outputs, and of a cluster's workers."""
    if done.units:
        yield f"{done.finished:,} of {done.units:,} outputs"
    if done.workers is not None:
        yield f"{done.workers:,} worker{'s' if done.workers != 1 else ''}"
    if done.failed:
        yield f"{done.failed:,} failed"
    if done.lost:
        yield f"{done.lost:,} worker{'s' if done.lost > 1 else ''} lost"


def _memory(done: Progress) -> Iterator[str]:
    """What this process takes, where it does the work."""
    if done.workers is None and (memory := taken_memory()):
        yield f"{memory / 1e6:,.0f} MB"


def _print(line: str, **_: object) -> None:
    print(line, file=sys.stderr, flush=True)


def _short(number: float) -> str:
    """Three digits or so: `950`, `12.3k`, `4.5M`."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{sign}"
    return f"{number:.0f}"
