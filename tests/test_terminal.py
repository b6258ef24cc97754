"""What the commands show on a terminal, where there is one."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from scorer import Scorer
from scorer.run.job import run
from scorer.run.options import Progress, RunOptions
from tests.conftest import DATA, TINY
from tests.writing import write_table


def on_terminal(name: str, *arguments: object) -> str:
    """Run a command with a pseudo-terminal as its output; returns all that it wrote there."""
    ours, theirs = pty.openpty()
    program = f"import sys; sys.argv = {[name, *map(str, arguments)]!r}; from {name}.__main__ import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65_536):
            shown += chunk
    except OSError:  # how Linux says that the other side has closed
        pass
    os.close(ours)
    assert process.wait() == 0, shown.decode()
    return shown.decode()


def test_fit_shows_a_bar(tmp_path: Path) -> None:
    shown = on_terminal("trainer", "fit", "--data", DATA, *TINY, "-o", tmp_path / "best.pth")
    for part in ("epoch 1/2", "epoch 2/2", "reviews/s", "loss 0.", "accuracy", "best epoch"):
        assert part in shown


def test_run_shows_a_bar(fitted: Path, tmp_path: Path) -> None:
    reviews = pq.read_table(DATA / "reviews.parquet")
    pq.write_table(pa.concat_tables([reviews] * 200), tmp_path / "many.parquet")
    shown = on_terminal(
        "scorer", "run", tmp_path / "many.parquet", "-o", tmp_path / "out.parquet", "-m", fitted / "best.onnx"
    )
    for part in ("%", " of 12,000 reviews", "/s", "12,000 rows"):
        assert part in shown


def test_the_bar_counts_what_is_written(fitted: Path, tmp_path: Path) -> None:
    """Reading is several windows ahead; where the format does not count its rows, their number is estimated."""
    scorer, seen = Scorer.open(fitted / "best.onnx"), list[Progress]()
    for name in ("in.parquet", "in.jsonl", "in.csv"):
        source = write_table(tmp_path / name, {"text": [f"{row} good film {'x' * 400}" for row in range(40_000)]})
        run(RunOptions(source, tmp_path / f"{name}.jsonl"), scorer, seen.append)
        assert [progress.rows for progress in seen[:3]] == [512, 1536, 3584]
        assert seen[-1].rows == 40_000
        if name == "in.parquet":
            assert {(progress.total, progress.is_exact) for progress in seen} == {(40_000, True)}
        else:
            assert not any(progress.is_exact for progress in seen)
            assert all(30_000 < progress.total < 50_000 for progress in seen), seen
        seen.clear()
