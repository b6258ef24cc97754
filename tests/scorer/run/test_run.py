"""`scorer run` as users call it: what it writes, what it refuses, what it leaves behind."""

import csv
import datetime
import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from scorer import __version__
from scorer.model.sealed import read_sealed
from tests.conftest import DATA, Command, one_line
from tests.writing import write_table

pytestmark = pytest.mark.usefixtures("model")
NEW = ["sentiment_probability", "sentiment"]
NASTY = ["plain, with comma", 'a "quote"', "two\nlines", "", "  ", "007", "1e5", "NULL", "é 😀", "last"]


def numbered(texts: list[str]) -> dict[str, list]:
    return {"id": list(range(len(texts))), "text": texts}


def read_csv(path: Path, **options: str) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, **options))


def test_parquet_rows_come_back_untouched(command: Command, model: Path) -> None:
    result = command("scorer", "run", DATA / "reviews.parquet", "-o", "scored.parquet", "--status")
    assert result.code == 0, result.err
    before, after = pq.read_table(DATA / "reviews.parquet"), pq.read_table("scored.parquet")
    assert after.column_names == [*before.column_names, *NEW, "sentiment_status"]
    assert after.select(before.column_names).cast(before.schema).equals(before)
    assert after.schema.field("sentiment_probability").type == pa.float32()
    assert after.schema.metadata[b"sentiment_scorer.model_sha256"].decode() == read_sealed(model).sha256
    assert after.schema.metadata[b"sentiment_scorer.version"].decode() == __version__
    for row in after.to_pylist():
        words = (row["text"] or "").split()
        assert (row["sentiment_probability"] is None) == (row["sentiment"] is None) == (not words)
        expected = {"ok", "truncated"} if words else {"null"} if row["text"] is None else {"empty"}
        assert row["sentiment_status"] in expected
        if words:
            assert row["sentiment"] == ("positive" if row["sentiment_probability"] >= 0.5 else "negative")


def test_types_and_metadata_pass_through(command: Command) -> None:
    table = pa.table(
        {
            "text": pa.array(["good", "bad", None]).dictionary_encode(),
            "when": pa.array([datetime.datetime(2020, 1, 1)] * 3, pa.timestamp("ns", "Europe/Paris")),
            "tags": pa.array([["a"], [], None], pa.list_(pa.string())),
            "amount": pa.array([1, 2, 3], pa.decimal128(9, 2)),
        }
    ).replace_schema_metadata({"owner": "me"})
    pq.write_table(table, "in.parquet")
    assert command("scorer", "run", "in.parquet", "-o", "out.parquet").code == 0
    after = pq.read_table("out.parquet")
    assert after.select(table.column_names).cast(table.schema).equals(table)
    assert after.schema.types[:4] == table.schema.types
    assert after.schema.metadata[b"owner"] == b"me"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_values_stay_the_strings_they_were(command: Command, delimiter: str) -> None:
    write_table(Path("in.csv"), numbered(NASTY), delimiter=delimiter)
    result = command("scorer", "run", "in.csv", "-o", "out.csv", "--delimiter", delimiter)
    assert result.code == 0, result.err
    rows = read_csv(Path("out.csv"), delimiter=delimiter)
    assert [row["text"] for row in rows] == NASTY
    assert [row["id"] for row in rows] == [str(i) for i in range(len(NASTY))]
    assert list(rows[0]) == ["id", "text", *NEW]
    assert [row["sentiment"] == "" for row in rows] == [not text.strip() for text in NASTY]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_csv_encodings(command: Command, encoding: str) -> None:
    write_table(Path("in.csv"), numbered(["café", "naïve"]), encoding=encoding)
    arguments = [] if encoding == "utf-8-sig" else ["--encoding", encoding]
    result = command("scorer", "run", "in.csv", "-o", "out.csv", *arguments)
    assert result.code == 0, result.err
    assert [(row["id"], row["text"]) for row in read_csv(Path("out.csv"))] == [("0", "café"), ("1", "naïve")]


def test_one_column_csv_keeps_its_empty_lines(command: Command) -> None:
    Path("in.csv").write_text("text\ngood\n\nbad\n")
    assert command("scorer", "run", "in.csv", "-o", "out.csv").code == 0
    assert [row["text"] for row in read_csv(Path("out.csv"))] == ["good", "", "bad"]


def test_formats_can_be_crossed(command: Command) -> None:
    assert command("scorer", "run", DATA / "reviews.parquet", "-o", "a.csv").code == 0
    rows = read_csv(Path("a.csv"))
    assert json.loads(rows[0]["source"]) == pq.read_table(DATA / "reviews.parquet")["source"][0].as_py()
    assert command("scorer", "run", DATA / "reviews.csv", "-o", "b.parquet").code == 0
    scores = pq.read_table("b.parquet")["sentiment_probability"].to_pylist()
    assert [f"{s:.5f}" if s is not None else "" for s in scores] == [
        f"{float(row['sentiment_probability']):.5f}" if row["sentiment_probability"] else "" for row in rows
    ]


def test_format_overrides_the_extension(command: Command) -> None:
    shutil.copy(DATA / "reviews.parquet", "reviews.bin")
    arguments = ["--format", "parquet", "--output-format", "csv"]
    assert command("scorer", "run", "reviews.bin", "-o", "scored.out", *arguments).code == 0
    assert pacsv.read_csv("scored.out", parse_options=pacsv.ParseOptions(newlines_in_values=True)).num_rows == 60


def test_many_windows_keep_their_order(command: Command) -> None:
    texts = [f"review {i} " + "good " * (i % 37) for i in range(10_000)]
    pq.write_table(pa.table({"n": range(10_000), "review": texts}), "in.parquet")
    result = command("scorer", "run", "in.parquet", "-o", "two.parquet", "--workers", 2)
    assert result.code == 0, result.err
    assert command("scorer", "run", "in.parquet", "-o", "one.parquet", "--workers", 1).code == 0
    two, one = pq.read_table("two.parquet"), pq.read_table("one.parquet")
    assert two["n"].to_pylist() == list(range(10_000))
    assert two.equals(one)


def test_zero_rows(command: Command) -> None:
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), "in.parquet")
    Path("in.csv").write_text("id,text\n")
    for name in ("in.parquet", "in.csv"):
        result = command("scorer", "run", name, "-o", "out.parquet", "--force")
        assert result.code == 0, result.err
        assert pq.read_table("out.parquet").num_rows == 0


def test_what_is_printed(command: Command, model: Path) -> None:
    result = command("scorer", "run", DATA / "reviews.parquet", "-o", "a.parquet")
    first, *_, last = result.out.splitlines()
    assert str(model) in first
    assert "reviews/s" in last
    assert "60 rows" in result.out
    assert result.err == ""  # no bar where there is no terminal
    assert command("scorer", "run", DATA / "reviews.parquet", "-o", "b.parquet", "--quiet").out == ""
    summary = json.loads(command("scorer", "run", DATA / "reviews.parquet", "-o", "c.parquet", "--json").out)
    assert (summary["rows"], summary["null"], summary["empty"]) == (60, 3, 3)
    assert summary["scored"] == 54
    assert 0 <= summary["positive_share"] <= 1


def test_the_model_is_found_in_this_order(
    command: Command, model: Path, fitted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def model_line(*arguments: object) -> str:
        result = command("scorer", "run", DATA / "reviews.csv", "-o", "out.csv", "--force", *arguments)
        return result.out.splitlines()[0]

    shutil.copy(model, "best.onnx")
    shutil.copy(model, "mine.onnx")
    assert "mine.onnx" in model_line("--model", "mine.onnx")
    assert str(fitted) in model_line()
    monkeypatch.delenv("SCORER_MODEL")
    assert model_line().startswith("model: best.onnx")
    Path("best.onnx").unlink()
    assert "embedded default" in model_line()


def test_text_columns_by_their_usual_names(command: Command) -> None:
    pq.write_table(pa.table({"comment": ["x"], "review": ["good"], "n": [1]}), "in.parquet")
    assert command("scorer", "run", "in.parquet", "-o", "a.parquet").code == 0
    assert command("scorer", "run", "in.parquet", "-o", "b.parquet", "--text-column", "comment").code == 0
    probabilities = [pq.read_table(name)["sentiment_probability"][0].as_py() for name in ("a.parquet", "b.parquet")]
    assert probabilities[0] != probabilities[1]
    pq.write_table(pa.table({"title": ["x"], "n": [1]}), "none.parquet")
    one_line(command("scorer", "run", "none.parquet", "-o", "c.parquet"), "none.parquet", "--text-column", "title, n")
    result = command("scorer", "run", "in.parquet", "-o", "c.parquet", "--text-column", "nope")
    one_line(result, "'nope'", "comment, review, n")
    one_line(command("scorer", "run", "in.parquet", "-o", "c.parquet", "--text-column", "n"), "'n'", "int64")


def test_existing_columns_and_files_are_not_lost(command: Command) -> None:
    command("scorer", "run", DATA / "reviews.csv", "-o", "a.csv")
    one_line(command("scorer", "run", DATA / "reviews.csv", "-o", "a.csv"), "a.csv", "--force")
    assert command("scorer", "run", DATA / "reviews.csv", "-o", "a.csv", "--force").code == 0
    one_line(command("scorer", "run", "a.csv", "-o", "b.csv"), "sentiment_probability", "--prefix")
    assert command("scorer", "run", "a.csv", "-o", "b.csv", "--prefix", "second_").code == 0
    assert list(read_csv(Path("b.csv"))[0])[-4:] == [*NEW, *(f"second_{name}" for name in NEW)]
    one_line(command("scorer", "run", "a.csv", "-o", "a.csv", "--force", "--prefix", "x_"), "a.csv", "input itself")


def bad_inputs(folder: Path) -> dict[str, tuple[str, list[str]]]:
    """Name of a bad file, how to spoil it, and what the line must say."""
    parquet = (DATA / "reviews.parquet").read_bytes()
    contents = {
        "text.parquet": b"not parquet at all",
        "cut.parquet": parquet[: len(parquet) // 2],
        "empty.parquet": b"",
        "empty.csv": b"",
        "ragged.csv": b"id,text\n1,good\n2,bad,extra\n",
        "latin.csv": "id,text\n1,caf\xe9\n".encode("latin-1"),
        "reviews.xlsx": b"x",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {
        "missing.parquet": "no such file",
        "text.parquet": "not a Parquet file",
        "cut.parquet": "Parquet",
        "empty.parquet": "empty",
        "empty.csv": "empty",
        "ragged.csv": "line 3",
        "latin.csv": "--encoding",
        "reviews.xlsx": "--format",
    }


def test_bad_input_is_one_line_and_leaves_nothing(command: Command, tmp_path: Path) -> None:
    for name, words in bad_inputs(tmp_path).items():
        one_line(command("scorer", "run", name, "-o", "out.parquet"), name, words)
    pages = bytearray((DATA / "reviews.parquet").read_bytes())
    pages[200:4000] = bytes(3800)
    Path("pages.parquet").write_bytes(pages)
    one_line(command("scorer", "run", "pages.parquet", "-o", "out.parquet"), "pages.parquet", "damaged")
    assert not [path.name for path in tmp_path.iterdir() if "out" in path.name]


def test_bad_outputs_and_models(command: Command, tmp_path: Path, fitted: Path) -> None:
    reviews = DATA / "reviews.csv"
    one_line(command("scorer", "run", reviews, "-o", "no/such/out.csv"), "no/such", "folder")
    one_line(command("scorer", "run", reviews, "-o", "out.xlsx"), "out.xlsx", "extension")
    one_line(command("scorer", "run", reviews, "-o", "out.csv", "--model", "no.onnx"), "no.onnx", "no such model")
    model = fitted / "best.pth"
    one_line(command("scorer", "run", reviews, "-o", "out.csv", "--model", model), "best.pth", "not a sealed model")
    one_line(command("scorer", "run", reviews, "-o", "out.csv", "--encoding", "klingon"), "klingon")
    assert list(tmp_path.iterdir()) == []


def test_usage_errors_exit_with_2(command: Command) -> None:
    assert command("scorer", "run", "a.csv").code == 2
    assert command("scorer", "run", "a.csv", "-o", "b.csv", "--format", "xlsx").code == 2
    assert command("scorer", "nonsense").code == 2
