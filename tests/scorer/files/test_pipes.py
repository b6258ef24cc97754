"""Pipes, in and out, as shells make them: the bytes that files give, and what cannot be promised is said."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import DATA, Command, Result, one_line
from tests.writing import write_table

ROWS = 6_000
TEXTS = [f"{'good' if row % 3 else 'bad'} film {row}, of many words that are not known" for row in range(ROWS)]
SCORER = shlex.join([sys.executable, "-m", "scorer"])


@pytest.fixture(scope="module")
def files(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rows in each format; and scored.csv, what the plain CSV file becomes."""
    folder = tmp_path_factory.mktemp("piped")
    columns = {"id": list(map(str, range(ROWS))), "text": TEXTS}
    for name in ("in.csv", "in.jsonl", "in.parquet"):
        write_table(folder / name, columns)
    run = [sys.executable, "-m", "scorer", "run", "in.csv", "-o", "scored.csv", "-q", "-m", str(fitted / "best.onnx")]
    subprocess.run(run, check=True, cwd=folder)
    return folder


def shell(command: str, files: Path) -> Result:
    """What a user types into bash, `scorer` for the program and `$F` for the folder of files."""
    script = f'set -o pipefail; scorer() {{ {SCORER} "$@"; }}\n{command}'
    environment = os.environ | {"F": str(files), "TMPDIR": str(Path.cwd())}
    ended = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env=environment, check=False, timeout=60
    )
    return Result(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.parametrize(
    "line",
    [
        "cat $F/in.csv | scorer run - -o - --format csv > out.csv",
        "gzip -1 < $F/in.csv | scorer run - -o out.csv --format csv.gz",
        "scorer run <(cat $F/in.csv) -o out.csv --format csv",
        "cat $F/in.parquet | scorer run /dev/stdin -o /dev/stdout --format parquet --output-format csv > out.csv",
        "mkfifo in.csv; cat $F/in.csv > in.csv & scorer run in.csv -o out.csv",
    ],
)
@pytest.mark.usefixtures("model")
def test_the_bytes_that_files_give(files: Path, line: str) -> None:
    result = shell(line, files)
    assert result.code == 0, result.err
    assert Path("out.csv").read_bytes() == (files / "scored.csv").read_bytes()
    assert {path.name for path in Path().iterdir()} <= {"out.csv", "in.csv"}, "nothing is left"
    assert ("6,000 rows" in result.err) != ("6,000 rows" in result.out)
    assert ("> out.csv" in line) == ("6,000 rows" in result.err), "the summary never stands among the rows"


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.usefixtures("model")
def test_a_reader_who_has_enough_ends_it_quietly(files: Path, kind: str) -> None:
    result = shell(f"scorer run $F/in.{kind} -o - --json | head -c 100 | wc -c", files)
    assert (result.code, result.out.strip(), result.err) == (0, "100", "")


@pytest.mark.usefixtures("model")
def test_several_pipes_become_one_file(files: Path) -> None:
    parts = "<(head -n 101 $F/in.csv) <(head -n 1 $F/in.csv; tail -n 50 $F/in.csv)"
    assert shell(f"scorer run {parts} -o out.parquet --format csv", files).code == 0
    assert pq.read_table("out.parquet")["text"].to_pylist() == TEXTS[:100] + TEXTS[-50:]
    assert shell("cat $F/in.csv | scorer run - -o few.csv --format csv --sample 5 --json", files).code == 0
    assert len(Path("few.csv").read_text().splitlines()) == 6


@pytest.mark.usefixtures("model")
def test_rows_come_before_a_pipe_ends(files: Path) -> None:
    """Nothing waits for an end that never comes."""
    line = json.dumps({"text": "a good film " * 30})
    result = shell(f"(yes '{line}'; true) | scorer run - -o - --format jsonl -q | head -n 1", files)
    assert (result.code, result.err) == (0, "")
    assert "sentiment_probability" in json.loads(result.out)


@pytest.mark.usefixtures("model")
def test_the_same_bytes_go_on_where_a_run_was_interrupted(files: Path) -> None:
    run = [
        sys.executable,
        "-m",
        "scorer",
        "run",
        "-",
        "-o",
        "out.csv",
        "--format",
        "csv",
        "--keep-every",
        "0",
        "--json",
    ]
    header, _, rows = (files / "in.csv").read_bytes().partition(b"\n")
    content = header + b"\n" + 8 * rows
    with subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(content)
        process.stdin.flush()  # and it is not closed: the run has to wait for more
        journal = Path(".out.csv.run/journal")
        patience = time.monotonic() + 60
        while not journal.exists() or journal.stat().st_size < 20_000:
            assert process.poll() is None
            assert time.monotonic() < patience
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        process.stdin.close()
        assert process.wait() == 143
    again = subprocess.run(run, input=content, capture_output=True, check=True)
    assert json.loads(again.stdout)["resumed"] >= 512
    header, _, rows = (files / "scored.csv").read_bytes().partition(b"\n")
    assert Path("out.csv").read_bytes() == header + b"\n" + 8 * rows


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("printf '' | scorer run - -o out.csv --format csv", "standard input: is empty (0 bytes)"),
        (
            "printf 'id,text\\n1,a\\n2,\\xff\\n' | scorer run - -o o.csv --format csv",
            "standard input: line 3: not utf-8",
        ),
        (
            "(printf 'pad,text\\n'; head -c 9000000 /dev/zero | tr '\\0' x; printf ',a\\nb,\\xff\\n') | "
            "scorer run - -o out.csv --format csv",
            "standard input: row 2: is not text; name its encoding",
        ),
        ("gzip < $F/in.csv | head -c 9000 | scorer run - -o o.csv --format csv", "standard input: is cut short"),
        ("cat $F/in.csv | scorer run - -o - --format csv > /dev/full", "standard output: No space left on device"),
        ("scorer run $F/in.csv -o - >&-", "standard output: is closed"),
    ],
)
@pytest.mark.usefixtures("model")
def test_what_cannot_be_done_is_one_line(files: Path, line: str, words: str) -> None:
    result = shell(line.replace("-o", "-q -o", 1), files)
    one_line(result, words)
    assert not list(Path().iterdir())


@pytest.mark.parametrize("option", ["--verify=5", "--dry-run"])
def test_what_reads_again_is_refused(command: Command, model: Path, option: str) -> None:
    for arguments in (("-", "-o", "out.csv", "--format", "csv"), (DATA / "reviews.csv", "-o", "-")):
        result = command("scorer", "run", *arguments, option)
        assert (result.code, "gives once" in result.err) == (2, True)


def test_a_folder_of_outputs_needs_names(command: Command, model: Path) -> None:
    one_line(command("scorer", "run", "-", "-o", "out/", "--format", "csv"), "standard input: a pipe has no name")


def test_the_help_says_it(command: Command) -> None:
    words: Sequence[str] = command("scorer", "run", "--help").out.split()
    said = " ".join(words)
    assert "- for standard input: a pipe is read once" in said
    assert "- is standard output" in said
