"""Rows whose bytes are not text: named, or marked and counted; the others score as if they were alone."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Command, one_line

pytestmark = pytest.mark.usefixtures("model")
TEXTS = [b"a good film", b"caf\xe9 good", None, b"", b"bad \xc3\xa9 film", b"\xff", b"bad"]
STATUS = ["ok", "error", "null", "empty", "ok", "error", "ok"]
RAW = pa.array(TEXTS, pa.binary())
STORED = [  # strings too hold them unchecked, as they do in files of careless writers
    RAW,
    RAW.cast(pa.large_binary()),
    RAW.cast(pa.binary_view()),
    RAW.view(pa.string()),
    RAW.cast(pa.large_binary()).view(pa.large_string()),
    RAW.cast(pa.binary_view()).view(pa.string_view()),
    RAW.dictionary_encode(),
]


@pytest.mark.parametrize("stored", STORED, ids=lambda stored: str(stored.type))
def test_parquet_rows_that_are_not_utf8(command: Command, stored: pa.Array) -> None:
    pq.write_table(pa.table({"n": range(len(TEXTS)), "text": stored}), "in.parquet")
    one_line(command("scorer", "run", "in.parquet", "-o", "out.parquet"), "in.parquet", "row 2", "--on-error null")
    assert not Path("out.parquet").exists()
    result = command("scorer", "run", "in.parquet", "-o", "out.parquet", "--on-error", "null", "--status", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["error"] == 2
    after = pq.read_table("out.parquet")
    assert after["sentiment_status"].to_pylist() == STATUS
    assert after["n"].to_pylist() == list(range(len(TEXTS)))
    assert pa.chunked_array(after["text"].chunks).cast(pa.binary()).to_pylist() == TEXTS
    scored = [status == "ok" for status in STATUS]
    assert [value is not None for value in after["sentiment_probability"].to_pylist()] == scored
    assert [value is not None for value in after["sentiment"].to_pylist()] == scored


def test_csv_rows_that_are_not_in_the_encoding(command: Command) -> None:
    Path("in.csv").write_bytes(b'id,text\n1,"two\nlines"\n\n2,caf\xe9 good\n3,good\n4\xff,good\n')
    one_line(command("scorer", "run", "in.csv", "-o", "out.csv"), "in.csv", "line 5", "--encoding", "--on-error null")
    for output in ("out.csv", "out.parquet"):
        result = command("scorer", "run", "in.csv", "-o", output, "--on-error", "null", "--status")
        assert result.code == 0, result.err
        assert "2 unreadable" in result.out
    rows = pq.read_table("out.parquet")
    rows.validate(full=True)
    assert rows["sentiment_status"].to_pylist() == ["ok", "error", "ok", "error"]
    assert rows["text"].to_pylist() == ["two\nlines", "caf\ufffd good", "good", "good"]
    assert rows["id"].to_pylist() == ["1", "2", "3", "4\ufffd"]
    assert "caf\ufffd good" in Path("out.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-16", "text\ngood\nbad \ud800 film\ngood\n".encode("utf-16", "surrogatepass")),
        ("cp1252", b"text\ngood\nbad \x81 film\ngood\n"),
        ("gbk", b"text\ngood\nbad \xff\xff film\ngood\n"),
    ],
)
def test_other_encodings_too(command: Command, encoding: str, content: bytes) -> None:
    Path("in.csv").write_bytes(content)
    arguments = ("scorer", "run", "in.csv", "-o", "out.parquet", "--encoding", encoding)
    one_line(command(*arguments), "line 3", f"not {encoding} text")
    assert command(*arguments, "--on-error", "null", "--status").code == 0
    rows = pq.read_table("out.parquet")
    assert rows["sentiment_status"].to_pylist() == ["ok", "error", "ok"]
    assert rows["text"][1].as_py().startswith("bad \ufffd")


def test_the_row_is_named_wherever_it_stands(command: Command) -> None:
    texts = [b"good"] * 9_999 + [b"\x80"]
    pq.write_table(pa.table({"text": pa.array(texts, pa.binary())}), "in.parquet")
    one_line(command("scorer", "run", "in.parquet", "-o", "out.parquet"), "row 10000")
    Path("in.csv").write_bytes(b"n,text\n" + b"".join(b'1,"%s\n"\n' % text for text in texts))
    one_line(command("scorer", "run", "in.csv", "-o", "out.parquet"), "line 20000")


def test_truncation_is_told(command: Command, model: Path) -> None:
    card = json.loads(command("scorer", "inspect", model, "--json").out)
    tokens, keep = card["text"]["max_length"], card["text"]["keep"]
    pq.write_table(pa.table({"text": ["good " * tokens, "good " * (tokens + 1)]}), "in.parquet")
    result = command("scorer", "run", "in.parquet", "-o", "out.parquet", "--status")
    end = {"head": "first", "tail": "last"}[keep]
    assert f"1 truncated to the {end} {tokens} tokens" in result.out
    assert pq.read_table("out.parquet")["sentiment_status"].to_pylist() == ["ok", "truncated"]
    summary = json.loads(command("scorer", "run", "in.parquet", "-o", "out.parquet", "--force", "--json").out)
    assert (summary["truncated"], summary["kept_end"], summary["kept_tokens"]) == (1, keep, tokens)
