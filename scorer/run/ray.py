"""The engine of a cluster: units of work are given to actors of Ray, which read, score and write them.

No row passes through Ray's object store: the driver moves the names of units, the summaries of what was done, and the
model, which reaches each node once. Workers, nodes and the driver itself may be killed at any time: a unit that was
begun and not finished is given to another worker, and what is finished is noted when its output is in place.
"""

import asyncio
import os
import platform
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from scorer.errors import InputError, SentimentScorerError
from scorer.files.places import input_at
from scorer.model.network import Network
from scorer.model.sealed import SealedModel
from scorer.run.fingerprint import fingerprint_of, versions
from scorer.run.options import OnProgress, Progress, RunOptions, RunSummary
from scorer.run.plan import Plan, Unit
from scorer.run.threads import refuse_to_replace, run_in_threads
from scorer.run.units import FinishedUnits, finished_units
from scorer.scoring import Scorer
from scorer.system.installation import command_to_add
from scorer.system.limits import available_cpus, available_memory, limited_memory
from scorer.system.process import return_freed_memory

__all__ = ["run_on_ray"]

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report its use over the network

_SHARE = 0.8
"""Of a node's free memory, for all of its workers, where nobody says how much one may take."""
_OBJECT_STORE = 100 << 20
"""Bytes, where a cluster of this machine alone is started: it holds nothing but the model."""
_MOST_DEATHS = 5
"""Of workers over one unit: it takes more memory than there is, or ends their process in another way."""
_LOOK_EVERY = 0.5
_SECONDS_TO_ANSWER = 5


class Worker:
    """What runs in an actor: one unit at a time, while another thread answers how far it is."""

    def __init__(self, sealed: SealedModel, memory_limit: int | None, beside: int) -> None:
        return_freed_memory()
        network: Future[Network] = Future()
        network.set_result(Network(sealed.content, sealed.path))
        self._scorer, self._rows = Scorer(sealed, network), 0
        available = available_memory()
        self._limit = memory_limit or (available and int(available * _SHARE) // beside)

    def versions(self) -> Mapping[str, str]:
        """Of what decides a score here."""
        return _versions()

    def score(self, options: RunOptions) -> RunSummary | str:
        """Do one unit; what its user can mend comes back as words."""
        self._rows = 0
        try:
            with limited_memory(self._limit):
                return run_in_threads([input_at(options.input)], self._scorer, options, self._note)
        except MemoryError:
            return f"{options.input}: out of memory; allow more with --memory-limit"
        except (SentimentScorerError, OSError) as error:
            return str(error)

    def rows(self) -> int:
        """How many of the unit at work are written."""
        return self._rows

    def _note(self, progress: Progress) -> None:
        self._rows = progress.rows


def run_on_ray(plan: Plan, options: RunOptions, scorer: Scorer, on_progress: OnProgress | None) -> RunSummary:
    """Score all units of `plan` on a cluster; what an earlier attempt has finished is not done again.

    Raises `InputError` that names every unit that failed; the others are finished then.
    """
    plan.units[0].make_folder()
    with finished_units(plan, fingerprint_of([], options, scorer.sealed), restart=options.restart) as done:
        job = _Job(plan, options, scorer.sealed, done)
        if job.left:
            with _connected(options.ray_address) as ray:
                _Crew(ray, job, options, scorer.sealed).work(on_progress)
        if job.failures:
            reasons = "; ".join(job.failures[name] for name in sorted(job.failures))
            raise InputError(f"{len(job.failures):,} of {len(plan.units):,} outputs failed: {reasons}")
    return job.total


class _Job:
    """What the driver knows: which units are left, and what was done."""

    def __init__(self, plan: Plan, options: RunOptions, sealed: SealedModel, done: FinishedUnits) -> None:
        self.total = RunSummary.of_nothing(options, sealed)
        self.total.files = 0
        self.units, self.finished, self.failures = len(plan.units), 0, dict[str, str]()
        self._done, self._deaths = done, dict[str, int]()
        self.left = deque(unit for unit in plan.units if not self._is_finished(unit, options.force))

    def _is_finished(self, unit: Unit, force: bool) -> bool:
        """Count it if it is; else make sure that nobody else's output stands at its place."""
        if (found := self._done.find(unit)) is not None:
            summary = RunSummary(**found)
            summary.resumed = summary.rows
            self._count(summary)
            return True
        refuse_to_replace(unit.output, replace(unit.options, force=force or self._done.is_begun(unit)))
        return False

    def begin(self) -> Unit:
        """The next unit; what appears at its place from now on is ours."""
        unit = self.left.popleft()
        unit.make_folder()
        self._done.note_begun(unit)
        return unit

    def finish(self, unit: Unit, found: RunSummary | str) -> None:
        """Note what came of a unit, on disk when this returns."""
        if isinstance(found, str):
            self.failures[unit.output.name] = found
            return
        self._done.note_finished(unit, asdict(found))
        self._done.keep()
        self._count(found)

    def again(self, unit: Unit) -> None:
        """Take back a unit over which a worker has ended."""
        name = unit.output.name
        self._deaths[name] = self._deaths.get(name, 0) + 1
        if self._deaths[name] < _MOST_DEATHS:
            self.left.appendleft(unit)
        else:
            words = f"{_MOST_DEATHS} workers ended over it; allow more memory with --memory-limit, or look at it"
            self.failures[name] = f"{unit.inputs[0].name}: {words}"

    def _count(self, summary: RunSummary) -> None:
        self.total.join(summary)
        self.finished += 1


class _Crew:
    """The workers of a run, and the unit that each has; one that ends is replaced by another, where there is room."""

    def __init__(self, ray: Any, job: _Job, options: RunOptions, sealed: SealedModel) -> None:
        self._ray, self._job, self._limit = ray, job, options.memory_limit
        self._size = min(options.workers or int(ray.cluster_resources().get("CPU", 1)), len(job.left))
        nodes = sum(node["Alive"] for node in ray.nodes())
        self._beside = -(-self._size // max(nodes, 1))
        self._model = ray.put(sealed)
        # Two threads: one that works, one that answers how far it is.
        self._worker = ray.remote(num_cpus=1, max_restarts=0, max_concurrency=2)(Worker)
        self._waiting: dict[Any, tuple[Any, Unit | None]] = {}

    def work(self, on_progress: OnProgress | None) -> None:
        """Until every unit is done or has failed."""
        for _ in range(self._size):
            self._hire()
        while self._job.left or any(unit for _, unit in self._waiting.values()):
            ready, _ = self._ray.wait(list(self._waiting), timeout=_LOOK_EVERY)
            for answer in ready:
                self._take(answer)
            if on_progress:
                on_progress(self._progress())
        for actor, _ in self._waiting.values():
            self._ray.kill(actor)

    def _hire(self) -> None:
        """Ask for a worker; it gets a unit when it answers, so none waits for a place that there may never be."""
        actor = self._worker.remote(self._model, self._limit, self._beside)
        self._waiting[actor.versions.remote()] = actor, None

    def _take(self, answer: Any) -> None:
        """What a worker says, and the next unit for it."""
        actor, unit = self._waiting.pop(answer)
        try:
            found = self._ray.get(answer)
        except self._ray.exceptions.RayActorError as error:
            self._replace(unit, str(error))
            return
        if unit:
            self._job.finish(unit, found)
        else:
            _refuse_other_versions(found)
        if self._job.left:
            unit = self._job.begin()
            self._waiting[actor.score.remote(_for_a_worker(unit))] = actor, unit
        else:
            self._ray.kill(actor)

    def _replace(self, unit: Unit | None, words: str) -> None:
        if "ModuleNotFoundError" in words or "ImportError" in words:
            raise InputError("a node of the cluster cannot import sentiment-scorer; install the same version there")
        if unit:
            self._job.again(unit)
        if self._job.left:
            self._hire()

    def _progress(self) -> Progress:
        """Rows by what the workers say; how much is left, by the units that are done."""
        asked = [actor.rows.remote() for actor, unit in self._waiting.values() if unit]
        ready, _ = self._ray.wait(asked, num_returns=len(asked), timeout=_LOOK_EVERY) if asked else ([], [])
        total, job, rows = self._job.total, self._job, self._job.total.rows
        for answer in ready:
            with suppress(self._ray.exceptions.RayError):
                rows += self._ray.get(answer)
        share = job.finished / job.units
        expected = max(rows, round(total.rows / share)) if share else rows
        return Progress(rows, expected, False, share, total.resumed, total.scored, total.positive)


def _for_a_worker(unit: Unit) -> RunOptions:
    """The unit as other machines know it; what is at its place is replaced, because the driver has looked."""
    options = unit.options
    output = options.output.resolve() if isinstance(options.output, Path) else options.output
    place = options.input.resolve() if isinstance(options.input, Path) else options.input
    return replace(options, input=place, output=output, force=True, workers=1)


def _versions() -> Mapping[str, str]:
    return versions() | {"Python": platform.python_version()}


def _refuse_other_versions(there: Mapping[str, str]) -> None:
    other = [f"{name} {there.get(name)}, here {own}" for name, own in _versions().items() if there.get(name) != own]
    if other:
        raise InputError(f"a node of the cluster has {'; '.join(other)}; install the same versions everywhere")


@contextmanager
def _connected(given: str | None) -> Iterator[Any]:
    """Ray, connected to a cluster, or to one of this machine alone that ends with the block."""
    try:
        import ray
    except ImportError as error:
        raise InputError(f"--engine ray needs Ray; install it with: {command_to_add('ray')}") from error
    address = _address(given)
    alone = {"num_cpus": available_cpus(), "object_store_memory": _OBJECT_STORE, "include_dashboard": False}
    try:
        more = {} if address else alone
        ray.init(address=address or "local", log_to_driver=False, logging_level="CRITICAL", **more)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        words = " ".join(str(error).split())
        raise InputError(f"the Ray cluster at {address or 'this machine'} cannot be used: {words}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _address(given: str | None) -> str | None:
    """Of the cluster to connect to, None to start one; raises `InputError` where one is named that does not answer.

    Ray itself would ask for many minutes.
    """
    named = given or os.environ.get("RAY_ADDRESS")
    current = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir(), "ray", "ray_current_cluster")
    address = named if named not in (None, "auto") else current.read_text().strip() if current.exists() else None
    if address and _answers(address):
        return address
    if named:
        raise InputError(
            f"no Ray cluster answers at {address or 'this machine'}; start one with `ray start --head`, or leave out "
            "--ray-address"
        )
    return None


def _answers(address: str) -> bool:
    host, _, port = address.removeprefix("ray://").rpartition(":")

    async def connect() -> None:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), _SECONDS_TO_ANSWER)
        writer.close()

    try:
        asyncio.run(connect())
    except (OSError, ValueError, TimeoutError):
        return False
    return True
