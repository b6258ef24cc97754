"""Runs that are killed, cut short or refused: the same command goes on, to the file of an uninterrupted run."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorer.model.sealed import EMBEDDED_MODEL
from tests.conftest import DATA, Command, Result, one_line
from tests.writing import write_table

ROWS = 40_000  # 8 windows
RECORD_BYTES, ROW_BYTES = 73, 5  # of a window in the journal without its scores, and of a score
FIRST_WINDOWS = [512, 1024, 2048, 4096, 8192, 512]  # rows; all others have 16,384
WORDS = (
    "a",
    "the",
    "good",
    "bad",
    "film",
    "plot",
    "dull",
    "lovely",
    "not",
    "very",
    "slow",
    "and",
    "well",
    "made",
    "of",
)
JOBS = [("in.parquet", "out.parquet"), ("in.csv", "out.csv"), ("in.jsonl", "out.jsonl"), ("in.parquet", "out.csv")]
JOBS += [("several", "out.csv"), ("in.csv", "typed.parquet")]


@pytest.fixture(autouse=True)
def _interrupts_arrive() -> Iterator[None]:
    """What a shell starts in the background ignores Ctrl-C, and so would all that is started here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def made(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same reviews in three formats, and what uninterrupted runs make of them."""
    folder = tmp_path_factory.mktemp("made")
    rng = random.Random(5)
    texts: list[str | None] = [f"{n} {' '.join(rng.choices(WORDS, k=rng.randint(1, 40)))}" for n in range(ROWS)]
    texts[7::1000] = [None] * len(texts[7::1000])
    texts[8::1000] = ["  "] * len(texts[8::1000])
    table = pa.table({"n": range(ROWS), "text": texts, "tags": pa.array([["x", "y"]] * ROWS)})
    pq.write_table(table.replace_schema_metadata({"owner": "me"}), folder / "in.parquet", row_group_size=25_000)
    write_table(folder / "in.csv", {"n": range(len(texts)), "text": texts})
    lines = (json.dumps({"n": n, "text": text}) + "\n" for n, text in enumerate(texts))
    (folder / "in.jsonl").write_text("".join(lines), encoding="utf-8")
    write_several(folder / "several", table.select(["n", "text"]))
    for source, output in JOBS:
        code, _, err = finish(start(fitted, folder / source, expected(folder, source, output)))
        assert (code, err) == (0, "")
    return folder


def write_several(folder: Path, table: pa.Table) -> None:
    """The rows in three files of a folder, one of them in a partition."""
    table = table.set_column(0, "n", table["n"].cast(pa.string()))
    (folder / "country=DE").mkdir(parents=True)
    pq.write_table(table.slice(0, 25_000), folder / "country=DE/a.parquet", row_group_size=10_000)
    (folder / "country=FR").mkdir()
    rows = table.slice(25_000)
    write_table(folder / "country=FR/b.csv", rows.slice(0, 100).to_pydict())
    write_table(folder / "country=FR/c.csv", rows.slice(100).to_pydict())


def expected(made: Path, source: str, output: str) -> Path:
    return made / f"{source} as {output}"


def arguments(fitted: Path, source: Path, output: Path) -> tuple[object, ...]:
    types = ("--types", "infer") if output.name.endswith("typed.parquet") else ()
    return ("run", source, "-o", output, "-m", fitted / "best.onnx", "--keep-every", 0, *types)


def start(fitted: Path, source: Path, output: Path, **options: Callable[[], None]) -> subprocess.Popen[str]:
    """`scorer run` in a process of its own, which keeps every window at once."""
    program = [sys.executable, "-m", "scorer", *map(str, arguments(fitted, source, output)), "--json"]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def kept(output: Path) -> int:
    """Bytes in the journal of the output."""
    try:
        return journal_of(output).stat().st_size
    except FileNotFoundError:
        return 0


def journal_of(output: Path) -> Path:
    return output.parent / f".{output.name}.run" / "journal"


def wait_for_rows(process: subprocess.Popen[str], output: Path, rows: float) -> None:
    """Wait until about so many more rows are kept, or the process has ended."""
    enough = kept(output) + rows * ROW_BYTES
    while process.poll() is None and kept(output) < enough:
        time.sleep(0.0005)


def strike(process: subprocess.Popen[str], output: Path, rng: random.Random) -> None:
    """Send one of the three signals, mostly the one that cannot be caught, at some moment of the run."""
    if rng.random() < 0.2:
        time.sleep(rng.uniform(0, 1))  # start-up too
    else:
        wait_for_rows(process, output, rng.uniform(0, 32_000))
        time.sleep(rng.uniform(0, 0.01))
    process.send_signal(rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))


@pytest.mark.parametrize(("source", "output"), JOBS)
def test_killed_at_random_moments(
    fitted: Path, made: Path, tmp_path: Path, kills: int, source: str, output: str
) -> None:
    path, rng = tmp_path / output, random.Random(f"{source} {output}")
    killed = resumed = 0
    while killed < kills / len(JOBS) or not resumed:
        process = start(fitted, made / source, path)
        if killed < kills / len(JOBS) or not kept(path):  # else it may go on with what the killed ones kept
            strike(process, path, rng)
        code, out, err = finish(process)
        assert code in (0, -signal.SIGKILL, 143, -signal.SIGTERM, 130, -signal.SIGINT), err
        killed += code != 0
        resumed += json.loads(out)["resumed"] if code == 0 else 0
        if list(tmp_path.iterdir()) == [path]:  # complete, even if it was killed on its last steps
            assert path.read_bytes() == expected(made, source, output).read_bytes()
            path.unlink()
        else:
            assert code != 0


@pytest.fixture(scope="module")
def killed(fitted: Path, made: Path) -> Path:
    """Where a run of in.parquet was killed: the folder with its journal, and part of its output."""
    path = made / "out.parquet"
    process = start(fitted, made / "in.parquet", path)
    wait_for_rows(process, path, 12_000)
    process.kill()
    assert finish(process)[0] == -signal.SIGKILL
    assert (journal_of(path).parent / "output").exists()
    return journal_of(path).parent


@pytest.fixture
def output(killed: Path, tmp_path: Path) -> Path:
    """An output that does not exist yet, with the work of the killed run beside it."""
    shutil.copytree(killed, tmp_path / killed.name)
    return tmp_path / "out.parquet"


def goes_on(command: Command, fitted: Path, made: Path, output: Path) -> int:
    """Repeat the command; returns how many rows it took from the killed run."""
    result = command("scorer", *arguments(fitted, made / "in.parquet", output), "--json")
    assert (result.code, result.err) == (0, "")
    assert output.read_bytes() == expected(made, "in.parquet", "out.parquet").read_bytes()
    assert list(output.parent.iterdir()) == [output]
    return int(json.loads(result.out)["resumed"])


def damaged(journal: bytes) -> dict[str, bytes]:
    rng = random.Random(1)
    cuts = {f"cut at {place}": journal[:place] for place in (0, 5, *rng.sample(range(len(journal)), 3))}
    flips = {}
    for place in (0, *rng.sample(range(len(journal)), 3)):
        content = bytearray(journal)
        content[place] ^= 1 << rng.randrange(8)
        flips[f"flipped at {place}"] = bytes(content)
    zeros = journal[: len(journal) - 30_000] + bytes(30_000)
    return cuts | flips | {"zeros at the end": zeros, "garbage after it": journal + rng.randbytes(30_000)}


def test_a_damaged_journal_loses_nothing_before_the_damage(
    command: Command, fitted: Path, made: Path, killed: Path, output: Path
) -> None:
    journal = journal_of(output).read_bytes()
    resumed = goes_on(command, fitted, made, output)
    kept_rows = np.cumsum([*FIRST_WINDOWS, 16_384]).tolist()
    windows = [*FIRST_WINDOWS, 16_384][: kept_rows.index(resumed) + 1]
    assert resumed >= 12_000
    ends = np.cumsum([RECORD_BYTES + ROW_BYTES * rows for rows in windows])
    ends += len(journal) - ends[-1]  # what the run was asked for stands before them
    for what, content in damaged(journal).items():
        output.unlink()
        shutil.copytree(killed, journal_of(output).parent)
        journal_of(output).write_bytes(content)
        differs = (old != new for old, new in zip(journal, content, strict=False))
        damage = next((place for place, one in enumerate(differs) if one), len(content))
        assert goes_on(command, fitted, made, output) == sum(np.array(windows)[ends <= damage]), what


def test_a_missing_journal_starts_over(command: Command, fitted: Path, made: Path, output: Path) -> None:
    journal_of(output).unlink()
    assert goes_on(command, fitted, made, output) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--status"], "status was False, is True"),
        (["--prefix", "x_"], "prefix"),
        (["--text-column", "text"], "text column was None, is text"),
        (["--output-format", "csv"], "output format"),
    ],
)
def test_another_command_is_refused(
    command: Command, fitted: Path, made: Path, output: Path, change: list[str], words: str
) -> None:
    journal = journal_of(output).read_bytes()
    one_line(command("scorer", *arguments(fitted, made / "in.parquet", output), *change), words, "--restart")
    assert journal_of(output).read_bytes() == journal
    result = command("scorer", *arguments(fitted, made / "in.parquet", output), *change, "--restart", "--json")
    assert (result.code, json.loads(result.out)["resumed"]) == (0, 0)
    assert list(output.parent.iterdir()) == [output]


def test_another_model_version_or_input_is_refused(command: Command, fitted: Path, made: Path, output: Path) -> None:
    run = ("scorer", "run", made / "in.parquet", "-o", output)
    one_line(command(*run, "-m", EMBEDDED_MODEL), "model was", "--restart")
    one_line(of_version("99", *run[1:], "-m", fitted / "best.onnx"), "sentiment-scorer was", "is 99", "--restart")
    before = (made / "in.parquet").stat()
    os.utime(made / "in.parquet", ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    one_line(command(*run, "-m", fitted / "best.onnx"), "input's time was", "--restart")
    os.utime(made / "in.parquet", ns=(before.st_atime_ns, before.st_mtime_ns))
    one_line(command("scorer", "run", made / "in.csv", "-o", output, "-m", fitted / "best.onnx"), "input was")
    assert goes_on(command, fitted, made, output) > 0


def of_version(version: str, *arguments: object) -> Result:
    """Run `scorer` of another version."""
    program = f"import scorer; scorer.__version__ = {version!r}; from scorer.cli.app import main; main()"
    process = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return Result(process.returncode, process.stdout, process.stderr)


def test_scores_never_meet_another_text(command: Command, fitted: Path, made: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    shutil.copy(made / "in.csv", source)
    kill_after(fitted, source, output, rows=16_000)
    before = source.stat()
    text = source.read_bytes()
    source.write_bytes(text.replace(b"\n5000,5000 ", b"\n5001,good "))
    assert source.read_bytes() != text
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    result = command("scorer", *arguments(fitted, source, output), "--json")
    assert (result.code, json.loads(result.out)["resumed"] >= 4096) == (0, True)
    assert command("scorer", *arguments(fitted, source, tmp_path / "anew.csv")).code == 0
    assert output.read_bytes() == (tmp_path / "anew.csv").read_bytes()


def kill_after(fitted: Path, source: Path, output: Path, rows: int) -> None:
    process = start(fitted, source, output)
    wait_for_rows(process, output, rows)
    process.kill()
    assert finish(process)[0] == -signal.SIGKILL


def test_bad_rows_can_be_mended(command: Command, fitted: Path, made: Path, tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    good = (made / "in.csv").read_bytes()
    source.write_bytes(good[:-2] + b"\xff\r\n")
    result = command("scorer", *arguments(fitted, source, output))
    one_line(result, "in.csv", "--encoding", "32,768 finished rows are kept", "the same command goes on")
    assert not output.exists()
    result = command("scorer", *arguments(fitted, source, output), "--on-error", "null", "--json")
    assert [json.loads(result.out)[name] for name in ("rows", "error", "resumed")] == [ROWS, 1, 32_768]
    output.unlink()
    command("scorer", *arguments(fitted, source, output))
    source.write_bytes(good)
    result = command("scorer", *arguments(fitted, source, output), "--json")
    assert json.loads(result.out)["resumed"] == 32_768
    assert output.read_bytes() == expected(made, "in.csv", "out.csv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_is_one_line(fitted: Path, made: Path, tmp_path: Path, number: int, code: int, word: str) -> None:
    output = tmp_path / "out.parquet"
    process = start(fitted, made / "in.parquet", output)
    wait_for_rows(process, output, 16_000)
    process.send_signal(number)
    ended, out, err = finish(process)
    assert (ended, out) == (code, "")
    assert len(err.splitlines()) == 1
    said = json.loads(err)  # it runs with --json
    assert said["exit_code"] == code
    assert said["error"].startswith(f"{word}; ")
    assert "finished rows are kept, the same command goes on from there" in err
    assert [path.name for path in journal_of(output).parent.iterdir()] == ["journal"]


def test_two_runs_on_one_output(command: Command, fitted: Path, made: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.parquet"
    first = start(fitted, made / "in.parquet", output)
    wait_for_rows(first, output, 12_000)
    first.send_signal(signal.SIGSTOP)
    for option in ((), ("--force",), ("--restart",)):
        second = command("scorer", *arguments(fitted, made / "in.parquet", output), *option)
        one_line(second, "out.parquet", "another run is writing it")
    first.send_signal(signal.SIGCONT)
    assert finish(first)[0] == 0
    assert output.read_bytes() == expected(made, "in.parquet", "out.parquet").read_bytes()
    assert list(tmp_path.iterdir()) == [output]


def test_a_full_disk(command: Command, fitted: Path, made: Path, tmp_path: Path) -> None:
    """The system refuses every byte beyond a size, which stops the output, or with less room the journal."""
    for source, name, room in (("in.csv", "out.csv", 2_000_000), ("in.parquet", "out.parquet", 70_000)):
        output = tmp_path / name

        def limit(room: int = room) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

        process = start(fitted, made / source, output, preexec_fn=limit)
        one_line(Result(*finish(process)), f"{name}: File too large", "finished rows are kept")
        assert [path.name for path in journal_of(output).parent.iterdir()] == ["journal"]
        result = command("scorer", *arguments(fitted, made / source, output), "--json")
        assert (result.code, json.loads(result.out)["resumed"] >= 4096) == (0, True)
        assert output.read_bytes() == expected(made, source, name).read_bytes()
        output.unlink()
    assert list(tmp_path.iterdir()) == []


def test_killed_after_the_output_was_moved_into_place(
    command: Command, fitted: Path, made: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.parquet"
    same = arguments(fitted, made / "in.parquet", output)
    kill_before_cleaning_up(output, *same)
    result = command("scorer", *same, "--json")
    summary = json.loads(result.out)
    assert (result.code, summary["rows"], summary["resumed"], summary["reviews_per_second"]) == (0, ROWS, ROWS, 0)
    assert list(tmp_path.iterdir()) == [output]
    assert output.read_bytes() == expected(made, "in.parquet", "out.parquet").read_bytes()
    one_line(command("scorer", *same), "exists already")


def test_a_short_run_killed_there_is_not_taken_for_another(command: Command, model: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    same = ("run", DATA / "reviews.csv", "-o", output)
    kill_before_cleaning_up(output, *same)
    one_line(command("scorer", *same, "--status"), "exists already")
    kill_before_cleaning_up(output, *same, "--force")
    assert command("scorer", *same).code == 0
    assert list(tmp_path.iterdir()) == [output]


def kill_before_cleaning_up(output: Path, *arguments: object) -> None:
    program = (
        "import os; from scorer.run.resume import FinishedWork; from scorer.cli.app import main\n"
        "FinishedWork.discard = lambda work: os.kill(os.getpid(), 9)\n"
        "main()"
    )
    process = subprocess.run([sys.executable, "-c", program, *map(str, arguments)], capture_output=True, check=False)
    assert process.returncode == -signal.SIGKILL
    assert output.exists()
    assert journal_of(output).exists()


def test_the_folder_is_private_and_never_a_link(command: Command, fitted: Path, made: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.parquet"
    (tmp_path / "elsewhere").mkdir()
    journal_of(output).parent.symlink_to(tmp_path / "elsewhere")
    one_line(command("scorer", *arguments(fitted, made / "in.csv", output)), ".out.parquet.run", "link")
    journal_of(output).parent.unlink()
    journal_of(output).parent.mkdir()
    journal_of(output).symlink_to(tmp_path / "elsewhere" / "file")
    assert command("scorer", *arguments(fitted, made / "in.csv", output)).code == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []
    journal_of(output).unlink()
    kill_after(fitted, made / "in.csv", output, rows=12_000)
    assert journal_of(output).stat().st_mode & 0o077 == 0
