"""How all three commands end: the one place that turns errors into lines and exit codes."""

import sys

import typer

from scorer.errors import SentimentScorerError

__all__ = ["new_app", "run_command"]


def new_app(summary: str) -> typer.Typer:
    """A command group in this project's style: plain tracebacks for bugs, no completion installer."""
    return typer.Typer(
        help=summary,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def run_command(app: typer.Typer, name: str) -> None:
    """Run `app` and exit: 0 done, 1 refused with one line on stderr, 2 usage, 130 Ctrl-C."""
    try:
        app(prog_name=name)  # typer itself exits with 2 on usage errors and 130 on Ctrl-C
    except SentimentScorerError as error:
        line = str(error)
    except OSError as error:  # a full disk, a folder without permission: the system's words say it best
        line = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    print(f"{name}: {' '.join(line.split())}", file=sys.stderr)
    sys.exit(1)
