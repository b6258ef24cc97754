"""A run of `--engine ray` as a discrete-event simulation: the driver, its workers, and the storage between them.

It does what `scorer/run/ray.py` does, step by step: the driver plans all units, asks for all workers, then takes all
answers that have come and gives out the next units with one write to disk. A worker's unit takes what units of its
size take; its bytes queue at the storage that all share. What each step costs is given, see `benchmarks.scaling`.
"""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LOOK_EVERY = 0.5
"""Seconds: the least between two questions to all workers, as in `scorer/run/ray.py`."""
_SECONDS_TO_ASK_ONE = 0.01


@dataclass(frozen=True)
class Costs:
    """Seconds that steps take, but for rows per second; measured."""

    sizes: tuple[tuple[float, float], ...]
    """Rows of a unit, and a worker's seconds for it while the other cores are at work too; the fewest rows first.

    All that a unit takes is in it: open, lock, read, score, write, put on disk, rename. The first rows cost most.
    """
    command: float
    """Of the command until it looks for its inputs, and its end."""
    connect: float
    """To a cluster that is there, and leaving it."""
    name: float
    """Of the driver for each unit: listed, planned, its output not there."""
    hire: float
    """Of the driver for each worker that it asks for."""
    start: float
    """Of a worker from there until it has loaded the model and answers."""
    look: float
    """Of the driver for each worker that is waited for, each time that it asks Ray who has answered."""
    answer: float
    """Of the driver for each answer, with the next unit that it gives out."""
    sync: float
    """Of the driver for each write that puts on disk what is finished and begun."""
    ask: float
    """Of the driver for each worker that is asked how far it is."""

    @property
    def rows_per_second(self) -> float:
        """Of a worker in a unit that is large."""
        (rows, seconds), (more_rows, more_seconds) = self.sizes[-2:]
        return (more_rows - rows) / (more_seconds - seconds)

    @property
    def unit(self) -> float:
        """Of a worker for each unit, whatever its rows."""
        return self.sizes[0][1]

    def seconds(self, rows: float) -> float:
        """Of a worker for a unit of so many rows: between the sizes that were measured in proportion."""
        most, longest = self.sizes[-1]
        if rows >= most:
            return longest + (rows - most) / self.rows_per_second
        sizes, seconds = zip(*self.sizes, strict=True)
        return float(np.interp(rows, sizes, seconds))


@dataclass(frozen=True)
class Cluster:
    """What a run is simulated on; the rates are assumptions, which `docs/SCALING.md` gives with their sources."""

    nodes: int
    cores: int = 16
    bytes_per_row: float = 0.0
    """Read and written."""
    node_bandwidth: float = float("inf")
    """Bytes a second between a node and the storage."""
    storage_bandwidth: float = float("inf")
    """Bytes a second of the storage, for all nodes together."""
    latency: float = 0.0
    """Seconds for which a unit waits for answers of a store."""
    name_latency: float = 0.0
    """Likewise the driver, for each unit that it plans."""
    workers_per_second: float = float("inf")
    """That Ray starts, all nodes together."""
    model_seconds: float = 0.0
    """Until the last node has the model."""
    spread: float = 0.0
    """Of the speed of nodes: the standard deviation of its logarithm."""
    slow: float = 0.0
    """Share of the nodes that are half as fast."""

    @property
    def workers(self) -> int:
        """One for each core."""
        return self.nodes * self.cores


@dataclass(frozen=True)
class Outcome:
    """Seconds since the command began, and of what the time was."""

    seconds: float
    planned: float
    """When all units were known."""
    started: float
    """When the last worker was ready."""
    tail: float
    """From the first worker that found no more units to the end."""
    driver: float
    """How long the driver was busy with answers."""
    worked: float
    """Of all workers together, at their units."""


def simulate(costs: Costs, cluster: Cluster, units: Sequence[float], seed: int = 0) -> Outcome:
    """Seconds that the rows of `units` take, in the order in which they are given out."""
    planned = costs.command + costs.connect + len(units) * (costs.name + cluster.name_latency)
    speeds = _speeds(cluster, random.Random(seed))
    answers = _first_answers(costs, cluster, min(cluster.workers, len(units)), planned)
    started, now = max(answers)[0], planned + len(answers) * costs.hire
    given, busy, told, worked, storage_free, idle = 0, 0.0, now, 0.0, 0.0, float("inf")
    while answers:
        now = began = max(now, answers[0][0])
        now += 2 * costs.look * len(answers)  # Ray is asked for the first answer, then for all
        came = []
        while answers and answers[0][0] <= now:
            came.append(heapq.heappop(answers)[1])
        now += len(came) * costs.answer + costs.sync
        if now - told >= max(_LOOK_EVERY, _SECONDS_TO_ASK_ONE * len(answers)):
            now += costs.ask * len(answers)
            told = now
        busy += now - began
        for worker in came:
            if given == len(units):
                idle = min(idle, now)
                continue
            rows, given = units[given], given + 1
            seconds = costs.seconds(rows) / speeds[worker // cluster.cores]
            moved = rows * cluster.bytes_per_row
            storage_free = max(storage_free, now) + moved / cluster.storage_bandwidth
            alone = cluster.latency + max(seconds, moved / cluster.node_bandwidth * cluster.cores)
            heapq.heappush(answers, (max(now + alone, storage_free), worker))
            worked += seconds
    return Outcome(now, planned, started, now - min(idle, now), busy, worked)


def _speeds(cluster: Cluster, chance: random.Random) -> list[float]:
    """Of each node; 1 on average, but for the slow ones."""
    return [
        chance.lognormvariate(-(cluster.spread**2) / 2, cluster.spread) * (0.5 if chance.random() < cluster.slow else 1)
        for _ in range(cluster.nodes)
    ]


def _first_answers(costs: Costs, cluster: Cluster, workers: int, planned: float) -> list[tuple[float, int]]:
    """When each worker is ready; they are spread over the nodes, and Ray starts so many a second."""
    apart = max(costs.hire, 1 / cluster.workers_per_second)
    spread = [place % cluster.nodes * cluster.cores + place // cluster.nodes for place in range(workers)]
    found = [
        (planned + (place + 1) * apart + costs.start + cluster.model_seconds, worker)
        for place, worker in enumerate(spread)
    ]
    heapq.heapify(found)
    return found
