"""One scoring job: its units of work, their engine, its time."""

import time

from scorer.errors import UsageError
from scorer.run.folder import run_each
from scorer.run.options import EngineName, OnProgress, RunOptions, RunSummary
from scorer.run.plan import inputs_of, plan_run
from scorer.run.threads import run_in_threads
from scorer.scoring import Scorer

__all__ = ["run"]


def run(options: RunOptions, scorer: Scorer, on_progress: OnProgress | None = None) -> RunSummary:
    """Score every row of the inputs into the output, or the outputs, each of which appears only when it is complete.

    Raises `InputError` for anything wrong with input or output, `OutputError` when the output's place is taken.
    Memory is bounded by a few windows of rows and one row group of output, not by the size of the file.
    """
    started = time.perf_counter()
    if options.engine is EngineName.ray:
        summary = _run_on_ray(options, scorer, on_progress)
    elif options.one_each:
        summary = run_each(plan_run(options), options, scorer, on_progress)
    else:
        summary = run_in_threads(inputs_of(options), scorer, options, on_progress)
    summary.seconds = time.perf_counter() - started
    return summary


def _run_on_ray(options: RunOptions, scorer: Scorer, on_progress: OnProgress | None) -> RunSummary:
    if not options.one_each:
        raise UsageError("--engine ray writes a folder of outputs; name one with a / at the end, as in -o scored/")
    from scorer.run.ray import run_on_ray  # an extra

    return run_on_ray(plan_run(options), options, scorer, on_progress)
