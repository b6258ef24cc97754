"""Which outputs of a folder are finished, kept in it until all are: the same command goes on with the others."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from scorer.errors import OutputError
from scorer.run.attempt import attempt, changes, journal_in, refuse_changed
from scorer.run.fingerprint import Fingerprint
from scorer.run.plan import Plan, Unit

__all__ = ["FinishedUnits", "finished_units", "identities_of"]


@contextmanager
def finished_units(plan: Plan, fingerprint: Fingerprint, *, restart: bool = False) -> Iterator["FinishedUnits"]:
    """What earlier attempts at `plan` have finished, to be added to, and forgotten when the block succeeds.

    `restart` forgets it at once. Raises `OutputError` while another run writes there, and when what is there has
    another fingerprint.
    """
    with attempt(FinishedUnits(plan), fingerprint, restart) as done:
        yield done


class FinishedUnits:
    """Which units are begun and which are finished, in a journal that this run alone may write."""

    def __init__(self, plan: Plan) -> None:
        self._name, self._folder = plan.name, plan.work_folder
        self._journal = journal_in(plan.work_folder, plan.name)
        self._begun = set[str]()
        self._finished: dict[str, Mapping[str, Any]] = {}
        self._unwritten: list[bytes] = []

    def begin(self, fingerprint: Fingerprint, restart: bool) -> None:
        """Find what is there; raises `OutputError` if it is of another fingerprint."""
        left_by: dict[str, str] = {}
        for _, content in self._journal.records():
            record = json.loads(content)
            left_by |= record.get("fingerprint", {})
            self._begun |= {record["begun"]} if "begun" in record else set()
            self._finished |= record.get("finished", {})
        if restart:
            self._journal.clear()
            self._begun, self._finished = set(), {}
        else:
            refuse_changed(self._name, changes(left_by, fingerprint))
        self._note(fingerprint=fingerprint.entries)

    def find(self, unit: Unit) -> Mapping[str, Any] | None:
        """The summary of a unit whose output is there, if it is finished.

        Raises `OutputError` if its input was changed since.
        """
        found = self._finished.get(unit.name)
        if found is None:
            return None
        if found["inputs"] != identities_of(unit):
            raise OutputError(
                f"{unit.inputs[0].name}: was changed after {unit.name} was finished; "
                "forget what is finished with --restart --force"
            )
        summary: Mapping[str, Any] = found["summary"]
        return summary

    def is_begun(self, unit: Unit) -> bool:
        """What stands at the unit's place, if anything, was written by an attempt that had no time to say so."""
        return unit.name in self._begun

    def note_begun(self, units: Sequence[Unit]) -> None:
        """From now on what appears at their places is ours; on disk when this returns."""
        for unit in units:
            self._note(begun=unit.name)
        self._write()

    def note_finished(self, unit: Unit, inputs: Sequence[Mapping[str, str]], summary: Mapping[str, Any]) -> None:
        """The unit needs nothing more, its `inputs` being these; on disk together with what follows."""
        record = {unit.name: {"inputs": inputs, "summary": summary}}
        self._finished |= record
        self._note(finished=record)

    def leave(self, error: BaseException) -> None:
        """Keep what is finished, and say so in a note to `error`; if that is nothing, leave nothing."""
        if not self._finished and not self._begun:
            self.discard()
            return
        with suppress(OSError):  # the disk may be full; what was written before stays
            self._write()
        self._journal.close()
        if self._finished and not isinstance(error, OutputError):
            error.add_note(f"{len(self._finished):,} finished outputs are kept, the same command goes on from there")

    def discard(self) -> None:
        """Leave nothing behind but outputs."""
        self._journal.remove()
        with suppress(OSError):  # something is in it
            self._folder.parent.rmdir()

    def _note(self, **record: Any) -> None:
        self._unwritten.append(json.dumps(record).encode())

    def _write(self) -> None:
        if self._unwritten:
            self._journal.append(self._unwritten)
        self._unwritten.clear()


def identities_of(unit: Unit) -> list[dict[str, str]]:
    """What its inputs are now, each as its fingerprint says."""
    return [dict(file.identity()) for file in unit.inputs]
