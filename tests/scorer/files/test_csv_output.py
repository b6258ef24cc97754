"""CSV as it is written: other readers read it alike."""

import json
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Command, one_line
from tests.scorer.files.csv_files import rows, run, scored

pytestmark = pytest.mark.usefixtures("model")


def test_what_needs_no_quotes_gets_none(command: Command) -> None:
    content = 'id,text,x\n1,good,\n2,"",""\n"3","a, b","say ""hi"""\n4,,"two\nlines"\n5," a ",cr\rlf\n'.replace(
        "\r", ""
    )
    assert run(command, content).code == 0
    lines = [line.rpartition(",")[0].rpartition(",")[0] for line in Path("out.csv").read_text().splitlines()]
    assert lines[:4] == ["id,text,x", "1,good,", '2,"",""', '3,"a, b","say ""hi"""']
    assert Path("out.csv").read_text().splitlines()[4] == '4,,"two'
    assert lines[6] == "5, a ,crlf"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_other_readers_see_the_same_types(command: Command, ending: str) -> None:
    table = ["n,text,x,day,flag", "1,good,,2020-01-01,true", '2,"bad, very",0.5,,', "3,,1e3,2021-12-31,false"]
    assert run(command, ending.join([*table, ""])).code == 0
    before, after = pl.read_csv("in.csv", try_parse_dates=True), pl.read_csv("out.csv", try_parse_dates=True)
    assert after.select(before.columns).equals(before)
    assert after.schema["x"] == pl.Float64
    assert after["text"].null_count() == 1
    frames = [pd.read_csv(name) for name in ("in.csv", "out.csv")]
    pd.testing.assert_frame_equal(frames[1][frames[0].columns], frames[0])
    first, second = (duckdb.sql(f"select n, text, x, day, flag from '{name}'") for name in ("in.csv", "out.csv"))
    assert (first.types, first.fetchall()) == (second.types, second.fetchall())


def test_values_that_need_quotes_in_every_reader(command: Command) -> None:
    texts = [
        "a",
        "",
        None,
        '"',
        'say "hi"',
        "a,b",
        "two\nlines",
        "cr\rlf\r\n",
        " spaced ",
        "NULL",
        "'",
        "\t",
        "é 😀",
        "-1",
    ]
    frame = pl.DataFrame({"text": texts, "n": range(len(texts))})
    frame.write_parquet("in.parquet")
    assert command("scorer", "run", "in.parquet", "-o", "out.csv").code == 0
    assert pl.read_csv("out.csv")["text"].to_list() == texts
    read = pd.read_csv("out.csv", keep_default_na=False, dtype=str, lineterminator="\n")
    assert read["text"].to_list() == [text or "" for text in texts]
    options = "header=true, delim=',', quote='\"', escape='\"', new_line='\\n', types={'text': 'VARCHAR'}"
    there = duckdb.sql(f"select text from read_csv('out.csv', {options}) order by n").fetchall()
    assert [text for (text,) in there] == [text or None for text in texts]


def test_a_map_with_one_key_twice_is_no_json(command: Command) -> None:
    twice = pa.array([[("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64()))
    pq.write_table(pa.table({"text": ["good"], "pairs": twice}), "in.parquet")
    one_line(command("scorer", "run", "in.parquet", "-o", "out.csv"), "out.csv", "'pairs'", "one key twice")


def test_nested_values_are_json(command: Command) -> None:
    table = pa.table(
        {
            "text": ["good", "bad"],
            "bytes": [[b"a", None], None],
            "fixed": pa.array([[b"ab"], []], pa.list_(pa.binary(2))),
            "map": pa.array([[("k", 1), ("l", None)], []], pa.map_(pa.string(), pa.int64())),
            "numbered": pa.array([[(1, "x")], None], pa.map_(pa.int64(), pa.string())),
            "odd": [[float("nan"), float("inf"), 0.5], None],
            "struct": [{"a": b"x", "b": [{"c": "é"}]}, None],
            "when": pa.array([[1, 10**17], None], pa.list_(pa.timestamp("ns"))),
            "late": pa.array([[253402300800], None], pa.list_(pa.timestamp("s"))),
            "amount": [[Decimal("1.10")], None],
        }
    )
    pq.write_table(table, "in.parquet")
    assert command("scorer", "run", "in.parquet", "-o", "out.csv").code == 0
    first, second = pl.read_csv("out.csv", infer_schema=False).rows(named=True)
    values = {name: json.loads(first[name]) for name in table.column_names[1:]}
    assert values == {
        "bytes": ["a", None],
        "fixed": ["ab"],
        "map": {"k": 1, "l": None},
        "numbered": {"1": "x"},
        "odd": [None, None, 0.5],
        "struct": {"a": "x", "b": [{"c": "é"}]},
        "when": ["1970-01-01 00:00:00.000000001", "1973-03-03 09:46:40.000000000"],
        "late": ["10000-01-01 00:00:00.000"],
        "amount": ["1.10"],
    }
    assert (second["map"], second["bytes"], second["fixed"]) == ("{}", None, "[]")


def test_columns_of_extension_types(command: Command) -> None:
    some = UUID("12345678-1234-5678-1234-567812345678")
    table = pa.table({"text": ["good", "bad"], "id": pa.array([some.bytes, None], pa.uuid())})
    pq.write_table(table.append_column("json", pa.array(['{"a": 1}', None], pa.json_())), "in.parquet")
    assert command("scorer", "run", "in.parquet", "-o", "out.csv").code == 0
    assert [row[1:] for row in rows()] == [["id", "json"], [str(some), '{"a": 1}'], ["", ""]]


def test_numbers_keep_every_digit(command: Command) -> None:
    table = pa.table(
        {
            "text": ["good"] * 2,
            "unsigned": pa.array([2**64 - 1, None], pa.uint64()),
            "decimal": pa.array([Decimal("12345678901234567890.123456789"), None], pa.decimal128(38, 9)),
            "long": pa.array([[2**63 - 1, 2**53 + 1], None]),
            "double": [0.1 + 0.2, None],
        }
    )
    pq.write_table(table, "in.parquet")
    assert command("scorer", "run", "in.parquet", "-o", "out.csv").code == 0
    assert rows()[1] == [
        *("good", "18446744073709551615", "12345678901234567890.123456789"),
        *("[9223372036854775807, 9007199254740993]", "0.30000000000000004"),
    ]


BAD = {
    "bytes": pa.array([b"fine", b"\xff"]),
    "string": pa.array([b"fine", b"\xff"]).view(pa.string()),
    "fixed": pa.array([b"x", b"\xff"], pa.binary(1)),
    "dictionary": pa.array([b"fine", b"\xff"]).dictionary_encode(),
    "nested": pa.array([[b"fine"], [b"\xff"]]).cast(pa.list_(pa.binary())).view(pa.list_(pa.string())),
    "struct": pa.array([{"a": b"fine"}, {"a": b"\xff"}]).view(pa.struct([("a", pa.string())])),
}


@pytest.mark.parametrize("kind", BAD)
def test_bytes_that_are_no_text_become_errors_on_request(command: Command, kind: str) -> None:
    pq.write_table(pa.table({"text": ["good", "bad"], "other": BAD[kind]}), "in.parquet")
    refused = command("scorer", "run", "in.parquet", "-o", "out.csv")
    one_line(refused, "in.parquet", "row 2: column 'other'", "--on-error null")
    result = command("scorer", "run", "in.parquet", "-o", "out.csv", "--on-error", "null", "--status", "--verify", 2)
    assert result.code == 0, result.err
    assert "1 unreadable" in result.out
    after = pl.read_csv("out.csv")
    assert after["sentiment_status"].to_list() == ["ok", "error"]
    assert "\ufffd" in after["other"][1]
    assert after["sentiment"].null_count() == 1
    if kind == "bytes":
        other = ["--text-column", "other", "--on-error", "null", "--status", "--force"]
        assert command("scorer", "run", "in.parquet", "-o", "out.csv", *other).code == 0
        assert pl.read_csv("out.csv")["sentiment_status"].to_list() == ["ok", "error"]


def test_a_mark_for_excel(command: Command) -> None:
    assert run(command, "id,text\n1,é\n", "--output-encoding", "utf-8-sig", "--verify", 1).code == 0
    assert Path("out.csv").read_bytes().startswith(b"\xef\xbb\xbfid,text,")
    assert scored(command, Path("out.csv").read_bytes(), "--prefix", "again_")[0][:2] == ["id", "text"]
