"""What bounds 10, 100 and 1,000 nodes: costs measured on this machine, a simulation held against real runs, and money.

python -m benchmarks.scaling reviews.parquet [--rows 200000] [--page docs/SCALING.md] [--figure docs/scaling.svg]

Every cost is taken from the code that a run goes through. Real runs of one and two workers, with few large units and
with many small ones, then say how far the simulation is off. `docs/SCALING.md` explains the tables, and `--page` puts
them there. Needs `pip install -e '.[ray,report]'`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.cluster import seconds, write_files
from benchmarks.costs import cluster_of_two, measured_driver, measured_ray, measured_workers
from benchmarks.simulation import Cluster, Costs, simulate
from scorer.model.sealed import EMBEDDED_MODEL, read_sealed
from scorer.system.limits import available_cpus


def run_command(folder: Path, output: Path, *more: str) -> list[str]:
    """`scorer run` of a folder into another."""
    return [sys.executable, "-m", "scorer", "run", str(folder), "-o", f"{output}/", "--quiet", *more]


@dataclass(frozen=True)
class Trial:
    """A real run, and what the simulation said of it before."""

    name: str
    workers: int
    seconds: float
    simulated: float


_RUNS = 3
"""Of each trial, of which the median is told."""


def trials(costs: dict[int, Costs], work: Path, address: str, rows: int, reviews: Path) -> Iterator[Trial]:
    """Real runs beside the simulation: large units, then small ones, by one worker and by two."""
    shapes = {"16 large units": (rows, 16), "400 small units": (rows // 10, 400)}
    for name, (total, files) in shapes.items():
        folder = work / f"in{files}"
        write_files(reviews, folder, total, files)
        for workers in (1, 2):
            ray = ["--engine", "ray", "--ray-address", address, "--workers", str(workers)]
            took = statistics.median(
                seconds(run_command(folder, work / f"out{files}-{workers}-{number}", *ray)) for number in range(_RUNS)
            )
            cluster = Cluster(nodes=workers, cores=1)
            yield Trial(name, workers, took, simulate(costs[workers], cluster, [total / files] * files).seconds)


def measure(reviews: Path, work: Path, rows: int) -> tuple[dict[int, Costs], list[Trial]]:
    """The costs with one worker and with two, and the trials."""
    write_files(reviews, work / "one", 1, 1)
    command = statistics.median(seconds(run_command(work / "one", work / f"one{n}")) for n in range(3))
    driver = measured_driver(work)
    note = driver.pop("note")
    with cluster_of_two() as cluster:
        run = [sys.executable, "-m", "benchmarks.scaling", "--ray-costs", cluster.address]
        by_ray = json.loads(subprocess.run(run, stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()[-1])
        by_ray["answer"] += note
        costs = {}
        for count in (1, 2):
            costs[count] = Costs(measured_workers(reviews, work, count), command=command, **driver, **by_ray)
        return costs, list(trials(costs, work, cluster.address, rows, reviews))


# What cannot be measured on one machine; the page gives the sources.
NODES = (1, 3, 10, 30, 100, 300, 1_000)
TOLD = (10, 100, 1_000)
LAKE = 10_000_000_000
UNITS = (30_000, 200_000, 1_000_000)
FILE_SERVER = 10e9
"""Bytes a second."""
_LATENCY = 0.03
"""Seconds for which a store lets one wait."""
_REQUESTS = 8
"""Of a worker for each unit."""
_NAMES_IN_ANSWER = 1_000
"""Of a listing; the driver asks for one of inputs and one of outputs."""
Rows = list[tuple[str, ...]]


def bytes_per_row(reviews: Path) -> float:
    """Read and written, as it is stored; what is written is what was read, and little more."""
    return 2.0 * reviews.stat().st_size / int(pq.read_metadata(reviews).num_rows)


def large_cluster(nodes: int, row_bytes: float, storage: float = float("inf")) -> Cluster:
    """A cluster of nodes of 16 cores beside a store, as assumed."""
    return Cluster(
        nodes,
        bytes_per_row=row_bytes,
        node_bandwidth=1.25e9,  # 10 Gbit/s
        storage_bandwidth=storage,
        latency=_REQUESTS * _LATENCY,
        name_latency=2 * _LATENCY / _NAMES_IN_ANSWER,
        workers_per_second=550,  # 10,000 actors in 18.2 s
        model_seconds=nodes * EMBEDDED_MODEL.stat().st_size / (50 * (1 << 30) / 16.9),  # 1 GiB to 50 nodes: 16.9 s
        spread=0.05,
        slow=0.01,
    )


def bounds(costs: Costs, cluster: Cluster, rows: float, units: int) -> dict[str, float]:
    """Seconds that each part would take by itself, calculated."""
    workers = min(cluster.workers, units)
    rounds = units / workers
    look = 2 * costs.look * workers + costs.sync
    return {
        "cores alone": rows / cluster.workers / costs.rows_per_second,
        "listing and planning": units * (costs.name + cluster.name_latency),
        "start of the workers": costs.start + workers / cluster.workers_per_second,
        "model to all nodes": cluster.model_seconds,
        "fixed cost of units": rounds * (costs.unit + cluster.latency),
        "network of the nodes": rows * cluster.bytes_per_row / cluster.node_bandwidth / cluster.nodes,
        "file server of 10 GB/s": rows * cluster.bytes_per_row / FILE_SERVER,
        "a last unit, half as fast": 2 * rows / units / costs.rows_per_second,
        "driver": units * costs.answer + rounds * look,
    }


def simulated(costs: Costs, row_bytes: float) -> Rows:
    """What is calculated and simulated of a large lake, in seconds, by nodes and size of units."""
    columns = [["seconds"], *([name] for name in bounds(costs, large_cluster(1, row_bytes), LAKE, 1))]
    columns += [["**simulated**"], ["… with that file server"], ["share of the cores' time at work"]]
    for nodes in TOLD:
        for unit in UNITS:
            cluster, units = large_cluster(nodes, row_bytes), [unit] * (LAKE // unit)
            calculated = bounds(costs, cluster, LAKE, len(units))
            whole = simulate(costs, cluster, units).seconds
            slower = simulate(costs, replace(cluster, storage_bandwidth=FILE_SERVER), units).seconds
            numbers = [f"{value:,.0f}" if value >= 10 else f"{value:,.1f}" for value in calculated.values()]
            share = f"{calculated['cores alone'] / whole:.0%}"
            cells = [f"{nodes:,} × {unit:,}", *numbers, f"**{whole:,.0f}**", f"{slower:,.0f}", share]
            for column, cell in zip(columns, cells, strict=True):
                column.append(cell)
    return [tuple(column) for column in columns]


@dataclass(frozen=True)
class Rented:
    """Something that scores, by the hour."""

    name: str
    reviews_per_second: float
    price: float
    """Dollars an hour."""

    @property
    def hours(self) -> float:
        """For a billion reviews."""
        return 1e9 / self.reviews_per_second / 3600


def money(rate: float, prices: Sequence[float]) -> Rows:
    """A billion reviews on rented cores, and on GPUs as NVIDIA measured BERT-Base: TensorRT, FP16, 128 at once."""
    core, t4, a100 = prices
    rented = (
        Rented("**ours**, the reviews measured here, a core", rate, core),
        Rented("**ours**, short reviews (README: 50,000 on two cores), a core", 25_000, core),
        Rented("**ours**, IMDB's (README: 18,272 on two cores), a core", 9_136, core),
        Rented("BERT-Base, 128 tokens, a T4", 128 / 0.14420, t4),
        Rented("BERT-Base, 128 tokens, an A100", 128 / 0.01614, a100),
        Rented("BERT-Base, 384 tokens, a T4", 128 / 0.45876, t4),
        Rented("BERT-Base, 384 tokens, an A100", 128 / 0.05126, a100),
    )
    rows: Rows = [("a billion reviews", "reviews/s", "hours", "$ an hour", "$")]
    for one in rented:
        figures = (
            f"{one.reviews_per_second:,.0f}",
            f"{one.hours:,.0f}",
            f"{one.price:.4g}",
            f"{one.hours * one.price:,.2f}",
        )
        rows.append((one.name, *figures))
    return rows


_WORDS = {
    "rows_per_second": "rows a second of a worker",
    "command": "the command's own start and end",
    "connect": "to a cluster, and leaving it",
    "name": "driver: a unit planned",
    "hire": "driver: a worker asked for",
    "start": "a worker until it answers, the model loaded",
    "look": "driver: Ray's look at one worker more",
    "answer": "driver: an answer taken, a unit given out",
    "sync": "driver: a write to disk",
    "ask": "driver: a worker asked how far it is",
}


def told(costs: dict[int, Costs]) -> Rows:
    """The costs, with one worker at work and with two."""
    rows: Rows = [("", "one worker at work", "two")]
    for measured in zip(*(one.sizes for one in costs.values()), strict=True):
        size = measured[0][0]
        cells = (f"{seconds * 1000:,.4g} ms" for _, seconds in measured)
        rows.append(("a unit of one row" if size == 1 else f"a unit of {size:,} rows", *cells))
    for field, words in _WORDS.items():
        values = (getattr(one, field) for one in costs.values())
        cells = (f"{value:,.0f}" if field == "rows_per_second" else f"{value * 1000:,.4g} ms" for value in values)
        rows.append((words, *cells))
    return rows


def circumstances(reviews: Path, load: float) -> str:
    """When and where it was measured, of what, beside how much other work."""
    length = pc.mean(pc.utf8_length(pq.read_table(reviews, columns=["text"])["text"])).as_py()
    return (
        f"{date.today():%Y-%m-%d}, {available_cpus()} cores, reviews of {length:,.0f} characters on average; "
        f"load average {load:.1f} before."
    )


def tried(found: Sequence[Trial]) -> Rows:
    """The real runs beside what was simulated before."""
    rows: Rows = [("run", "workers", "seconds", "simulated", "simulated / real")]
    for one in found:
        cells = f"{one.seconds:.1f}", f"{one.simulated:.1f}", f"{one.simulated / one.seconds:.2f}"
        rows.append((one.name, str(one.workers), *cells))
    return rows


def markdown(rows: Rows) -> str:
    """A table; all but the first column to the right."""
    header, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([header, "|---|" + "---:|" * (len(rows[0]) - 1), *body])


def put(page: Path, sections: dict[str, str]) -> None:
    """Replace what stands on a page between the marks of each section."""
    text = page.read_text(encoding="utf-8")
    for name, content in sections.items():
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        assert mark, name
        assert end, name
        text = f"{before}{mark}\n{content}\n\n{end}{after}"
    page.write_text(text, encoding="utf-8")


def draw(costs: Costs, row_bytes: float, path: Path) -> None:
    """Minutes for the lake over nodes, for units of several sizes, beside what the cores alone would take."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    alone = [LAKE / costs.rows_per_second / large_cluster(nodes, row_bytes).workers / 60 for nodes in NODES]
    axes.plot(NODES, alone, "k--", linewidth=1, label="cores alone")
    for unit in UNITS:
        runs = (simulate(costs, large_cluster(nodes, row_bytes), [unit] * (LAKE // unit)) for nodes in NODES)
        axes.plot(NODES, [run.seconds / 60 for run in runs], marker="o", label=f"{unit:,} rows a unit")
    axes.set(xscale="log", yscale="log", xlabel="nodes of 16 cores", ylabel=f"minutes for {LAKE:,} reviews")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,g}")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, try, simulate, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reviews", type=Path, nargs="?", help="Parquet with a column text")
    parser.add_argument("--rows", type=int, default=200_000, help="of the real runs")
    parser.add_argument("--page", type=Path, help="where the tables stand between marks")
    parser.add_argument("--figure", type=Path)
    names, usual = ("CORE", "T4", "A100"), (0.0446, 0.526, 2.745)
    parser.add_argument("--prices", type=float, nargs=3, metavar=names, default=usual, help="dollars an hour")
    parser.add_argument("--ray-costs", metavar="ADDRESS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ray_costs:  # in a process of its own, as a driver is
        print(json.dumps(measured_ray(options.ray_costs, read_sealed(EMBEDDED_MODEL))))
        return
    os.environ["SCORER_MODEL"] = "default"
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        costs, found = measure(options.reviews, Path(folder), options.rows)
    all_at_work, row_bytes = costs[max(costs)], bytes_per_row(options.reviews)
    rows = {"costs": told(costs), "trials": tried(found), "simulated": simulated(all_at_work, row_bytes)}
    rows["money"] = money(all_at_work.rows_per_second, options.prices)
    sections = {name: markdown(table) for name, table in rows.items()}
    sections["costs"] = f"{circumstances(options.reviews, load)}\n\n{sections['costs']}"
    print("\n\n".join(sections.values()))
    if options.page:
        put(options.page, sections)
    if options.figure:
        draw(all_at_work, row_bytes, options.figure)


if __name__ == "__main__":
    main()
