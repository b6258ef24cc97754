"""Excel workbooks are read as the CSV that they would be saved as."""

import builtins
import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from scorer.files.inputs import LocalInput
from scorer.files.workbook import WorkbookInput
from tests.conftest import Command, one_line

HEADER = ("id", "when", "text", "good", "price")


def write(path: str, rows: Sequence[Sequence[Any]]) -> None:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    book.create_sheet("notes").append(["another sheet"])
    book.save(path)


def test_a_workbook_becomes_rows(command: Command, model: Path) -> None:
    rows = [
        (1, date(2024, 5, 31), 'a "fine" film,\nreally', True, 3.5),
        (2, datetime(2024, 5, 31, 12, 30), None, False, None),
        (3.0, None, "007", None, 1e300),
        (),
        (4, None, "dull"),
    ]
    write("in.xlsx", [HEADER, *rows])
    assert command("scorer", "run", "in.xlsx", "-o", "out.parquet").code == 0
    table = pq.read_table("out.parquet")
    assert table.column_names[:5] == list(HEADER)
    assert table["id"].to_pylist() == ["1", "2", "3", "4"]
    assert [day or "" for day in table["when"].to_pylist()] == ["2024-05-31", "2024-05-31T12:30:00", "", ""]
    assert [text or "" for text in table["text"].to_pylist()] == ['a "fine" film,\nreally', "", "007", "dull"]
    assert [good or "" for good in table["good"].to_pylist()] == ["true", "false", "", ""]
    assert table["price"].to_pylist()[::2] == ["3.5", "1e+300"]
    assert [score is None for score in table["sentiment_probability"].to_pylist()] == [False, True, False, False]


def test_those_of_a_folder(command: Command, model: Path) -> None:
    Path("in").mkdir()
    write("in/b.xlsx", [("text", "n"), ("gut, schön", 2)])
    Path("in/a.csv").write_text("text;n\nfine;1\n")
    Path("in/~$b.xlsx").write_bytes(b"of an open one")
    spelled = ("--delimiter", ";", "--encoding", "latin-1")
    assert command("scorer", "run", "in", "-o", "all.parquet", *spelled).code == 0
    assert pq.read_table("all.parquet")["text"].to_pylist() == ["fine", "gut, schön"]
    assert command("scorer", "run", "in", "-o", "each/", *spelled).code == 0
    assert sorted(path.name for path in Path("each").iterdir()) == ["a.csv", "b.csv"]
    assert command("scorer", "run", "in", "-o", "typed/", "--output-format", "parquet", *spelled).code == 0
    assert pq.read_table("typed/b.parquet")["n"].to_pylist() == ["2"]


def test_all_commands_read_it(command: Command, model: Path) -> None:
    write("in.xlsx", [("text", "label"), *[("good film", 1), ("dull film", 0)] * 40])
    assert json.loads(command("scorer", "evaluate", "in.xlsx", "--json").out)["rows"] == 80
    assert command("scorer", "run", "in.xlsx", "-o", "out.csv", "--verify", "3").code == 0
    assert command("scorer", "run", "in.xlsx", "-o", "all.jsonl", "--limit", "5", "--columns", "text").code == 0
    assert len(Path("all.jsonl").read_text().splitlines()) == 5
    one_line(command("scorer", "run", "in.xlsx", "-o", "out.xlsx"), "out.xlsx", "extension")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40), max_size=6), st.integers(1, 9)
)
def test_what_cells_say_comes_out(tmp_path: Path, texts: list[str], size: int) -> None:
    import csv
    import io

    texts = [f"x{ILLEGAL_CHARACTERS_RE.sub('', text)}".replace("\r", "").replace("_x", "") for text in texts]
    path = tmp_path / "in.xlsx"
    write(str(path), [("text",), *[(text,) for text in texts]])
    with WorkbookInput(LocalInput(path)).open() as stream:
        content = b"".join(iter(lambda: stream.read(size), b""))
        assert 0 <= stream.tell() <= path.stat().st_size
    assert [row[0] for row in csv.reader(io.StringIO(content.decode(), newline=""))] == ["text", *texts]


def test_a_damaged_workbook_is_one_line(command: Command, model: Path) -> None:
    write("in.xlsx", [("text",), *[(f"film {n}",) for n in range(500)]])
    content = Path("in.xlsx").read_bytes()
    for cut in (len(content) // 3, len(content) - 30):
        Path("cut.xlsx").write_bytes(content[:cut])
        one_line(command("scorer", "run", "cut.xlsx", "-o", "out.csv"), "cut.xlsx", "damaged")
    changed = bytearray(content)
    changed[len(content) // 2] ^= 0xFF
    Path("changed.xlsx").write_bytes(changed)
    result = command("scorer", "run", "changed.xlsx", "-o", "out.csv")
    assert result.code in (0, 1)
    assert len(result.err.splitlines()) <= 1
    write("none.xlsx", [])
    one_line(command("scorer", "run", "none.xlsx", "-o", "out.csv"), "none.xlsx")


def test_without_its_extra_the_line_says_what_to_install(
    command: Command, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("in.xlsx", [("text",), ("good",)])
    imported = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "openpyxl":
            raise ModuleNotFoundError(name=name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    one_line(command("scorer", "run", "in.xlsx", "-o", "out.csv"), "in.xlsx", "save it as CSV", "excel")
