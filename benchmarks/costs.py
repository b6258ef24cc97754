"""What each step of a run on a cluster costs, measured on this machine by the code that a run goes through."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.cluster import write_files
from scorer.model.sealed import EMBEDDED_MODEL, read_sealed
from scorer.run.fingerprint import fingerprint_of
from scorer.run.ledger import Ledger
from scorer.run.options import RunOptions, RunSummary
from scorer.run.plan import plan_run
from scorer.run.ray import Worker
from scorer.run.units import finished_units, identities_of

_NAMES = 1_000
_CALLS = 30
_WAITED_FOR = (100, 4_000)
"""Workers, in two measurements whose difference is what one more costs."""
_SIZES = {1: 40, 50: 40, 500: 20, 5_000: 6, 16_384: 6}
"""Rows of units, and how many of them a worker does that measures."""
_WORKER = """
import json, statistics, sys, time
from pathlib import Path
from scorer.model.sealed import EMBEDDED_MODEL, read_sealed
from scorer.run.options import RunOptions
from scorer.run.ray import Worker
folder, own, sizes = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
worker = Worker(read_sealed(EMBEDDED_MODEL), None, 2)

def took(path):
    began = time.perf_counter()
    worker.score(RunOptions(input=path, output=folder / f"{own}-{path.name}", workers=1, force=True))
    return time.perf_counter() - began

files = {size: sorted((folder / size).iterdir()) for size in sizes}
took(files["1"][0])
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps([statistics.median(map(took, paths)) for paths in files.values()]))
"""


def measured_workers(reviews: Path, folder: Path, count: int) -> tuple[tuple[float, float], ...]:
    """Rows and seconds of units of several sizes, of so many workers at work at once; each is its own process."""
    folder = folder / f"units{count}"
    folder.mkdir()
    for rows, files in _SIZES.items():
        write_files(reviews, folder / str(rows), rows * files, files)
    run = [sys.executable, "-c", _WORKER, str(folder)]
    sizes = json.dumps(list(map(str, _SIZES)))
    workers = [subprocess.Popen([*run, str(n), sizes], stdin=PIPE, stdout=PIPE, text=True) for n in range(count)]
    for worker in workers:
        assert worker.stdout
        worker.stdout.readline()
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("\n")
        worker.stdin.flush()
    found = [json.loads(worker.communicate()[0]) for worker in workers]
    return tuple(zip(_SIZES, map(statistics.mean, zip(*found, strict=True)), strict=True))


def measured_driver(folder: Path) -> dict[str, float]:
    """What the driver takes for names, notes and writes, without Ray."""
    few = folder / "names"
    few.mkdir()
    table = pa.table({"text": ["good"]})
    for number in range(_NAMES):
        pq.write_table(table, few / f"r{number:05d}.parquet")
    options, sealed = RunOptions(input=few, output=folder / "named", one_each=True), read_sealed(EMBEDDED_MODEL)
    began = time.perf_counter()
    plan = plan_run(options)
    plan.units[0].make_folder()
    with finished_units(plan, fingerprint_of([], options, sealed)) as done:
        ledger = Ledger(plan, options, sealed, done)
        name = (time.perf_counter() - began) / _NAMES
        summary = RunSummary.of_nothing(options, sealed)

        def note(most: int) -> float:
            began = time.perf_counter()
            for unit in ledger.begin(most):
                ledger.finish(unit, identities_of(unit), replace(summary))
            return time.perf_counter() - began

        one = statistics.median(note(1) for _ in range(_CALLS))
        many = statistics.median(note(20) for _ in range(_CALLS))
    each = max(many - one, 0) / 19
    return {"name": name, "sync": one - each, "note": each}


class Silent:
    """An actor that never answers."""

    def wait(self) -> None:
        """For longer than anybody measures."""
        time.sleep(1e6)


def measured_ray(address: str, sealed: Any) -> dict[str, float]:
    """What Ray takes on a cluster that is there: to connect, to start a worker, to wait for many, to answer."""
    import ray

    began = time.perf_counter()
    ray.init(address=address, log_to_driver=False, logging_level="CRITICAL")
    connect = time.perf_counter() - began
    model, kind = ray.put(sealed), ray.remote(num_cpus=1, max_restarts=0, max_concurrency=2)(Worker)
    began = time.perf_counter()
    workers = [kind.remote(model, None, 1) for _ in range(2)]
    hire = (time.perf_counter() - began) / 2
    ray.get([worker.versions.remote() for worker in workers])
    start = time.perf_counter() - began

    silent = ray.remote(num_cpus=0)(Silent).remote()
    never = [silent.wait.remote() for _ in range(_WAITED_FOR[1])]
    few, many = (_median(partial(ray.wait, never[:count], timeout=0)) for count in _WAITED_FOR)
    look = max(many - few, 0) / (_WAITED_FOR[1] - _WAITED_FOR[0])
    answer = _median(lambda: [ray.get(one) for one in [workers[0].versions.remote() for _ in range(20)]]) / 20
    ask = _median(lambda: ray.get([workers[0].progress.remote() for _ in range(20)])) / 20
    began = time.perf_counter()
    ray.shutdown()
    connect += time.perf_counter() - began
    return {"connect": connect, "hire": hire, "start": start, "look": look, "answer": answer, "ask": ask}


def _median(call: Callable[[], object]) -> float:
    def once() -> float:
        began = time.perf_counter()
        call()
        return time.perf_counter() - began

    return statistics.median(once() for _ in range(_CALLS))


@contextmanager
def cluster_of_two() -> Iterator[Any]:
    """Two raylets of one logical CPU each on this machine, as the tests start them."""
    from ray.cluster_utils import Cluster as RealCluster

    node = {"num_cpus": 1, "object_store_memory": 100 << 20}
    cluster = RealCluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    try:
        cluster.add_node(**node)
        yield cluster
    finally:
        cluster.shutdown()
