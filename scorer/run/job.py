"""One scoring job: its input, its engine, its time."""

import time
from collections.abc import Sequence
from typing import Protocol

from scorer.files.inputs import Input
from scorer.files.places import input_at
from scorer.run.options import OnProgress, RunOptions, RunSummary
from scorer.run.threads import run_in_threads
from scorer.scoring import Scorer

__all__ = ["Engine", "run"]


class Engine(Protocol):
    """A way to score inputs into the output that the options name."""

    def __call__(
        self, inputs: Sequence[Input], scorer: Scorer, options: RunOptions, on_progress: OnProgress | None
    ) -> RunSummary:
        """Do it; raises as `run` does."""


def run(
    options: RunOptions,
    scorer: Scorer,
    on_progress: OnProgress | None = None,
    engine: Engine = run_in_threads,
) -> RunSummary:
    """Score every row of the input into the output, which appears only when it is complete.

    Raises `InputError` for anything wrong with input or output, `OutputError` when the output's place is taken.
    Memory is bounded by a few windows of rows and one row group of output, not by the size of the file.
    """
    started = time.perf_counter()
    summary = engine([input_at(options.input)], scorer, options, on_progress)
    summary.seconds = time.perf_counter() - started
    return summary
