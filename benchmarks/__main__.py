"""How fast `scorer run` is, beside its peers, in one run.

python -m benchmarks reviews.parquet --train train.parquet --tokenizer bert-folder --json speed.json --figure speed.png

Every contender is a process of its own that scores the whole file; all take turns, for several rounds. Rates are
reviews per second: from opening the input to the finished file, without imports and loading, and those of the whole
process, with both. Needs `pip install -e '.[bench]'`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Column, Table

from benchmarks.stages import Stages
from scorer.system.limits import available_cpus

_SLOW_ROWS = 128  # a DistilBERT scores a handful of reviews a second


@dataclass
class Contender:
    """A command that prints rows and seconds as JSON, and what its runs gave."""

    name: str
    command: list[str]
    accuracy: float | None = None
    rates: list[float] = field(default_factory=list)
    """Reviews per second of each round."""
    whole_rates: list[float] = field(default_factory=list)
    """The same over all the time that the process took."""
    peak_bytes: int = 0

    def run(self) -> None:
        """One round."""
        start = time.perf_counter()
        process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        lines = process.stdout.read().strip().splitlines()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            raise SystemExit(f"{self.name}: failed: {' '.join(self.command)}")
        result = json.loads(lines[-1])
        self.rates.append(result["rows"] / result["seconds"])
        self.whole_rates.append(result["rows"] / seconds)
        self.peak_bytes = max(self.peak_bytes, usage.ru_maxrss * 1024)

    @property
    def rate(self) -> float:
        """Median of the rounds."""
        return statistics.median(self.rates)

    @property
    def whole_rate(self) -> float:
        """Median of the rounds, start and loading included."""
        return statistics.median(self.whole_rates)


def contenders(options: argparse.Namespace, work: Path) -> list[Contender]:
    """`scorer run` first, then the peers that were asked for."""
    csv = work / "reviews.csv"
    rows = pq.read_table(options.reviews)
    flat = [field.name for field in rows.schema if not pa.types.is_nested(field.type)]  # all that CSV can hold
    pacsv.write_csv(rows.select(flat), csv)
    run = [sys.executable, "-m", "scorer", "run", "--force", "--json"]
    peer = [sys.executable, "-m", "benchmarks.peers"]
    shared = ["--models", str(options.models), "--tokenizer", str(options.tokenizer)]
    found = [
        Contender("scorer run, Parquet", [*run, str(options.reviews), "-o", str(work / "a.parquet")]),
        Contender("scorer run, CSV", [*run, str(csv), "-o", str(work / "b.csv")]),
    ]
    for name in options.peers:
        few = ["--rows", str(_SLOW_ROWS)] if name == "distilbert" else []
        command = [*peer, name, str(options.reviews), str(work / f"{name}.parquet"), *shared, *few]
        found.append(Contender(name, command))
    return found


def stages_of(reviews: Path) -> Stages:
    """The stages of `scorer run`, in a process of their own as a run is."""
    measure = [sys.executable, "-m", "benchmarks.stages", str(reviews)]
    return Stages(**json.loads(subprocess.run(measure, stdout=subprocess.PIPE, check=True).stdout))


def with_accuracy(contender: Contender, work: Path, reviews: Path) -> None:
    """Fill in the share of labels that its output gets right, where the file has labels and the peer was trained."""
    path = work / ("a.parquet" if contender.name.startswith("scorer") else f"{contender.name}.parquet")
    labels = pq.read_table(reviews)
    if "label" not in labels.column_names or contender.name not in ("scorer run, Parquet", "tfidf", "fasttext"):
        return
    scores = pq.read_table(path).columns[-2 if contender.name.startswith("scorer") else -1].to_numpy()
    contender.accuracy = float(((scores >= 0.5) == (labels["label"].to_numpy() == 1)).mean())


def show(found: list[Contender], rounds: list[Stages]) -> None:
    """Print the table, and how near each round of `scorer run` comes to the floor of its time: machines change."""
    own = found[0]
    heads = ("reviews/s", "min–max", "times", "with start", "times", "peak MB", "accuracy")
    columns = Column("contender", overflow="fold"), *(Column(head, no_wrap=True) for head in heads)
    table = Table(*columns, box=None, pad_edge=False, caption="times: as fast as this one is scorer")
    for contender in found:
        spread = f"{min(contender.rates):,.0f}–{max(contender.rates):,.0f}"
        accuracy = f"{contender.accuracy:.2%}" if contender.accuracy else ""
        ratio, whole_ratio = f"{own.rate / contender.rate:.2f}", f"{own.whole_rate / contender.whole_rate:.2f}"
        rate, whole_rate, peak = contender.rate, contender.whole_rate, f"{contender.peak_bytes / 1e6:.0f}"
        table.add_row(contender.name, f"{rate:,.0f}", spread, ratio, f"{whole_rate:,.0f}", whole_ratio, peak, accuracy)
    console = Console()
    console.print(table)
    stages = Stages.median(rounds)
    per_review = {
        name: f"{seconds / stages.rows * 1e6:.1f} µs" for name, seconds in asdict(stages).items() if name != "rows"
    }
    console.print(f"CPU time per review and stage: {per_review}")
    floor = stages.rows / stages.floor
    reached = [rate * one.floor / one.rows for rate, one in zip(own.rates, rounds, strict=True)]
    console.print(
        f"floor on {available_cpus()} cores: {floor:,.0f} reviews/s; reached {statistics.median(reached):.2f} of it "
        f"({min(reached):.2f}–{max(reached):.2f})"
    )


def draw(found: list[Contender], path: Path) -> None:
    """Accuracy against reviews per second, for the contenders whose accuracy is known."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for contender in found:
        if contender.accuracy:
            axes.scatter(contender.rate, contender.accuracy)
            place = contender.rate, contender.accuracy
            axes.annotate(contender.name, place, xytext=(0, 8), textcoords="offset points", ha="center")
    axes.set(xscale="log", xlabel="reviews per second, file to file", ylabel="accuracy")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter("{x:.1%}")
    axes.grid(alpha=0.3, which="both")
    axes.margins(x=0.3, y=0.15)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Fit the peers that learn if needed, run all rounds, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reviews", type=Path)
    parser.add_argument("--train", type=Path, help="labelled reviews for the peers that learn")
    parser.add_argument("--tokenizer", type=Path, help="folder of the BERT tokenizer")
    parser.add_argument("--models", type=Path, default=Path("benchmarks/models"), help="where fitted peers are kept")
    parser.add_argument(
        "--peers", nargs="*", default=["tutorial", "lean_tutorial", "fasttext", "tfidf", "distilbert", "tokenizer_only"]
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    if options.train and not (options.models / "fasttext.bin").exists():
        # In a process of its own: a child's peak memory counts from what its parent had.
        fit = [sys.executable, "-m", "benchmarks.peers", "fit", str(options.train), str(options.models)]
        subprocess.run(fit, check=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        found, rounds = contenders(options, work), []
        for _ in range(options.rounds):
            before = stages_of(options.reviews)
            found[0].run()
            rounds.append(Stages.median([before, stages_of(options.reviews)]))
            for contender in found[1:]:
                contender.run()
        for contender in found:
            with_accuracy(contender, work, options.reviews)
    show(found, rounds)
    if options.json:
        options.json.write_text(
            json.dumps({"contenders": [asdict(c) for c in found], "stages": [asdict(one) for one in rounds]}, indent=2)
        )
    if options.figure:
        draw(found, options.figure)


if __name__ == "__main__":
    main()
