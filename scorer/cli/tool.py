"""The shape of all three commands: parsing, help, and the one place that turns errors into lines and exit codes.

It stands on `argparse` and imports little, because `--help` has to answer at once.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import warnings
from argparse import ArgumentError, ArgumentParser, ArgumentTypeError, BooleanOptionalAction, HelpFormatter

from scorer.cli.messages import LOG_FORMATS, Messages
from scorer.cli.signals import StopSignals
from scorer.cli.streams import StandardStreams
from scorer.errors import FileSystemWarning, GuessWarning, SentimentScorerError, UsageError
from scorer.system.nearest import did_you_mean

TYPE_CHECKING = False  # type checkers know the name; importing `typing` for it takes milliseconds
if TYPE_CHECKING:
    from argparse import Action, _ActionsContainer
    from collections.abc import Callable
    from typing import Any, NoReturn, TypeVar

    _Function = TypeVar("_Function", bound=Callable[..., None])
    _Command = tuple[Callable[[ArgumentParser], None], Callable[..., None]]

__all__ = [
    "ArgumentParser",
    "BooleanOptionalAction",
    "Tool",
    "UsageError",
    "at_least",
    "log_argument",
    "needs_extra",
]

_DIGITS = 40
_WORDING = (
    ("usage:", "Usage:"),
    ("positional arguments:", "Arguments:"),
    ("options:", "Options:"),
    ("  COMMAND\n", ""),
)
_TAKEN_AS_IT_IS = "\0"
"""Before arguments that follow `--`: argparse forgets that it stood there, and no argument can hold this character."""
_EXIT_CODES = "Exit codes: 0 done, 1 refused in one line, 2 usage, 130 Ctrl-C, 143 SIGTERM.\n"
_BOLD = r"^(Usage:|\S.*:$)"
_CYAN = r"^(  (?:-\S+|[A-Za-z-]+)|    [a-z-]+(?=  ))"


class Tool:
    """A console tool of several commands, each a function that takes its parsed arguments by name.

    >>> tool = Tool("scorer", "Score reviews.", __version__)
    >>> @tool.command("run", add_run_arguments)
    ... def run(input: Path, output: Path) -> None: ...
    """

    def __init__(self, name: str, summary: str, version: str) -> None:
        self._name, self._summary, self._version = name, summary, version
        self._commands: dict[str, tuple[str, str, Callable[[], _Command]]] = {}
        self._messages = Messages(name)

    def command(self, usage: str, add_arguments: Callable[[ArgumentParser], None]) -> Callable[[_Function], _Function]:
        """Make the decorated function a command: `usage` is its name and its required arguments.

        The first line of its docstring becomes the summary, the rest the last line of the help.
        """

        def register(function: _Function) -> _Function:
            self._commands[usage.split()[0]] = usage, _summary(function)[0], lambda: (add_arguments, function)
            return function

        return register

    def command_in(self, module: str, usage: str, summary: str) -> None:
        """Make a command of the function in `module` that is called as the command is, imported only to run it.

        `summary` is the first line of its docstring, so that the overview need not import it; its arguments are added
        by the function `NAME_arguments` beside it.
        """
        name = usage.split()[0]

        def load() -> _Command:
            from importlib import import_module

            found = import_module(module)
            return getattr(found, f"{name}_arguments"), getattr(found, name)

        self._commands[name] = usage, summary, load

    def complete_in_shells(self) -> None:
        """Add the command `completion`, which prints what makes a shell complete this tool's commands and options."""

        def load() -> _Command:
            from scorer.cli.completion import command_of

            return command_of(self._name, self._commands, self._parser_of)

        self._commands["completion"] = "completion SHELL", "Print what completes commands and options in SHELL.", load

    def __call__(self) -> NoReturn:
        """Run what the command line says and exit: 0 done, 1 refused in one line, 2 usage, 130 Ctrl-C, 143 SIGTERM."""
        with StandardStreams() as streams:
            code = self._ended(sys.argv[1:], streams)
        sys.exit(code)

    def _ended(self, arguments: list[str], streams: StandardStreams) -> int:
        """Run a command; its exit code, after one line where it is not 0."""
        self._messages = Messages.asked_for(self._name, arguments)
        with StopSignals() as signals, warnings.catch_warnings():
            warnings.showwarning = self._show_warning
            try:
                code = self._parse_and_run(arguments)
                streams.check()
                return code
            except (Exception, KeyboardInterrupt) as error:
                words, code = _ending(error, signals.received)
                self._messages.error("; ".join([words, *getattr(error, "__notes__", ())]), code)
                return code

    def _show_warning(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: object = None,
        line: object = None,
    ) -> None:
        """Ours as a line of their own, those of libraries as Python has them."""
        if category in (FileSystemWarning, GuessWarning):
            self._messages.warning(str(message))
        else:
            print(warnings.formatwarning(message, category, filename, lineno), end="", file=sys.stderr)

    def _parse_and_run(self, arguments: list[str]) -> int:
        try:
            name = self._parser().parse_args(arguments[:1] or ["--help"]).command
            parser, function = self._parser_of(name)
            given = self._given(parser, name, _marked(arguments[1:]))
        except SystemExit as end:  # argparse has printed the help or the version
            return int(end.code or 0)
        self._messages = Messages(self._name, given.get("log_format"), given.get("as_json", False))
        function(**given)
        return 0

    def _parser_of(self, name: str) -> tuple[ArgumentParser, Callable[..., None]]:
        """The parser of a command, and the function that takes what it parsed."""
        usage, _, load = self._commands[name]
        add_arguments, function = load()
        parser = _Parser(f"{self._name} {name}", f"{self._name} {usage}", *_summary(function))
        add_arguments(parser)
        config = f"Arguments from the table [{name}] of a TOML file; the command line wins."
        parser.add_argument("--config", metavar="FILE", help=config)
        _add_help(parser)
        return parser, function

    def _given(self, parser: ArgumentParser, name: str, arguments: list[str]) -> dict[str, Any]:
        """What the command line gives a command, and the file that it names by `--config`."""
        if any(one.partition("=")[0] == "--config" for one in arguments):
            from scorer.cli.config import apply_config

            apply_config(parser, self._name, name, arguments)
        given = vars(parser.parse_intermixed_args(arguments))
        del given["config"]
        return given

    def _parser(self) -> ArgumentParser:
        """The parser of the first argument, which names the command."""
        more = f"{self._name} COMMAND --help says more of each."
        parser = _Parser(self._name, f"{self._name} COMMAND", self._summary, more)
        # The commands' own parsers are made by need: what they import counts when the whole tool is asked for help.
        names = parser.add_subparsers(
            title="Commands", metavar="COMMAND", dest="command", required=True, parser_class=ArgumentParser
        )
        for name, (_, summary, _) in self._commands.items():
            names.add_parser(name, help=summary)
        options = parser.add_argument_group("Options")
        version = f"{self._name} {self._version}"
        options.add_argument("--version", action="version", version=version, help="Print the version.")
        _add_help(options)
        return parser


def _ending(error: BaseException, stopped_by: int | None) -> tuple[str, int]:
    """What to say of an error that users can mend, and the exit code; raises all others again."""
    if stopped_by == signal.SIGTERM:
        return "terminated", 143
    if stopped_by or isinstance(error, KeyboardInterrupt):
        return "interrupted", 130
    if isinstance(error, MemoryError):
        return "out of memory; allow more with --memory-limit, or take less with --workers 1", 1
    if isinstance(error, OSError) and error.filename:  # a full disk, a folder without permission: the system says it
        return f"{error.filename}: {error.strerror}", 1
    if isinstance(error, (SentimentScorerError, OSError)):
        return str(error), 2 if isinstance(error, UsageError) else 1
    raise error


def _marked(arguments: list[str]) -> list[str]:
    """Without `--`; what follows it is marked, so that it is no option whatever it begins with."""
    if "--" not in arguments:
        return arguments
    end = arguments.index("--")
    return [*arguments[:end], *(_TAKEN_AS_IT_IS + one for one in arguments[end + 1 :])]


class _Parser(ArgumentParser):
    """An `ArgumentParser` in this project's style: readable help, and errors of one line."""

    def __init__(self, prog: str, usage: str, description: str, epilog: str) -> None:
        super().__init__(
            prog,
            f"{usage} [options]",
            description,
            epilog,
            formatter_class=_Formatter,
            add_help=False,
            allow_abbrev=False,
        )
        self.color = False  # Python 3.14's own colours: ours are the same everywhere

    def format_help(self) -> str:
        """The help text, in colour on a terminal."""
        text = f"{super().format_help()}\n{_EXIT_CODES}"
        for old, new in _WORDING:
            text = re.sub(f"^{old}", new, text, flags=re.MULTILINE)
        if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
            return text
        text = re.sub(_BOLD, "\x1b[1m\\1\x1b[0m", text, flags=re.MULTILINE)
        return re.sub(_CYAN, "\x1b[36m\\1\x1b[0m", text, flags=re.MULTILINE)

    def error(self, message: str) -> NoReturn:
        """One line that names the mistake and where to read more."""
        message = message.replace(_TAKEN_AS_IT_IS, "")
        if message.startswith("unrecognized arguments: -"):
            option = message.split()[2].partition("=")[0]
            is_none = "; put -- before what begins with - and is no option"
            message += did_you_mean(option, self._option_string_actions) or is_none
        raise UsageError(f"{message}; see {self.prog} --help")

    def _check_value(self, action: Action, value: Any) -> None:
        """Of a choice, as argparse has it, and the one that may be meant."""
        try:
            super()._check_value(action, value)
        except ArgumentError as error:
            error.message += did_you_mean(str(value), map(str, action.choices or ()))
            raise

    def _get_values(self, action: Action, arg_strings: list[str]) -> Any:
        """Of every argument, as argparse has it, which knows nothing of the mark."""
        return super()._get_values(action, [one.removeprefix(_TAKEN_AS_IT_IS) for one in arg_strings])


class _Formatter(HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34, width=_terminal_width() - 2)

    def add_argument(self, action: Action) -> None:
        """As argparse does, which forgets that commands are indented when it measures their names."""
        super().add_argument(action)
        commands = [len(one.dest) for one in getattr(action, "_choices_actions", ())]
        longest = max(commands, default=0) + self._current_indent + self._indent_increment
        self._action_max_length = max(self._action_max_length, longest)


def _summary(function: Callable[..., None]) -> tuple[str, str]:
    """A docstring's first line, and what follows it as one line."""
    first, _, rest = (function.__doc__ or "").partition("\n")
    return first, " ".join(rest.split())


def _add_help(parser: _ActionsContainer) -> None:
    parser.add_argument("--help", "-h", action="help", help="Show this message and exit.")


def _terminal_width() -> int:
    """Columns, 80 where nobody knows; argparse would import four compressors to ask."""
    try:
        return int(os.environ.get("COLUMNS") or os.get_terminal_size().columns) or 80
    except (OSError, ValueError):
        return 80


def at_least(least: int, most: int = 2**63 - 1) -> Callable[[str], int]:
    """A parser of whole numbers from `least` on, up to `most`, which few ever meet."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text[:_DIGITS]) < least:
            raise ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        if len(text) > _DIGITS or int(text) > most:
            raise ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most:,}")
        return int(text)

    return parse


def log_argument(parser: _ActionsContainer) -> None:
    """Add `--log-format`."""
    lines = "Tell how the work goes on stderr, each line with its time; for where nobody looks at a terminal."
    parser.add_argument("--log-format", choices=LOG_FORMATS, help=lines)


class needs_extra:  # noqa: N801 - reads as the context manager that it is; contextlib would cost 3 ms
    """Turn a failing import of torch, or of what draws reports, into the one line that says what to install."""

    def __init__(self, name: str, extra: str = "train") -> None:
        self._name, self._extra = name, extra

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ModuleNotFoundError):
            from scorer.system.installation import command_to_add

            raise SentimentScorerError(
                f"{self._name} needs {error.name}, which scoring does not; "
                f"install it with: {command_to_add(self._extra)}"
            ) from error
