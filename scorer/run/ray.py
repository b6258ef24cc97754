"""The engine of a cluster: units of work are given to actors of Ray, which read, score and write them.

No row passes through Ray's object store: the driver moves the names of units, the summaries of what was done, and the
model, which reaches each node once. Workers, nodes and the driver itself may be killed at any time: a unit that was
begun and not finished is given to another worker, and what is finished is noted when its output is in place.
"""

import asyncio
import os
import platform
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, TextIO, cast

from scorer.errors import BusyOutputError, InputError, SentimentScorerError
from scorer.files.places import input_at
from scorer.model.network import Network
from scorer.model.sealed import SealedModel
from scorer.run.fingerprint import fingerprint_of, versions
from scorer.run.ledger import Ledger
from scorer.run.options import OnProgress, Progress, RunOptions, RunSummary
from scorer.run.plan import Plan, Unit, is_small
from scorer.run.threads import run_in_caller, run_in_threads
from scorer.run.units import finished_units
from scorer.scoring import Scorer
from scorer.system.installation import command_to_add
from scorer.system.limits import available_cpus, available_memory, limited_memory
from scorer.system.process import return_freed_memory

__all__ = ["run_on_ray"]

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report its use over the network
os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # and give up after 30 s, too few on a busy machine

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
_SECONDS_TO_END = 60
"""That a worker whom the cluster has lost may need to notice it: until then it holds the output of its unit."""
_SETTINGS = b"\x04"
"""The kind of the first frame that either side of HTTP/2 sends, after the frame's length of three bytes (RFC 9113)."""
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + _SETTINGS + bytes(5)
_Done = tuple[RunSummary, Mapping[str, str]]
"""What was done with a unit, and what its input was."""


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

    def versions(self) -> tuple[str, Mapping[str, str]]:
        """The name of this machine, and the versions of what decides a score here."""
        return platform.node(), _versions()

    def score(self, options: RunOptions) -> _Done | str:
        """Do one unit, whose input is asked what it is now; what its user can mend comes back as words."""
        self._progress = None
        try:
            with limited_memory(self._limit):
                return self._score_when_free(options)
        except MemoryError:
            return f"{options.input}: out of memory; allow more with --memory-limit"
        except (SentimentScorerError, OSError) as error:
            return str(error)

    def _score_when_free(self, options: RunOptions) -> _Done:
        file, began = input_at(options.input), time.monotonic()
        engine = run_in_caller if is_small(file.size) else run_in_threads
        while True:
            try:
                return engine([file], self._scorer, options, self._note), file.identity()
            except BusyOutputError:
                if time.monotonic() - began > _SECONDS_TO_END:
                    raise
                time.sleep(_LOOK_EVERY)

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
        self._unborn = 0
        self._told = 0.0

    def work(self) -> None:
        """Until every unit is done or has failed."""
        for _ in range(self._size):
            self._hire()
        while self._ledger.left or any(unit for _, unit in self._waiting.values()):
            self._tell()
            self._take(self._answers())
        for actor, _ in self._waiting.values():
            self._ray.kill(actor)

    def _hire(self) -> None:
        """Ask for a worker; it gets a unit when it answers, so none waits for a place that there may never be."""
        actor = self._worker.remote(self._model, self._limit, self._beside)
        self._waiting[actor.versions.remote()] = actor, None

    def _answers(self) -> list[Any]:
        """All that have come, of which there may be many: Ray looks at every worker each time that it is asked."""
        waiting = list(self._waiting)
        ready, _ = self._ray.wait(waiting, timeout=_LOOK_EVERY)
        if ready:
            ready, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=0)
        return list(ready)

    def _take(self, answers: list[Any]) -> None:
        """What workers say, and the next units for them; one write puts all of that on disk."""
        free = [actor for answer in answers if (actor := self._hear(answer))]
        units = self._ledger.begin(len(free))
        for actor, unit in zip(free, units, strict=False):
            self._waiting[actor.score.remote(_for_a_worker(unit))] = actor, unit
        for actor in free[len(units) :]:
            self._ray.kill(actor)

    def _hear(self, answer: Any) -> Any:
        """Note what a worker says; the worker, unless it has ended."""
        actor, unit = self._waiting.pop(answer)
        try:
            found = self._ray.get(answer)
        except self._ray.exceptions.RayActorError as error:
            self._replace(unit, str(error))
            return None
        if unit is None:
            _refuse_other_versions(*found)
            self._unborn = 0
        elif isinstance(found, str):
            self._ledger.fail(unit, found)
        else:
            summary, identity = found
            self._ledger.finish(unit, [identity], summary)
        return actor

    def _replace(self, unit: Unit | None, words: str) -> None:
        """Give the unit of a worker that has ended to another one, unless it is the unit that ends them."""
        if unit is None:
            self._refuse_to_hire(words)
        else:
            self._deaths[unit.name] += 1
            if self._deaths[unit.name] < _MOST_DEATHS:
                self._ledger.left.appendleft(unit)
            else:
                what = f"{_MOST_DEATHS} workers ended over it; allow more memory with --memory-limit, or look at it"
                self._ledger.fail(unit, f"{unit.inputs[0].name}: {what}")
        if self._ledger.left:
            self._hire()

    def _refuse_to_hire(self, words: str) -> None:
        """Raise `InputError` for what ends each worker before it has begun."""
        if "ModuleNotFoundError" in words or "ImportError" in words:
            raise InputError("a node of the cluster cannot import sentiment-scorer; install the same version there")
        self._unborn += 1
        if "creation task" in words or self._unborn == _MOST_DEATHS * self._size:
            raise InputError(f"no worker can begin on a node of the cluster: {words.strip().splitlines()[-1]}")

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


def _refuse_other_versions(node: str, there: Mapping[str, str]) -> None:
    other = [f"{name} {there.get(name)}, here {own}" for name, own in _versions().items() if there.get(name) != own]
    if other:
        raise InputError(f"the node {node} of the cluster has {'; '.join(other)}; install the same versions everywhere")


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
        with _unheard() if address else nullcontext():
            ray.init(address=address or "local", log_to_driver=False, logging_level="CRITICAL", **more)
    except Exception as error:  # among them bare ones
        words = " ".join(str(error).split())
        if isinstance(error, ConnectionError):
            words += "; if it wants a token, have that in ~/.ray/auth_token, and RAY_AUTH_MODE=token"
        raise InputError(f"the Ray cluster at {address or 'this machine'} cannot be used: {words}") from error
    try:
        with redirect_stdout(cast(TextIO, _WithoutRay(sys.stdout))):
            yield ray
    finally:
        with redirect_stdout(StringIO()):  # where this thread would say once more what Ray's said
            ray.shutdown()


class _WithoutRay:
    """A stream without what Ray's own threads print there: that a worker has ended, in the middle of our JSON."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what others print; returns the number of characters."""
        return len(text) if threading.current_thread().name.startswith("ray_") else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _unheard() -> Iterator[None]:
    """Let nothing reach standard error: while Ray connects it warns there each second of what it then raises."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


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
    """Something there speaks HTTP/2, as Ray's head does; its dashboard, for one, does not."""
    host, _, port = address.removeprefix("ray://").rpartition(":")

    async def greeted() -> bytes:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(_GREETING)
        try:
            return await reader.readexactly(4)
        finally:
            writer.close()

    try:
        return asyncio.run(asyncio.wait_for(greeted(), _SECONDS_TO_ANSWER))[3:] == _SETTINGS
    except (OSError, ValueError, EOFError, TimeoutError):
        return False
