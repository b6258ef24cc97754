"""What the commands show on a terminal, where there is one."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer import Scorer
from scorer.cli.display import RunDisplay
from scorer.files.inputs import LocalInput
from scorer.files.opening import open_source
from scorer.run import plan
from scorer.run.job import run
from scorer.run.options import Progress, RunOptions
from scorer.system.live_line import fitted as fitted_line
from tests.conftest import DATA, TINY
from tests.writing import write_table


def on_terminal(name: str, *arguments: object, **environment: str) -> str:
    """Run a command with a pseudo-terminal as its output; returns all that it wrote there."""
    ours, theirs = pty.openpty()
    program = f"import sys; sys.argv = {[name, *map(str, arguments)]!r}; from {name}.__main__ import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"} | environment,
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


@pytest.fixture
def run_of_many(fitted: Path, tmp_path: Path) -> list[object]:
    """A run of `scorer` on 12,000 rows."""
    reviews = pq.read_table(DATA / "reviews.parquet")
    pq.write_table(pa.concat_tables([reviews] * 200), tmp_path / "many.parquet")
    return ["run", tmp_path / "many.parquet", "-o", tmp_path / "out.parquet", "-m", fitted / "best.onnx"]


def test_run_shows_a_bar(run_of_many: list[object]) -> None:
    shown = on_terminal("scorer", *run_of_many)
    for part in ("━", "% ", " of 12,000 rows", " rows/s", " left", "% positive", " MB", "12,000 rows"):
        assert part in shown


def test_a_narrow_terminal_still_has_one_line(run_of_many: list[object]) -> None:
    shown = on_terminal("scorer", *run_of_many, COLUMNS="40", NO_COLOR="1")
    assert re.search(r"\d+% +[\d.k]+ rows +[\d.k]+/s +\d+:\d\d left", shown)
    assert not re.search(r"\x1b\[[\d;]*m", shown), "colours"
    moving = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown.split("12,000 rows,")[0]).split("model: ")[1]
    assert all(len(line) <= 40 for line in re.split(r"[\r\n]+", moving)[1:-1]), moving


def test_a_dumb_terminal_gets_no_codes(run_of_many: list[object]) -> None:
    assert "\x1b" not in on_terminal("scorer", *run_of_many, TERM="dumb")


def test_a_log_gets_a_line_every_so_often(fitted: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_table(tmp_path / "in.parquet", {"text": ["a good film"] * 3_000})
    scorer = Scorer.open(fitted / "best.onnx")
    for every in (0.0, 60.0):
        with RunDisplay(every=every) as display:
            run(RunOptions(tmp_path / "in.parquet", tmp_path / f"{every}.csv"), scorer, display)
        lines = capfd.readouterr().err.splitlines()
        assert len(lines) == (3 if every == 0 else 0)  # of windows of 512, 1,024 and 1,464 rows
        for line, rows in zip(lines, ("512", "1,536", "3,000"), strict=False):
            assert re.fullmatch(
                rf"\d+%, {rows} of 3,000 rows, [\d,]+ rows/s, \d+:\d\d left, \d+% positive, [\d,]+ MB", line
            )


@pytest.mark.parametrize(
    ("small", "expected"),
    [
        (1 << 20, [(0, 0), (300, 1), (600, 2), (900, 3)]),
        (0, [(0, 0), (300, 0), (300, 1), (600, 1), (600, 2), (900, 2), (900, 3)]),
    ],
)
def test_several_outputs_are_counted_as_one_run(
    fitted: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    small: int,
    expected: list[tuple[int, int]],
) -> None:
    """Small ones when they are finished, side by side; others while they are at work, too."""
    monkeypatch.setattr(plan, "_SMALL", small)
    (tmp_path / "in").mkdir()
    for number in range(3):
        write_table(tmp_path / "in" / f"{number}.csv", {"text": ["a good film"] * 300})
    seen = list[Progress]()
    with RunDisplay(every=0.0) as display:
        run(
            RunOptions(tmp_path / "in", tmp_path / "out", one_each=True),
            Scorer.open(fitted / "best.onnx"),
            lambda done: (seen.append(done), display(done))[0],
        )
    assert [(done.rows, done.finished) for done in seen] == expected
    assert {done.units for done in seen} == {3}
    assert [done.fraction for done in seen] == pytest.approx([rows / 900 for rows, _ in expected], abs=1e-3)
    shown = capfd.readouterr().err
    line = r"67%, 600 of about \d+ rows, [\d,]+ rows/s, \d:\d\d left, [12] of 3 outputs, \d+% positive, "
    assert re.search(line, shown)


def test_what_is_left_is_counted_in_bytes(fitted: Path, tmp_path: Path) -> None:
    """The second half of the rows is most of the text, and in every format it is most of the time."""
    scorer = Scorer.open(fitted / "best.onnx")
    texts = [f"{row} short" for row in range(33_000)] + [f"{row} long{' word' * 60}" for row in range(33_000)]
    for name in ("in.parquet", "in.jsonl", "in.csv"):
        seen = list[Progress]()
        run(
            RunOptions(write_table(tmp_path / name, {"text": texts}), tmp_path / f"{name}.csv"),
            scorer,
            seen.append,
        )
        half = next(progress for progress in seen if progress.rows >= 32_000)
        assert half.rows < 40_000
        assert half.fraction < 0.35, name
        assert [one.fraction for one in seen] == sorted(one.fraction for one in seen)
        assert seen[-1].fraction == pytest.approx(1, abs=1e-5)


def test_texts_that_repeat_are_counted_in_rows(fitted: Path, tmp_path: Path) -> None:
    """Parquet stores them once, so the footer does not know how much text there is."""
    path = write_table(tmp_path / "in.parquet", {"text": ["a good film"] * 50_000})
    source = open_source(LocalInput(path), window_rows=10_000)
    assert [source.fraction_read() for _ in source.windows()][1:] == [0.4, 0.6, 0.8, 1.0]


@given(
    st.lists(st.lists(st.text("ab ", max_size=12), min_size=1, max_size=6), min_size=1, max_size=3), st.integers(1, 60)
)
def test_a_line_always_fits(forms: list[list[str]], width: int) -> None:
    assert len(fitted_line(forms, width)) <= width
    if len("  ".join(forms[0])) <= width:
        assert fitted_line(forms, width) == "  ".join(forms[0])


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
