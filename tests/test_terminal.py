"""What the commands show on a terminal, where there is one."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.conftest import DATA, TINY


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
    for part in ("%", "reviews", "/s", "12,000 rows"):
        assert part in shown
