"""Compressed inputs, many small files and an object store, each beside one plain local file of the same rows.

python -m benchmarks.places reviews.parquet [--rows 200000] [--files 10000] [--rounds 3] [--only plain,gz,files,s3]

Seconds are those of whole commands. Of a compressed input the decompressor's own time is told too, which is what it may
cost more; `folder` writes an output for each of the small files, each of which is put on disk. The store is moto's
server in a process of its own: `s3` reads from it, `to s3` writes there. That needs `pip install -e '.[remote]'
'moto[server]'`.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from scorer.files.compression import unpacked
from scorer.files.inputs import LocalInput

PACKINGS = {"gz": "gzip", "zst": "zstd", "bz2": "bz2", "lz4": "lz4"}
_RUN = [sys.executable, "-m", "scorer", "run", "--quiet"]
_SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
_KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


def write_inputs(reviews: Path, work: Path, rows: int, files: int) -> None:
    """The first texts of `reviews`, as often as it takes, as one CSV file, the same compressed, and many small ones."""
    texts = pq.read_table(reviews, columns=["text"]).slice(0, rows)
    table = pa.concat_tables([texts] * -(-rows // texts.num_rows)).slice(0, rows).combine_chunks()
    pacsv.write_csv(table, work / "in.csv")
    for ending, codec in PACKINGS.items():
        with pa.CompressedOutputStream(str(work / f"in.csv.{ending}"), codec) as file:
            file.write((work / "in.csv").read_bytes())
    (work / "in").mkdir()
    each = -(-rows // files)
    for number in range(-(-rows // each)):
        pacsv.write_csv(table.slice(number * each, each), work / f"in/{number:05d}.csv")


def seconds(*arguments: str | Path) -> float:
    """Wall time of a run that must succeed."""
    started = time.perf_counter()
    subprocess.run([*_RUN, *map(str, arguments)], check=True)
    return time.perf_counter() - started


def seconds_to_unpack(path: Path) -> float:
    """What the decompressor alone takes."""
    started = time.perf_counter()
    with unpacked(LocalInput(path)).open() as raw:
        while raw.read(1 << 20):
            pass
    return time.perf_counter() - started


def contenders(work: Path) -> dict[str, Callable[[], float]]:
    """Each way to read and write the rows, by its name."""
    one, out, store = f"{work}/in.csv", f"{work}/out.csv", "s3://bucket"
    ways = {"plain": (one, out), **{ending: (f"{one}.{ending}", out) for ending in PACKINGS}}
    ways |= {"files": (f"{work}/in", out), "folder": (f"{work}/in", f"{work}/each/")}
    ways |= {"s3": (f"{store}/in.csv", out), "to s3": (one, f"{store}/out.csv")}
    return {name: partial(seconds, source, "-o", target, "--force") for name, (source, target) in ways.items()}


@contextmanager
def object_store(file: Path) -> Iterator[None]:
    """A server of S3 while the block runs, with a copy of `file` in its bucket; commands find it by the environment."""
    import boto3

    command, pipe = [sys.executable, "-c", _SERVER], subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout
    os.environ.update(_KEYS, AWS_ENDPOINT_URL=f"http://127.0.0.1:{int(process.stdout.readline())}")
    try:
        client = boto3.client("s3")
        client.create_bucket(Bucket="bucket")
        client.upload_file(str(file), "bucket", file.name)
        yield
    finally:
        process.communicate()


def show(rounds: list[dict[str, float]], own: dict[str, float], rows: int) -> None:
    """Median seconds of each, beside the plain file in the same round, and what a decompressor takes of them."""
    table = Table("input and output", "seconds", "rounds", "rows/s", "times plain", "decompressor alone")
    for name in rounds[0]:
        each = [one[name] for one in rounds]
        ratio = statistics.median(one[name] / one["plain"] for one in rounds)
        middle, alone = statistics.median(each), f"{own[name]:.2f} s" if name in own else ""
        shown = ", ".join(f"{one:.2f}" for one in each)
        table.add_row(name, f"{middle:.2f}", shown, f"{rows / middle:,.0f}", f"{ratio:.2f}", alone)
    Console().print(table)


def one_round(runs: dict[str, Callable[[], float]], names: list[str], work: Path) -> dict[str, float]:
    """Seconds of each of `names`; raises `SystemExit` where an output is not that of the plain file."""
    found, expected = dict[str, float](), b""
    for name in names:
        found[name] = runs[name]()
        if (work / "out.csv").exists():
            content = (work / "out.csv").read_bytes()
            expected = expected or content
            if content != expected:
                raise SystemExit(f"{name}: another output than that of the plain file")
            (work / "out.csv").unlink()
        shutil.rmtree(work / "each", ignore_errors=True)
    return found


def main() -> None:
    """Write the files, run all rounds, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reviews", type=Path)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", metavar="A,B", help="Some of them, beside the plain file.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_inputs(options.reviews, work, options.rows, options.files)
        runs = contenders(work)
        asked = options.only.split(",") if options.only else list(runs)
        names = ["plain", *(name for name in runs if name in asked and name != "plain")]
        with object_store(work / "in.csv") if {"s3", "to s3"} & set(names) else nullcontext():
            rounds = [one_round(runs, names, work) for _ in range(options.rounds)]
        own = {name: seconds_to_unpack(work / f"in.csv.{name}") for name in names if name in PACKINGS}
    show(rounds, own, options.rows)


if __name__ == "__main__":
    main()
