"""`scorer completion`: a script that completes the tool's commands and options in bash, zsh or fish.

The script is made of the parsers themselves, so that a shell knows what this version knows, and asks nobody.
"""

from __future__ import annotations

from argparse import ArgumentParser

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from argparse import Action
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    _Command = tuple[Callable[[ArgumentParser], None], Callable[..., None]]
    _Commands = Mapping[str, tuple[str, list[Action]]]
    """A command's summary and its options, by its name."""

__all__ = ["command_of"]


def command_of(
    tool: str, commands: Mapping[str, tuple[str, str, object]], parser_of: Callable[[str], tuple[ArgumentParser, Any]]
) -> _Command:
    """The command `completion` of a tool with these `commands`, whose second part is the summary."""

    def add_arguments(parser: ArgumentParser) -> None:
        parser.add_argument("shell", metavar="SHELL", choices=list(_SHELLS), help=", ".join(_SHELLS))

    def completion(*, shell: str) -> None:
        known = {name: (parts[1], _options(parser_of(name)[0])) for name, parts in commands.items()}
        print("\n".join(_SHELLS[shell](tool, known)))

    completion.__doc__ = (
        "Print what completes commands and options in SHELL.\n\n"
        f"Example: {tool} completion bash > ~/.local/share/bash-completion/completions/{tool}; for zsh a file _{tool} "
        f"in a folder of $fpath, for fish ~/.config/fish/completions/{tool}.fish"
    )
    return add_arguments, completion


def _options(parser: ArgumentParser) -> list[Action]:
    return [action for action in parser._actions if action.option_strings]


def _bash(tool: str, commands: _Commands) -> Iterator[str]:
    yield f"# Completes {tool} in bash, as of this version: source <({tool} completion bash)"
    yield f"_{tool}() {{"
    yield "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} words="
    yield "    COMPREPLY=()"
    yield '    case "$COMP_CWORD $command $before" in'
    yield f'        "1 "*) words="{" ".join(commands)} --help --version" ;;'
    for name, (_, options) in commands.items():
        for option in filter(_takes_value, options):
            places = "|".join(f'*" {name} {flag}"' for flag in option.option_strings)
            yield f'        {places}) words="{" ".join(_choices(option))}" ;;'
    for name, (_, options) in commands.items():
        flags = " ".join(flag for option in options for flag in option.option_strings)
        yield f'        *" {name} "*) [[ $word != -* ]] || words="{flags}" ;;'
    yield "    esac"
    yield '    [[ -z $words ]] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")'
    yield "}"
    yield f"complete -o default -F _{tool} {tool}"


def _zsh(tool: str, commands: _Commands) -> Iterator[str]:
    yield f"#compdef {tool}"
    yield f"# Completes {tool} in zsh, as of this version: source <({tool} completion zsh)"
    yield f"_{tool}() {{"
    yield "    local -a commands"
    yield f"    commands=({' '.join(_quoted(f'{name}:{summary}') for name, (summary, _) in commands.items())})"
    yield "    if ((CURRENT == 2)); then _describe command commands; return; fi"
    yield "    shift words; ((CURRENT--))"
    yield "    case $words[1] in"
    for name, (_, options) in commands.items():
        yield f"        {name}) _arguments \\"
        for option in options:
            for flag in option.option_strings:
                yield f"            {_zsh_option(option, flag)} \\"
        yield "            '*:file:_files' ;;"
    yield "    esac"
    yield "}"
    yield f'if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _{tool} "$@"; else compdef _{tool} {tool}; fi'


def _zsh_option(option: Action, flag: str) -> str:
    """One specification of `_arguments`, which has its own meaning for colons and brackets."""
    about = _about(option).replace("\\", "\\\\")
    for sign in "[]:":
        about = about.replace(sign, f"\\{sign}")
    values = f":value:({' '.join(_choices(option))})" if _choices(option) else ":value:_files"
    return _quoted(f"*{flag}[{about}]{values if _takes_value(option) else ''}")


def _fish(tool: str, commands: _Commands) -> Iterator[str]:
    yield f"# Completes {tool} in fish, as of this version: {tool} completion fish | source"
    for name, (summary, _) in commands.items():
        yield f"complete -c {tool} -n __fish_use_subcommand -f -a {name} -d {_fish_quoted(summary)}"
    for name, (_, options) in commands.items():
        for option in options:
            long = "".join(f" -l {flag[2:]}" for flag in option.option_strings if flag.startswith("--"))
            short = "".join(f" -s {flag[1:]}" for flag in option.option_strings if not flag.startswith("--"))
            values = f" -x -a {_fish_quoted(' '.join(_choices(option)))}" if _choices(option) else " -r"
            given = values if _takes_value(option) else ""
            where = f"complete -c {tool} -n '__fish_seen_subcommand_from {name}'"
            yield f"{where}{long}{short}{given} -d {_fish_quoted(_about(option))}"


_SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}


def _takes_value(option: Action) -> bool:
    return option.nargs != 0


def _choices(option: Action) -> list[str]:
    return [str(one) for one in option.choices or ()]


def _about(option: Action) -> str:
    """The first sentence of an option's help."""
    return (option.help or "").partition("  [")[0].replace("%%", "%")


def _quoted(text: str) -> str:
    escaped = text.replace("'", "'\\''")
    return f"'{escaped}'"


def _fish_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
