"""What is kept of a run with several outputs, whatever its engine: which are left, what was done, how far it is."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import compress
from typing import Any

from scorer.files.places import asked
from scorer.model.sealed import SealedModel
from scorer.run.options import Progress, RunOptions, RunSummary
from scorer.run.plan import Plan, Unit, are_there
from scorer.run.threads import refuse_to_replace
from scorer.run.units import FinishedUnits

__all__ = ["Ledger"]


class Ledger:
    """The units of a plan that are left, and the sum of those that are done.

    Raises `OutputError` where another's output stands at the place of a unit that is left.
    """

    def __init__(self, plan: Plan, options: RunOptions, sealed: SealedModel, done: FinishedUnits) -> None:
        self.failures = dict[str, str]()
        """Why, by the name of the output."""
        self._total = RunSummary.of_nothing(options, sealed)
        self._total.files = 0
        self._numbers = {unit.name: number for number, unit in enumerate(plan.units)}
        self._done = done
        self._bytes, self._bytes_done = sum(unit.size for unit in plan.units), 0
        there = are_there(plan.units, options.output)
        found = iter(asked(done.find, list(compress(plan.units, there))))
        self.left = deque(
            unit
            for unit, is_there in zip(plan.units, there, strict=True)
            if not (is_there and self._is_finished(unit, next(found)))
        )

    def begin(self, most: int = 1) -> list[Unit]:
        """The next units, at most so many; what appears at their places from now on is ours.

        Their options allow to replace what an earlier attempt had no time to note. On disk when this returns, together
        with what was finished before.
        """
        units = [self.left.popleft() for _ in range(min(most, len(self.left)))]
        own = [replace(unit.options, force=unit.options.force or self._done.is_begun(unit)) for unit in units]
        for unit in units:
            unit.make_folder()
        self._done.note_begun(units)
        return [replace(unit, options=options) for unit, options in zip(units, own, strict=True)]

    def finish(self, unit: Unit, inputs: Sequence[Mapping[str, str]], summary: RunSummary) -> None:
        """Note what was done with these `inputs`; it is on disk together with what follows."""
        summary.input, summary.output = unit.inputs[0].name, unit.name  # other machines may call them otherwise
        self._done.note_finished(unit, inputs, asdict(summary))
        self._count(unit, summary)

    def fail(self, unit: Unit, reason: str) -> None:
        """Go on without it."""
        self.failures[unit.name] = reason
        self._bytes_done += unit.size

    def progress(
        self, at_work: Iterable[tuple[Unit, Progress]] = (), workers: int | None = None, lost: int = 0
    ) -> Progress:
        """How far all units are; how much is left is told by their bytes."""
        total, read = self._total, float(self._bytes_done)
        counts = {name: getattr(total, name) for name in ("rows", "resumed", "scored", "positive")}
        for unit, its in at_work:
            read += unit.size * its.fraction
            for name in counts:
                counts[name] += getattr(its, name)
        share = min(read / max(self._bytes, 1), 1.0)
        rows = counts["rows"]
        return Progress(
            **counts,
            total=max(round(rows / share), rows) if share else rows,
            is_exact=False,
            fraction=share,
            units=len(self._numbers),
            finished=len(total.outputs) + total.existing,
            failed=len(self.failures),
            workers=workers,
            lost=lost,
        )

    def summary(self) -> RunSummary:
        """Of all that is done, its outputs in the order of the plan."""
        self._total.outputs.sort(key=lambda one: self._numbers[one.output])
        return self._total

    def _is_finished(self, unit: Unit, found: Mapping[str, Any] | None) -> bool:
        """Count it if it is, its output being there; else make sure that this is not somebody else's, or leave it."""
        if found is None:
            if self._done.is_begun(unit):
                return False
            if unit.options.skip_existing:
                self._total.existing += 1
                self._bytes_done += unit.size
                return True
            refuse_to_replace(unit.output, unit.options)
            return False
        summary = RunSummary(**found)
        summary.resumed = summary.rows
        self._count(unit, summary)
        return True

    def _count(self, unit: Unit, summary: RunSummary) -> None:
        self._total.join(summary)
        self._bytes_done += unit.size
