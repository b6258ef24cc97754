"""`scorer run --dry-run` says what a run does, and does nothing."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import Command, one_line
from tests.writing import write_table


@pytest.mark.parametrize("name", ["in.parquet", "in.csv", "in.jsonl"])
def test_it_says_what_the_run_then_does(command: Command, model: Path, tmp_path: Path, name: str) -> None:
    texts = [f"{row} a good film" for row in range(60_000)]
    write_table(tmp_path / name, {"id": [str(row) for row in range(60_000)], "review": texts})
    run = ("scorer", "run", name, "-o", "out.parquet", "--status", "--json")
    said = json.loads(command(*run, "--dry-run").out)
    assert sorted(path.name for path in tmp_path.iterdir()) == [name], "nothing is written"
    done = json.loads(command(*run).out)
    assert said["text_column"] == "review"
    assert said["model_sha256"] == done["model_sha256"]
    assert said["rows"] == done["rows"] if said["rows_are_exact"] else 40_000 < said["rows"] < 90_000
    assert 0 < said["sample_rows"] < done["rows"]
    assert said["seconds"] >= said["sample_seconds"] > 0
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert said["schema"] == {field.name: str(field.type) for field in schema}
    assert said["new_columns"] == schema.names[-3:]


def test_for_people(command: Command, model: Path, tmp_path: Path) -> None:
    write_table(tmp_path / "in.csv", {"id": [1, 2], "review": ["good", "bad\x1b[31m"]})
    (tmp_path / "out.csv").write_text("there")
    said = command("scorer", "run", "in.csv", "-o", "out.csv", "--force", "--dry-run")
    assert (said.code, said.err) == (0, "")
    for part in (
        "input: in.csv (csv, 0.0 kB, 2 rows), text in column 'review'\n",
        f"model: {model}",
        "output: out.csv (csv), which it replaces\n",
        "  review: string\n  sentiment_probability: float  (new)\n  sentiment: string  (new)\n",
        "the first 2 rows took",
        "nothing was written",
    ):
        assert part in said.out
    assert (tmp_path / "out.csv").read_text() == "there"


def test_it_refuses_what_the_run_refuses(command: Command, model: Path, tmp_path: Path) -> None:
    write_table(tmp_path / "in.parquet", {"id": [[1]], "text": ["good"]})
    run = ("scorer", "run", "in.parquet", "--dry-run", "-o")
    one_line(command(*run, "in.parquet"), "is the input itself")
    one_line(command(*run, "none/out.parquet"), "none")
    assert "output: none/in.parquet" in " ".join(command(*run, "none/").out.split())
    one_line(command("scorer", "run", "in.parquet", "--dry-run", "-o", "out.csv", "--text-column", "txt"), "'text'?")
    (tmp_path / "out.parquet").touch()
    one_line(command(*run, "out.parquet"), "exists already", "--force")
