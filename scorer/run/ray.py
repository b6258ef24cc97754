"""The engine of a cluster: units of work are given to actors of Ray, which read, score and write them.

No row passes through Ray's object store: the driver moves the names of units, the summaries of what was done, and the
model, which reaches each node once. Workers, nodes and the driver itself may be killed at any time: a unit that was
begun and not finished is given to another worker, and what is finished is noted when its output is in place.
"""

import asyncio
import os
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from scorer.errors import InputError, SentimentScorerError
from scorer.files.places import input_at
from scorer.model.network import Network
from scorer.model.sealed import SealedModel
from scorer.run.fingerprint import fingerprint_of, versions
from scorer.run.ledger import Ledger
from scorer.run.options import OnProgress, Progress, RunOptions, RunSummary
from scorer.run.plan import Plan, Unit
from scorer.run.threads import run_in_threads
from scorer.run.units import finished_units
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
"""Seconds between two looks at what is done; nobody reads faster."""
_SECONDS_TO_ASK_ONE = 0.01
"""That pass for each worker between two questions to all: asking takes a small part of it."""
_SECONDS_TO_ANSWER = 5


class Worker:
    """What runs in an actor: one unit at a time, while another thread answers how far it is."""

    def __init__(self, sealed: SealedModel, memory_limit: int | None, beside: int) -> None:
        return_freed_memory()
        network: Future[Network] = Future()
        network.set_result(Network(sealed.content, sealed.path))
        self._scorer = Scorer(sealed, network)
        self._progress: Progress | None = None
        available = available_memory()
        self._limit = memory_limit or (available and int(available * _SHARE) // beside)

    def versions(self) -> Mapping[str, str]:
        """Of what decides a score here."""
        return _versions()

    def score(self, options: RunOptions) -> RunSummary | str:
        """Do one unit; what its user can mend comes back as words."""
        self._progress = None
        try:
            with limited_memory(self._limit):
                return run_in_threads([input_at(options.input)], self._scorer, options, self._note)
        except MemoryError:
            return f"{options.input}: out of memory; allow more with --memory-limit"
        except (SentimentScorerError, OSError) as error:
            return str(error)

    def progress(self) -> Progress | None:
        """How far the unit at work is, None before its first rows are written."""
        return self._progress

    def _note(self, progress: Progress) -> None:
        self._progress = progress


def run_on_ray(plan: Plan, options: RunOptions, scorer: Scorer, on_progress: OnProgress | None) -> RunSummary:
    """Score all units of `plan` on a cluster; what an earlier attempt has finished is not done again.

    Raises `InputError` that names every unit that failed; the others are finished then.
    """
    plan.units[0].make_folder()
    with finished_units(plan, fingerprint_of([], options, scorer.sealed), restart=options.restart) as done:
        ledger = Ledger(plan, options, scorer.sealed, done)
        if ledger.left:
            with _connected(options.ray_address) as ray:
                _Crew(ray, ledger, options, scorer.sealed, on_progress).work()
        if failures := ledger.failures:
            reasons = "; ".join(failures[name] for name in sorted(failures))
            raise InputError(f"{len(failures):,} of {len(plan.units):,} outputs failed: {reasons}")
    return ledger.summary()


class _Crew:
    """The workers of a run, and the unit that each has; one that ends is replaced by another, where there is room."""

    def __init__(
        self, ray: Any, ledger: Ledger, options: RunOptions, sealed: SealedModel, on_progress: OnProgress | None
    ) -> None:
        self._ray, self._ledger, self._limit, self._on_progress = ray, ledger, options.memory_limit, on_progress
        self._size = min(options.workers or int(ray.cluster_resources().get("CPU", 1)), len(ledger.left))
        nodes = sum(node["Alive"] for node in ray.nodes())
        self._beside = -(-self._size // max(nodes, 1))
        self._model = ray.put(sealed)
        # Two threads: one that works, one that answers how far it is.
        self._worker = ray.remote(num_cpus=1, max_restarts=0, max_concurrency=2)(Worker)
        self._waiting: dict[Any, tuple[Any, Unit | None]] = {}
        self._deaths = Counter[str]()
        self._told = 0.0

    def work(self) -> None:
        """Until every unit is done or has failed."""
        for _ in range(self._size):
            self._hire()
        while self._ledger.left or any(unit for _, unit in self._waiting.values()):
            self._tell()
            ready, _ = self._ray.wait(list(self._waiting), timeout=_LOOK_EVERY)
            for answer in ready:
                self._take(answer)
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
            self._note(unit, found)
        else:
            _refuse_other_versions(found)
        if self._ledger.left:
            unit = self._ledger.begin()
            self._waiting[actor.score.remote(_for_a_worker(unit))] = actor, unit
        else:
            self._ray.kill(actor)

    def _note(self, unit: Unit, found: RunSummary | str) -> None:
        """What came of a unit, on disk when this returns."""
        if isinstance(found, str):
            self._ledger.fail(unit, found)
        else:
            self._ledger.finish(unit, found)
            self._ledger.keep()

    def _replace(self, unit: Unit | None, words: str) -> None:
        """Give the unit of a worker that has ended to another one, unless it is the unit that ends them."""
        if "ModuleNotFoundError" in words or "ImportError" in words:
            raise InputError("a node of the cluster cannot import sentiment-scorer; install the same version there")
        if unit:
            self._deaths[unit.name] += 1
            if self._deaths[unit.name] < _MOST_DEATHS:
                self._ledger.left.appendleft(unit)
            else:
                what = f"{_MOST_DEATHS} workers ended over it; allow more memory with --memory-limit, or look at it"
                self._ledger.fail(unit, f"{unit.inputs[0].name}: {what}")
        if self._ledger.left:
            self._hire()

    def _tell(self) -> None:
        """Say how far the run is, by what its workers say, at most every so often: each is asked."""
        at_work = [(actor, unit) for actor, unit in self._waiting.values() if unit]
        pause = max(_LOOK_EVERY, _SECONDS_TO_ASK_ONE * len(at_work))
        if not self._on_progress or time.monotonic() - self._told < pause:
            return
        units = {actor.progress.remote(): unit for actor, unit in at_work}
        ready, _ = self._ray.wait(list(units), num_returns=len(units), timeout=_LOOK_EVERY) if units else ([], [])
        heard = list[tuple[Unit, Progress]]()
        for answer in ready:
            with suppress(self._ray.exceptions.RayError):  # it has ended, which the answer about its unit tells
                if found := self._ray.get(answer):
                    heard.append((units[answer], found))
        self._on_progress(self._ledger.progress(heard, len(at_work), self._deaths.total()))
        self._told = time.monotonic()


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
