"""A folder of outputs on one machine: one unit of work after the other, but small ones side by side."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice, takewhile

from scorer.run.fingerprint import fingerprint_of
from scorer.run.ledger import Ledger
from scorer.run.options import OnProgress, Progress, RunOptions, RunSummary
from scorer.run.plan import Plan, Unit
from scorer.run.threads import run_in_caller, run_in_threads
from scorer.run.units import finished_units, identities_of
from scorer.scoring import Scorer
from scorer.system.limits import available_cpus

__all__ = ["run_each"]

_TOGETHER = 64
"""Small units that are begun at once: one write puts that on disk, together with what was finished before."""


def run_each(plan: Plan, options: RunOptions, scorer: Scorer, on_progress: OnProgress | None) -> RunSummary:
    """Each input into an output of its own; what an interrupted run had finished of them stays as it is."""
    plan.units[0].make_folder()
    with (
        finished_units(plan, fingerprint_of([], options, scorer.sealed), restart=options.restart) as done,
        ThreadPoolExecutor(options.workers or available_cpus()) as pool,
    ):
        ledger = Ledger(plan, options, scorer.sealed, done)
        hear = partial(_tell, ledger, on_progress)
        hear()
        while ledger.left:
            for unit, summary in _scored(ledger, scorer, pool, hear):
                ledger.finish(unit, identities_of(unit), summary)
                hear()
    return ledger.summary()


def _scored(
    ledger: Ledger, scorer: Scorer, pool: ThreadPoolExecutor, hear: Callable[[Unit, Progress], None]
) -> Iterator[tuple[Unit, RunSummary]]:
    """The next unit, or several of them if they are small, and what was done."""
    if small := sum(1 for _ in takewhile(lambda unit: unit.is_small, islice(ledger.left, _TOGETHER))):
        units = ledger.begin(small)
        yield from zip(units, pool.map(partial(_score_small, scorer), units), strict=True)
    else:
        (unit,) = ledger.begin()
        yield unit, run_in_threads(unit.inputs, scorer, unit.options, partial(hear, unit))


def _score_small(scorer: Scorer, unit: Unit) -> RunSummary:
    return run_in_caller(unit.inputs, scorer, unit.options, None)


def _tell(
    ledger: Ledger, on_progress: OnProgress | None, unit: Unit | None = None, done: Progress | None = None
) -> None:
    """How far all units are, where anyone listens: what is finished, and what of one `unit` is `done`."""
    if on_progress:
        on_progress(ledger.progress([(unit, done)] if unit and done else []))
