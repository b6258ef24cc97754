"""Standard streams that are closed, full, or that nobody reads."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import DATA

pytestmark = pytest.mark.usefixtures("model")


def program(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "scorer", *map(str, arguments)]


@pytest.fixture(params=["", "1"], ids=["buffered", "unbuffered"])
def environment(request: pytest.FixtureRequest) -> dict[str, str]:
    return os.environ | {"PYTHONUNBUFFERED": request.param}


def reader_gone(*arguments: object, environment: dict[str, str], given: bytes = b"") -> tuple[int, bytes]:
    """Run a command whose standard output nobody reads; returns its code and what it wrote on stderr."""
    ours, theirs = os.pipe()
    os.close(ours)
    ended = subprocess.run(
        program(*arguments), input=given, stdout=theirs, stderr=subprocess.PIPE, env=environment, check=False
    )
    os.close(theirs)
    return ended.returncode, ended.stderr


def test_a_run_goes_on_when_its_reader_has_left(environment: dict[str, str]) -> None:
    run = ("run", DATA / "reviews.csv", "-o", "out.csv")
    for option in ((), ("--json", "--force")):
        assert reader_gone(*run, *option, environment=environment) == (0, b"")
        assert len(pl.read_csv("out.csv")) == 60
        Path("out.csv").write_text("")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["inspect", "default"]])
def test_a_reader_who_has_left_is_no_failure(environment: dict[str, str], arguments: list[str]) -> None:
    assert reader_gone(*arguments, environment=environment) == (0, b"")


def test_text_ends_when_its_reader_has_left(environment: dict[str, str]) -> None:
    """Also when standard input never does."""
    ours, theirs = os.pipe()
    process = subprocess.Popen(
        program("text"), stdin=ours, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    assert process.stdout
    assert process.stderr
    os.write(theirs, b"good\n")
    assert process.stdout.readline().endswith(b"good\n")
    process.stdout.close()
    os.write(theirs, b"good\n")
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait() == 0
    os.close(ours)
    os.close(theirs)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_the_log_is_the_logs_failure(environment: dict[str, str]) -> None:
    for arguments in (["run", DATA / "reviews.csv", "-o", "out.csv"], ["text", "good"], ["--help"]):
        with Path("/dev/full").open("w") as full:
            ended = subprocess.run(
                program(*arguments), stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False
            )
        assert (ended.returncode, ended.stderr) == (1, "scorer: standard output: No space left on device\n")
    assert len(pl.read_csv("out.csv")) == 60
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(program("run", "no.csv", "-o", "x.csv"), stdout=full, stderr=full, check=False)
    assert ended.returncode == 1


def without(*numbers: int) -> Callable[[], None]:
    """For `preexec_fn`: these streams are closed."""

    def close() -> None:
        for number in numbers:
            os.close(number)

    return close


def test_closed_streams(tmp_path: Path) -> None:
    ended = subprocess.run(program("text"), capture_output=True, text=True, preexec_fn=without(0), check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "scorer: no TEXT is given and standard input is closed; see scorer text --help\n"
    ended = subprocess.run(program("text", "good"), capture_output=True, text=True, preexec_fn=without(0), check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    run = ("run", DATA / "reviews.csv", "-o")
    assert subprocess.run(program(*run, "expected.csv", "-q"), check=True).returncode == 0
    for numbers in ((1,), (2,), (0, 1, 2)):
        output = f"without {numbers}.csv"
        assert subprocess.run(program(*run, output), preexec_fn=without(*numbers), check=False).returncode == 0
        assert Path(output).read_bytes() == Path("expected.csv").read_bytes()
    ended = subprocess.run(
        program("run", "no.csv", "-o", "x.csv", "-q"), stdout=subprocess.PIPE, preexec_fn=without(2), check=False
    )
    assert (ended.returncode, ended.stdout) == (1, b"")


def test_what_closed_streams_would_say_gets_into_no_file(tmp_path: Path) -> None:
    """The guard of memory writes to number 2, whatever stands for it."""
    source = tmp_path / "in.csv"
    source.write_text("text\n" + "".join(f"{number} {'good film ' * 600}\n" for number in range(8_000)))
    arguments = ("run", source, "-o", "out.parquet", "--memory-limit", "90MB", "--keep-every", 0)
    ended = subprocess.run(program(*arguments), capture_output=True, preexec_fn=without(0, 2), check=False)
    assert ended.returncode == 1
    for left in tmp_path.rglob("*"):
        assert left == source or left.is_dir() or b"needs more than" not in left.read_bytes(), left
