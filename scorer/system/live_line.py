"""One line at the bottom of a terminal that moves while work goes on."""

import os
import sys
from collections.abc import Callable, Sequence
from types import TracebackType

from rich.console import Console, ConsoleOptions
from rich.live import Live
from rich.text import Text

__all__ = ["LiveLine", "clock", "fitted", "is_live"]

_LEAST_BAR, _MOST_BAR = 8, 30

Line = tuple[float, Sequence[Sequence[str]]]
"""The share that is done, 0 to 1, and what to say of it as `fitted` takes it."""


def is_live() -> bool:
    """Standard error is a terminal whose cursor can be moved, and no log; `FORCE_COLOR` does not make a log one."""
    return sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def fitted(forms: Sequence[Sequence[str]], width: int) -> str:
    """The first form whose parts fit beside each other into `width`; of the last one as many parts as do."""
    for parts in forms:
        if len(line := "  ".join(parts)) <= width:
            return line
    parts = forms[-1]
    while len(parts) > 1 and len(" ".join(parts)) > width:
        parts = parts[:-1]
    return " ".join(parts)[:width]


def clock(seconds: float) -> str:
    """Minutes and seconds, hours before them where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class LiveLine:
    """Shows what `line` gives, as it is at any time, and takes it away in the end; without a terminal, nothing."""

    def __init__(self, line: Callable[[], Line]) -> None:
        self._line = line
        console = Console(stderr=True)
        self._live = Live(self, console=console, transient=True, refresh_per_second=10) if is_live() else None

    def start(self) -> None:
        """Show it."""
        if self._live:
            self._live.start(refresh=True)

    def stop(self) -> None:
        """Take it away; what is printed then stands where it was."""
        if self._live:
            self._live.stop()

    def __enter__(self) -> "LiveLine":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> "list[Text]":
        """The line, behind a bar where there is room for one."""
        share, forms = self._line()
        words = fitted(forms, options.max_width)
        room = min(options.max_width - len(words) - 2, _MOST_BAR)
        line = Text(no_wrap=True, overflow="crop", end="")
        if room >= _LEAST_BAR:
            sign, done = "-" if options.ascii_only else "━", round(share * room)
            line.append(sign * done, "green").append(sign * (room - done), "bright_black").append("  ")
        return [line.append(words)]
