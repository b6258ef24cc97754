"""`--config FILE.toml`: arguments of a command that are kept in a file, for jobs that are repeated."""

from __future__ import annotations

from argparse import ArgumentError, ArgumentParser, BooleanOptionalAction

from scorer.errors import UsageError
from scorer.system.nearest import did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from argparse import Action
    from collections.abc import Sequence
    from typing import Any

__all__ = ["apply_config"]

_FEWER: dict[int | str | None, str] = {None: "?", "+": "*"}
"""How often a positional argument that the file gives has to stand on the command line."""


def apply_config(parser: ArgumentParser, tool: str, command: str, given: Sequence[str]) -> None:
    """Make the values of the file that `--config` names the defaults; what else is `given` on the command line wins.

    They stand in the table `[command]`, or `[tool.TOOL.command]` of a pyproject.toml, and are called as the options
    are. Raises `UsageError` for what is no argument of the command, and `OSError` if there is no such file.
    """
    file = _named(given)
    actions = {_key(action): action for action in parser._actions if action.dest not in ("help", "config")}
    for key, value in _table(file, tool, command).items():
        action = actions.get(key.replace("_", "-"))
        if action is None:
            meant = did_you_mean(key, actions) or f"; see {tool} {command} --help"
            raise UsageError(f"{file}: {key!r} is no argument of {tool} {command}{meant}")
        if not any(one.partition("=")[0] in action.option_strings for one in given):
            try:
                _set_default(parser, action, value)
            except ArgumentError as error:
                raise UsageError(f"{file}: {key}: {error.message}") from None


def _named(given: Sequence[str]) -> str:
    parser = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config")
    try:
        return str(parser.parse_known_args(given)[0].config)
    except ArgumentError as error:
        raise UsageError(str(error)) from None


def _key(action: Action) -> str:
    """What an argument is called in a file: as on the command line, without its dashes."""
    return next((one[2:] for one in action.option_strings if one.startswith("--")), action.dest.replace("_", "-"))


def _table(file: str, tool: str, command: str) -> dict[str, Any]:
    from pathlib import Path
    from tomllib import TOMLDecodeError, loads

    try:
        content = loads(Path(file).read_text(encoding="utf-8"))
    except (TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: is not TOML: {error}") from None
    of_tool = content.get("tool", {}).get(tool) if isinstance(content.get("tool"), dict) else None
    table = (content if of_tool is None else of_tool).get(command)
    if not isinstance(table, dict):
        raise UsageError(f"{file}: has no table [{command}], nor [tool.{tool}.{command}]")
    return table


def _set_default(parser: ArgumentParser, action: Action, value: Any) -> None:
    """Make `value`, as TOML has it, the default, checked as the same words on the command line would be."""
    if action.nargs == 0:
        action.default = _switched(action, value)
        return
    words = [_word(action, one) for one in (value if isinstance(value, list) else [value])]
    several = action.nargs in ("+", "*") or type(action).__name__ == "_AppendAction"
    if len(words) != 1 and not several:
        raise ArgumentError(action, "takes one value, not a list")
    is_list = action.nargs in ("+", "*")
    values = parser._get_values(action, words) if is_list else [parser._get_values(action, [one]) for one in words]
    action.default = values if several else values[0]
    action.required = False
    if not action.option_strings:
        action.nargs = _FEWER.get(action.nargs, action.nargs)


def _switched(action: Action, value: Any) -> Any:
    if not isinstance(value, bool):
        raise ArgumentError(action, "is a switch: true or false")
    if isinstance(action, BooleanOptionalAction):
        return value
    return action.const if value else action.default


def _word(action: Action, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ArgumentError(action, f"{value!r} is neither text nor a number")
    return str(value)
