"""What a command tells on standard error: a line for people, a log line with its time, or JSON for machines."""

from __future__ import annotations

import sys
from itertools import pairwise

from scorer.system.terminal import on_one_line

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from collections.abc import Sequence
    from typing import Any

__all__ = ["LOG_FORMATS", "Messages"]

LOG_FORMATS = ("text", "json")


class Messages:
    """Writes what happens, each on a line of its own.

    `log_format` is one of `LOG_FORMATS`, or None for people; `as_json` makes objects of what goes wrong, as `--json`
    does of results.
    """

    def __init__(self, tool: str, log_format: str | None = None, as_json: bool = False) -> None:
        self._tool, self._log_format, self._as_json = tool, log_format, as_json

    @classmethod
    def asked_for(cls, tool: str, arguments: Sequence[str]) -> Messages:
        """In the form that a command line asks for, even if it cannot be parsed."""
        given = arguments[: arguments.index("--")] if "--" in arguments else arguments
        forms = [*given, *(f"{option}={value}" for option, value in pairwise(given))]
        named = next((name for name in LOG_FORMATS if f"--log-format={name}" in forms), None)
        return cls(tool, named, "--json" in given)

    def info(self, words: str, **facts: Any) -> None:
        """Log how the work goes; nothing where there is no log."""
        if self._log_format:
            self._log("info", words, facts)

    def warning(self, words: str) -> None:
        """Tell what is lost while the work goes on."""
        self._tell("warning", words, {})

    def error(self, words: str, code: int) -> None:
        """Tell why the command ends with an exit code that is not 0."""
        self._tell("error", words, {"exit_code": code})

    def _tell(self, level: str, words: str, facts: dict[str, Any]) -> None:
        if self._log_format:
            self._log(level, words, facts)
        elif self._as_json:
            _print_json({level: words, **facts})
        else:
            print(on_one_line(f"{self._tool}: {words}"), file=sys.stderr)

    def _log(self, level: str, words: str, facts: dict[str, Any]) -> None:
        from datetime import UTC, datetime

        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        if self._log_format == "json":
            _print_json({"time": time, "level": level, "tool": self._tool, "message": words, **facts})
        else:
            print(on_one_line(f"{time} {level.upper()} {self._tool}: {words}"), file=sys.stderr, flush=True)


def _print_json(line: dict[str, Any]) -> None:
    import json

    print(json.dumps(line), file=sys.stderr, flush=True)
