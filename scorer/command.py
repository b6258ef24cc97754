"""How all three commands end: the one place that turns errors into lines and exit codes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from scorer.errors import SentimentScorerError

__all__ = ["needs_training_extra", "new_app", "run_command"]


def new_app(summary: str) -> typer.Typer:
    """A command group in this project's style: plain tracebacks for bugs, no completion installer."""
    return typer.Typer(
        help=summary,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


@contextmanager
def needs_training_extra(name: str) -> Iterator[None]:
    """Turn a failing import of torch and its kin into the one line that says what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SentimentScorerError(
            f"{name} needs {error.name}, which scoring does not; install it with: pip install 'sentiment-scorer[train]'"
        ) from error


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
