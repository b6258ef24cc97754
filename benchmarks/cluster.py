"""`--engine ray` beside `--engine local` and beside Ray Data's `map_batches`, on the same cores, in turns.

python -m benchmarks.cluster reviews.parquet [--rows 500000] [--files 48] [--rounds 3]

The reviews of a Parquet file, as often as it takes for so many rows, are written to so many files. Rates are reviews a
second of the whole command; what two reviews take, which is the start and the end of Ray, is told apart. Needs
`pip install -e '.[ray]' pandas`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from scorer.system.limits import available_cpus

_RUN = [sys.executable, "-m", "scorer", "run"]
_MAP_BATCHES = """
import json, sys, time
import ray, ray.data
from scorer import Scorer

class Scored:
    def __init__(self):
        self.scorer = Scorer.open()
    def __call__(self, table):
        return self.scorer.score_frame(table)

source, target, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
ray.init(num_cpus=2 * workers, log_to_driver=False, logging_level="CRITICAL", include_dashboard=False)
ray.data.DataContext.get_current().enable_progress_bars = False
started = time.perf_counter()
reviews = ray.data.read_parquet(source)
scored = reviews.map_batches(Scored, batch_format="pyarrow", batch_size=4096, concurrency=workers)
scored.write_parquet(target)
print(json.dumps(time.perf_counter() - started))
"""


def write_files(reviews: Path, folder: Path, rows: int, files: int) -> None:
    """`files` files that together have `rows` rows, those of `reviews` again and again."""
    table = pq.read_table(reviews)
    whole = pa.concat_tables([table] * -(-rows // table.num_rows)).slice(0, rows)
    folder.mkdir()
    each = -(-rows // files)
    for number in range(files):
        pq.write_table(whole.slice(number * each, each), folder / f"r{number:05d}.parquet", row_group_size=16_384)


def seconds(command: list[str]) -> float:
    """Wall time of a command that must succeed."""
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def seconds_of_map_batches(source: Path, target: Path, workers: int) -> float:
    """What it says that it took, from a Ray that is there to the last file."""
    command = [sys.executable, "-c", _MAP_BATCHES, str(source), str(target), str(workers)]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    return float(json.loads(result.stdout.splitlines()[-1]))


def one_round(work: Path, number: int, cores: int) -> dict[str, float]:
    """Seconds of each contender, one after the other; raises `SystemExit` where the engines' outputs differ."""
    local, ray, two, mapped = (work / f"{name}{number}" for name in ("local", "ray", "two", "map"))
    by_ray, cpus = ["--engine", "ray"], ["--workers", str(cores)]
    found = {
        "--engine local": seconds([*_RUN, str(work / "in"), "-o", f"{local}/", *cpus]),
        "--engine ray, with Ray's start and end": seconds([*_RUN, str(work / "in"), "-o", f"{ray}/", *by_ray, *cpus]),
    }
    start = seconds([*_RUN, str(work / "few"), "-o", f"{two}/", *by_ray, *cpus])
    found["--engine ray, without them"] = found["--engine ray, with Ray's start and end"] - start
    found["map_batches, after Ray's start"] = seconds_of_map_batches(work / "in", mapped, cores)
    for path in local.iterdir():
        if path.read_bytes() != (ray / path.name).read_bytes():
            raise SystemExit(f"{path.name}: the engines differ")
    return found


def show(rounds: list[dict[str, float]], rows: int) -> None:
    """The median of each contender, and its share of the local engine's rate in the same round."""
    table = Table("contender", "reviews/s", "rounds", "beside local")
    for name in rounds[0]:
        rates = [rows / one[name] for one in rounds]
        ratio = statistics.median(one["--engine local"] / one[name] for one in rounds)
        each = ", ".join(f"{rate:,.0f}" for rate in rates)
        table.add_row(name, f"{statistics.median(rates):,.0f}", each, f"{ratio:.2f}")
    Console().print(table)


def main() -> None:
    """Write the files, run all rounds, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reviews", type=Path)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--files", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ.pop("RAY_ADDRESS", None)  # a cluster of this machine alone, for each
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_files(options.reviews, work / "in", options.rows, options.files)
        write_files(options.reviews, work / "few", 2, 1)
        rounds = [one_round(work, number, available_cpus()) for number in range(options.rounds)]
    show(rounds, options.rows)


if __name__ == "__main__":
    main()
