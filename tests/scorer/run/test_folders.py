"""One output for each input: folders, patterns, names, and the same command after an interruption."""

import gzip
import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import scorer.run.plan
from scorer.system.installation import command_to_add
from tests.conftest import DATA, Command, one_line
from tests.writing import write_table

pytestmark = pytest.mark.usefixtures("model")


@pytest.fixture
def reviews() -> Path:
    """A folder of files of several kinds, some of them hidden, some in partitions."""
    folder = Path("reviews")
    for name in ("country=DE/a.csv", "country=FR/a.csv", "b.parquet", "deep/c.jsonl"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_table(folder / name, {"n": [1, 2], "text": [f"good {name}", "bad"]})
    (folder / "d.csv.gz").write_bytes(gzip.compress(b"text\ngood\nbad\n"))
    for name in ("_SUCCESS", ".a.csv.crc", "README.md", "_temporary/x.csv"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("no reviews")
    return folder


ALL = ["b.parquet", "country=DE/a.csv", "country=FR/a.csv", "d.csv.gz", "deep/c.jsonl"]


def files_in(folder: str | Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def test_a_folder_becomes_a_folder(command: Command, reviews: Path) -> None:
    result = command("scorer", "run", reviews, "-o", "out/", "--json", "--verify", 5)
    summary = json.loads(result.out)
    assert (result.code, summary["files"], summary["rows"], summary["verified"]) == (0, 5, 10, 10)
    assert files_in("out") == ALL
    assert [Path(name).relative_to("out").as_posix() for name in sorted(summary["outputs"])] == ALL
    for name in ALL:  # each as it would be alone
        assert (
            command("scorer", "run", reviews / name, "-o", f"alone{''.join(Path(name).suffixes)}", "--force").code == 0
        )
        assert Path(f"alone{''.join(Path(name).suffixes)}").read_bytes() == Path("out", name).read_bytes(), name


@pytest.mark.parametrize(
    ("inputs", "names"),
    [
        (["reviews/country=*/*.csv"], ["country=DE/a.csv", "country=FR/a.csv"]),
        (["reviews/country=DE/a.csv", "reviews/country=FR/a.csv"], ["country=DE/a.csv", "country=FR/a.csv"]),
        (["reviews/country=DE"], ["country=DE/a.csv"]),
        (["reviews/b.parquet", "reviews/deep/"], ["b.parquet", "deep/c.jsonl"]),
        (["reviews/c*/**/*.csv"], ["country=DE/a.csv", "country=FR/a.csv"]),
        (["reviews/b.parquet"], ["b.parquet"]),
    ],
)
def test_names_are_those_of_the_inputs(command: Command, reviews: Path, inputs: list[str], names: list[str]) -> None:
    """Quoted, or expanded by the shell."""
    result = command("scorer", "run", *inputs, "-o", "out/")
    assert result.code == 0, result.err
    assert [name for name in files_in("out") if "_temporary" not in name] == names


def test_another_format_changes_the_ending(command: Command, reviews: Path) -> None:
    assert command("scorer", "run", reviews, "-o", "out/", "--output-format", "parquet").code == 0
    stems = ["b", "country=DE/a", "country=FR/a", "d", "deep/c"]
    assert files_in("out") == [f"{stem}.parquet" for stem in stems]


def test_an_output_inside_its_input_is_no_input(command: Command, reviews: Path) -> None:
    for option in ((), ("--force",)):
        assert command("scorer", "run", reviews, "-o", "reviews/scored/", *option).code == 0
        assert files_in("reviews/scored") == ALL


def test_the_same_command_goes_on(command: Command, reviews: Path) -> None:
    (reviews / "country=FR/a.csv").write_text("n,text\n1,good,2\n")
    run = ("scorer", "run", reviews, "-o", "out/")
    result = command(*run)
    one_line(result, "country=FR/a.csv: line 2", "3 finished outputs are kept, the same command goes on")
    first = Path("out/b.parquet").stat()
    write_table(reviews / "country=FR/a.csv", {"text": ["good"]})
    one_line(command(*run, "--status"), "out/: cannot go on", "status was False, is True")
    result = command(*run, "--json")
    assert (result.code, json.loads(result.out)["resumed"], json.loads(result.out)["rows"]) == (0, 6, 9)
    assert files_in("out") == ALL
    assert Path("out/b.parquet").stat().st_ino == first.st_ino
    one_line(command(*run), "out/b.parquet: exists already")
    assert command(*run, "--force").code == 0


def test_outputs_that_are_there_stay(command: Command, reviews: Path) -> None:
    """A folder to which inputs come day by day."""
    run = ("scorer", "run", reviews, "-o", "out/", "--skip-existing", "--verify", 2)
    late = (reviews / "deep" / "c.jsonl").rename("c.jsonl")
    assert command(*run).code == 0
    before = {name: Path("out", name).stat() for name in files_in("out")}
    late.rename(reviews / "deep" / "c.jsonl")
    result = command(*run, "--json")
    found = json.loads(result.out)
    assert (result.code, found["existing"], found["files"], found["rows"], found["verified"]) == (0, 4, 1, 2, 2)
    assert found["outputs"] == ["out/deep/c.jsonl"]
    assert files_in("out") == ALL
    assert {name: Path("out", name).stat() for name in before} == before
    assert "out: 0 rows, 0.0% positive; 0 null, 0 empty, 0 truncated" in (none := command(*run).out)
    assert ", 5 outputs were there already" in none
    assert command(*run, "--force").code == 2


def test_killed_between_two_outputs(command: Command, reviews: Path) -> None:
    """Before an output was noted as finished, and after; once all were begun together, or each on its own."""
    assert command("scorer", "run", reviews, "-o", "whole/").code == 0
    for method, when, together in (("note_finished", 2, 64), ("note_finished", 2, 1), ("note_begun", 4, 1)):
        program = (
            "import os; from scorer.run.units import FinishedUnits; from scorer.cli.app import main\n"
            f"import scorer.run.folder; scorer.run.folder._TOGETHER = {together}\n"
            f"real, calls = FinishedUnits.{method}, []\n"
            f"def last(*given): calls.append(1); os.kill(os.getpid(), 9) if len(calls) == {when} else real(*given)\n"
            f"FinishedUnits.{method} = last\n"
            "main()"
        )
        arguments = ["run", str(reviews), "-o", "out/"]
        assert subprocess.run([sys.executable, "-c", program, *arguments], check=False).returncode == -9
        assert len(files_in("out")) > 2
        result = command("scorer", *arguments)
        assert result.code == 0, result.err
        for name in ALL:
            assert Path("out", name).read_bytes() == Path("whole", name).read_bytes()
        assert files_in("out") == ALL
        shutil.rmtree("out")


def test_small_inputs_are_done_side_by_side(command: Command) -> None:
    """The same outputs, with the rights that any new file gets; one that fails ends the run, and is named."""
    Path("in").mkdir()
    for number in range(70):
        write_table(Path(f"in/{number:02}.csv"), {"text": [f"good film, number {number}", "poor"] * (1 + number % 3)})
    run = [sys.executable, "-m", "scorer", "run", "in", "-o", "out/", "-q"]
    subprocess.run(run, check=True, umask=0o027)
    for name in files_in("in"):
        assert command("scorer", "run", f"in/{name}", "-o", "one.csv", "--force").code == 0
        assert Path("out", name).read_bytes() == Path("one.csv").read_bytes()
        assert stat.S_IMODE(Path("out", name).stat().st_mode) == 0o640
    Path("in/40.csv").write_text('text\n"good\n')
    result = command("scorer", "run", "in", "-o", "again/")
    one_line(result, "in/40.csv: ")
    assert not Path("again/40.csv").exists()
    write_table(Path("in/40.csv"), {"text": ["good film, number 40", "poor"] * 2})
    summary = json.loads(command("scorer", "run", "in", "-o", "again/", "--json").out)
    assert 0 < summary["resumed"] < summary["rows"] == sum(2 * (1 + number % 3) for number in range(70))
    for name in files_in("in"):
        assert Path("again", name).read_bytes() == Path("out", name).read_bytes()


def test_what_cannot_be_planned(command: Command, reviews: Path) -> None:
    Path("empty").mkdir()
    shutil.copy(reviews / "b.parquet", "b.csv")
    shutil.copy(reviews / "b.parquet", "b.parquet")
    Path("link.parquet").symlink_to(reviews / "b.parquet")
    for inputs, words in {
        ("empty",): "empty: has no files of reviews (.parquet,",
        ("reviews/*.xyz",): "reviews/*.xyz: no file has such a name",
        ("reviews", "reviews/b.parquet"): "reviews/b.parquet: is among the inputs twice",
        ("link.parquet", "reviews/b.parquet"): "is among the inputs twice",
        ("no.csv",): "no.csv: no such file",
        ("b.csv", "b.parquet"): "out/b.parquet: two inputs would be written there",
    }.items():
        extra = ["--output-format", "parquet"] if "b.csv" in inputs else []
        one_line(command("scorer", "run", *inputs, "-o", "out/", *extra), words)
        assert not Path("out").exists()
    one_line(command("scorer", "run", "b.parquet", "-o", "./"), "b.parquet: is the input itself")


def test_a_large_parquet_file_becomes_several(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its row groups, in the order of their names; large is here whatever has a byte."""
    monkeypatch.setattr(scorer.run.plan, "_WHOLE", 0)
    texts = [f"a {'good' if number % 3 else 'poor'} film, number {number}" for number in range(3000)]
    Path("in").mkdir()
    write_table(Path("in/b.parquet"), {"text": texts}, row_group=500)
    write_table(Path("in/c.csv"), {"text": texts[:9]})
    assert "3,009 rows" in command("scorer", "run", "in", "-o", "out/", "--part-rows", 900, "--verify", 9).out
    names = [f"b.part-0000{number}.parquet" for number in range(3)]
    assert files_in("out") == [*names, "c.csv"]
    assert command("scorer", "run", "in/b.parquet", "-o", "b.parquet").code == 0
    parts = pa.concat_tables(pq.read_table(f"out/{name}") for name in names)
    assert parts.equals(pq.read_table("b.parquet"))


def test_large_json_lines_become_several(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """At line breaks; what becomes columns is one, for its types are those of all lines."""
    monkeypatch.setattr(scorer.run.plan, "_WHOLE", 0)
    lines = [json.dumps({"n": number, "text": f"a good film {'x ' * (number % 90)}\n"}) for number in range(2000)]
    Path("in").mkdir()
    Path("in/b.jsonl").write_bytes(b"\xef\xbb\xbf" + "\n".join([*lines[:700], "", *lines[700:]]).encode())
    (Path("in/c.jsonl.gz")).write_bytes(gzip.compress("\n".join(lines[:9]).encode()))
    result = command("scorer", "run", "in", "-o", "out/", "--part-rows", 600, "--verify", 9)
    assert "out: 2,009 rows" in result.out
    names = [f"b.part-0000{number}.jsonl" for number in range(3)]
    assert files_in("out") == [*names, "c.jsonl.gz"]
    assert command("scorer", "run", "in/b.jsonl", "-o", "b.jsonl").code == 0
    assert b"".join(Path("out", name).read_bytes() for name in names) == Path("b.jsonl").read_bytes()
    assert command("scorer", "run", "in", "-o", "table/", "--output-format", "parquet", "--part-rows", 600).code == 0
    assert files_in("table") == ["b.parquet", "c.parquet"]


def test_bad_lines_of_a_later_part_are_named_by_their_number(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer.run.plan, "_WHOLE", 0)
    lines = [f'{{"text": "a good film", "more": "{"x" * 3000}"}}'] * 900  # more than is read to know the columns
    Path("in").mkdir()
    for line, words in (("{no", "line 801: not JSON"), ('{"text": 1}', "line 801: its text is not a string")):
        Path("in/b.jsonl").write_text("\n".join([*lines[:800], line, *lines[800:]]) + "\n")
        one_line(command("scorer", "run", "in", "-o", "out/", "--part-rows", 300), f"in/b.jsonl: {words}")
        shutil.rmtree("out", ignore_errors=True)


def test_bad_rows_of_a_later_part_are_named_by_their_row(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorer.run.plan, "_WHOLE", 0)
    texts = [b"good"] * 900 + [b"\xff"] + [b"good"] * 99
    Path("in").mkdir()
    write_table(Path("in/b.parquet"), {"text": texts}, row_group=250)
    one_line(
        command("scorer", "run", "in", "-o", "out/", "--part-rows", 500), "in/b.parquet: row 901: its text is not UTF-8"
    )


def test_ray_needs_a_folder_and_ray(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    result = command("scorer", "run", DATA / "reviews.csv", "-o", "out.csv", "--engine", "ray")
    assert (result.code, "writes a folder of outputs" in result.err) == (2, True)
    monkeypatch.setitem(sys.modules, "ray", None)
    result = command("scorer", "run", DATA / "reviews.csv", "-o", "out/", "--engine", "ray")
    one_line(result, f"install it with: {command_to_add('ray')}")
