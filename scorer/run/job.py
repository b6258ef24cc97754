"""One scoring job: its units of work, their engine, its time."""

import time
from collections.abc import Sequence
from typing import Protocol

from scorer.errors import UsageError
from scorer.files.inputs import Input
from scorer.run.fingerprint import fingerprint_of
from scorer.run.ledger import Ledger
from scorer.run.options import EngineName, OnProgress, RunOptions, RunSummary
from scorer.run.plan import Plan, Unit, inputs_of, plan_run
from scorer.run.threads import run_in_threads
from scorer.run.units import finished_units, identities_of
from scorer.scoring import Scorer

__all__ = ["Engine", "run"]


class Engine(Protocol):
    """A way to score the inputs of one unit of work, one after the other, into the output that its options name."""

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
    """Score every row of the inputs into the output, or the outputs, each of which appears only when it is complete.

    Raises `InputError` for anything wrong with input or output, `OutputError` when the output's place is taken.
    Memory is bounded by a few windows of rows and one row group of output, not by the size of the file.
    """
    started = time.perf_counter()
    if options.engine is EngineName.ray:
        summary = _run_on_ray(options, scorer, on_progress)
    elif options.one_each:
        summary = _run_each(plan_run(options), options, scorer, on_progress, engine)
    else:
        summary = engine(inputs_of(options), scorer, options, on_progress)
    summary.seconds = time.perf_counter() - started
    return summary


def _run_on_ray(options: RunOptions, scorer: Scorer, on_progress: OnProgress | None) -> RunSummary:
    if not options.one_each:
        raise UsageError("--engine ray writes a folder of outputs; name one with a / at the end, as in -o scored/")
    from scorer.run.ray import run_on_ray  # an extra

    return run_on_ray(plan_run(options), options, scorer, on_progress)


def _run_each(
    plan: Plan, options: RunOptions, scorer: Scorer, on_progress: OnProgress | None, engine: Engine
) -> RunSummary:
    """Each input into an output of its own; what an interrupted run had finished of them stays as it is."""
    plan.units[0].make_folder()
    with finished_units(plan, fingerprint_of([], options, scorer.sealed), restart=options.restart) as done:
        ledger = Ledger(plan, options, scorer.sealed, done)
        if on_progress:
            on_progress(ledger.progress())
        while ledger.left:
            (unit,) = ledger.begin()
            summary = engine(unit.inputs, scorer, unit.options, _hearing(ledger, unit, on_progress))
            ledger.finish(unit, identities_of(unit), summary)
    return ledger.summary()


def _hearing(ledger: Ledger, unit: Unit, on_progress: OnProgress | None) -> OnProgress | None:
    """What hears of one unit's progress, to tell of that of all."""
    return on_progress and (lambda done: on_progress(ledger.progress([(unit, done)])))
