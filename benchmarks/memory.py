"""How much memory `scorer run` takes: a large file against a small one, in every format.

python -m benchmarks.memory --reviews reviews.parquet --rows 1000000

Each file repeats the reviews in a random order. Peak memory is that of the whole process, as the system counts it.
Without `--reviews` those of `data/` are used, each made different by its number.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

_OWN_REVIEWS = Path(__file__).parents[1] / "data" / "train.csv"
# The process asks for its own peak at its end: what the system counts for a child begins with its parent's size.
_PROGRAM = """
from scorer.cli.app import main
try:
    main()
finally:
    print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
_CHUNK = 10_000
_SMALL_SHARE = 10  # the small file has a tenth of the rows


def chunks(texts: list[str], rows: int, *, numbered: bool) -> Iterator[list[str]]:
    """`rows` texts drawn at random, some thousand at a time."""
    random = np.random.default_rng(0)
    for start in range(0, rows, _CHUNK):
        drawn = [texts[i] for i in random.integers(0, len(texts), min(_CHUNK, rows - start))]
        yield [f"{text} {start + i}" for i, text in enumerate(drawn)] if numbered else drawn


def write_row_groups(path: Path, parts: Iterator[list[str]]) -> None:
    """Parquet with a row group for each chunk."""
    with pq.ParquetWriter(path, pa.schema([("text", pa.string())])) as writer:
        for part in parts:
            writer.write_table(pa.table({"text": part}))


def write_one_group(path: Path, parts: Iterator[list[str]]) -> None:
    """Parquet with a single row group, however large."""
    table = pa.table({"text": pa.chunked_array([pa.array(part) for part in parts])})
    pq.write_table(table, path, row_group_size=table.num_rows)


def write_csv(path: Path, parts: Iterator[list[str]]) -> None:
    """CSV with one column."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text"])
        for part in parts:
            writer.writerows([text] for text in part)


def write_jsonl(path: Path, parts: Iterator[list[str]]) -> None:
    """JSON Lines with one member."""
    with path.open("w", encoding="utf-8") as file:
        for part in parts:
            file.writelines(json.dumps({"text": text}) + "\n" for text in part)


LAYOUTS: dict[str, tuple[str, Callable[[Path, Iterator[list[str]]], None]]] = {
    "Parquet, row groups of 10,000": (".parquet", write_row_groups),
    "Parquet, one row group": (".parquet", write_one_group),
    "CSV": (".csv", write_csv),
    "JSON Lines": (".jsonl", write_jsonl),
}


def peak_megabytes(reviews: Path) -> float:
    """Largest resident set of `scorer run` on the file, in MB."""
    output = reviews.with_name(f"scored{reviews.suffix}")
    arguments = ["run", str(reviews), "-o", str(output), "--force", "--quiet"]
    result = subprocess.run([sys.executable, "-c", _PROGRAM, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    output.unlink()
    return int(result.stdout) * 1024 / 1e6


def main() -> None:
    """Print a table of peaks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reviews", type=Path, help="Parquet with a column text")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--layouts", nargs="*", choices=list(LAYOUTS), default=list(LAYOUTS), metavar="NAME")
    options = parser.parse_args()
    reviews = pq.read_table(options.reviews) if options.reviews else pacsv.read_csv(_OWN_REVIEWS)
    texts = reviews["text"].drop_null().to_pylist()
    sizes = (options.rows // _SMALL_SHARE, options.rows)
    table = Table("", *(f"{rows:,} rows, MB" for rows in sizes), "ratio")
    for name in options.layouts:
        suffix, write = LAYOUTS[name]
        peaks = []
        for rows in sizes:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"reviews{suffix}"
                write(path, chunks(texts, rows, numbered=options.reviews is None))
                peaks.append(peak_megabytes(path))
        table.add_row(name, *(f"{peak:.0f}" for peak in peaks), f"{peaks[1] / peaks[0]:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
