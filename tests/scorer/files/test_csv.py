"""CSV as people really have it: each spelling read, or refused by its line; outputs that other readers read alike."""

import csv
import io
import json
import subprocess
import sys
import threading
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.errors import InputError
from scorer.files.csv_rows import RowBlock, row_blocks
from scorer.files.format import Dialect
from scorer.files.inputs import LocalInput
from scorer.files.opening import open_source
from tests.conftest import Command, Result, one_line

pytestmark = pytest.mark.usefixtures("model")
NEW = ["sentiment_probability", "sentiment"]
BACKSLASH = "\\"
csv.field_size_limit(1 << 30)


def run(
    command: Command, content: str | bytes, *arguments: object, name: str = "in.csv", to: str = "out.csv"
) -> Result:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return command("scorer", "run", name, "-o", to, "--force", *arguments)


def rows(path: str = "out.csv", **spelling: str) -> list[list[str]]:
    """Names and values of a CSV output, without its two last columns."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return [row[: -len(NEW)] for row in csv.reader(file, **spelling)]


def scored(command: Command, content: str | bytes, *arguments: object, name: str = "in.csv") -> list[list[str]]:
    result = run(command, content, *arguments, name=name)
    assert result.code == 0, result.err
    return rows()


# Lines that are no rows


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_ragged_lines_are_named_whatever_the_threads(command: Command, threads: int) -> None:
    before, many = pa.cpu_count(), "1,a good film\n" * 200_000
    pa.set_cpu_count(threads)
    try:
        one_line(run(command, "id,text\n1,a\n2,b,c\n"), "in.csv: line 3: Expected 2", "got 3", "--bad-lines skip")
        one_line(run(command, f'id,text\n"two\nlines",a\n{many}\n2\n{many}'), "in.csv: line 200005:", "got 1")
        one_line(run(command, b"id,text\n1,a\n2,\xff,c\n"), "in.csv: line 3: Expected 2", "got 3")
    finally:
        pa.set_cpu_count(before)


def test_bad_lines_can_be_skipped(command: Command) -> None:
    content = 'id,text\n1,a\n\n2,b,c\n3,"two\nlines"\n4\n' + "5,good\n" * 300_000 + "6,x,y\n7,last\n"
    result = run(command, content, "--bad-lines", "skip", "--verify", 20)
    assert result.code == 0, result.err
    assert "3 bad lines skipped, the first is line 4" in result.out
    after = rows()
    assert after[:4] == [["id", "text"], ["1", "a"], ["3", "two\nlines"], ["5", "good"]]
    assert (len(after), after[-1]) == (300_004, ["7", "last"])
    summary = json.loads(run(command, content, "--bad-lines", "skip", "--json").out)
    assert (summary["rows"], summary["skipped"], summary["first_skipped"]) == (300_003, 3, 4)
    bad = f"{content}8,\xff\n".encode("latin-1")
    one_line(run(command, bad, "--bad-lines", "skip"), "in.csv: line 300010: not utf-8 text")
    assert scored(command, "id,text\n1\n2\n", "--bad-lines", "skip") == [["id", "text"]]


BROKEN = {
    "escaped quotes": ('1,a\n2,"say \\"hi\\" to, him"\n', "line 3: a value goes on after its closing quote"),
    "an escaped quote at the end": ('1,"ends with \\""\n2,"next"\n', "line 2: a value goes on"),
    "escaped quotes in the last row": ('1,a\n2,"ends with \\""\n', "line 3: a quote is opened and never closed"),
    "quotes that are none": ('1,"Great" they said\n2,fine\n', "line 2: a value goes on"),
    "rows swallowed": ('1,"Great\n2,fine\n3,"bad\n4,ok\n', "line 2: a value goes on"),
    "a stray quote before": ('1,5" pipe\n2,"swallowed\n3,c\n', "line 3: a quote is opened and never closed"),
    "far away": ("1,good\n" * 300_000 + '2,"a" b\n', "line 300002: a value goes on"),
    "a hundred megabytes": ('1,"never closed\n' + "2,good film\n" * 9_000_000, "line 2: a quote is opened and never"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_quotes_are_refused_by_line(command: Command, case: str) -> None:
    content, words = BROKEN[case]
    one_line(run(command, "id,text\n" + content), f"in.csv: {words}", "--quote none")
    assert not Path("out.csv").exists()


def test_long_rows_are_not_taken_for_unclosed_quotes(command: Command) -> None:
    long = "good film " * 2_500_000
    content = f'id,text\n1,{long}\n2,"a\n{long}"\n3,b\n'
    assert [len(row[1]) for row in scored(command, content)] == [4, len(long), len(long) + 2, 1]
    one_line(run(command, f'{content}4,"never closed\n'), "line 6: a quote is opened and never closed")
    one_line(run(command, f"{content}4,5,6\n"), "line 6: Expected 2")


def test_rows_that_a_quote_swallows_cleanly(command: Command) -> None:
    """Four rows would become two, and no quote be left over."""
    content = 'id\ttext\n1\t"Great\n2\tfine\n3\tbad"\n4\tok\n'
    one_line(run(command, content, name="in.tsv"), "in.tsv: line 2: a quote makes one value of several lines")
    after = scored(command, content, "--quote", "none", name="in.tsv")
    assert after == [["id", "text"], ["1", '"Great'], ["2", "fine"], ["3", 'bad"'], ["4", "ok"]]
    quoted = [["id", "text"], ["1", "two\nlines"], ["2", "three\n\tof\tthem\n"], ["3", "one"]]
    assert scored(command, written(quoted, delimiter="\t"), name="in.tsv") == quoted


# Spellings


def written(table: list[list[str]], **spelling: object) -> str:
    file = io.StringIO()
    csv.writer(file, **spelling).writerows(table)
    return file.getvalue()


def test_escapes(command: Command) -> None:
    content = (
        'id,text\n1,"say \\"hi\\", he said"\n2,"ends with \\""\n3,C:\\new\\table\n4,"two\\\\\nlines"\n5,a\\,b\n\\N,\\\n'
    )
    after = scored(command, content, "--escape", BACKSLASH, "--verify", 6)
    assert after == [
        ["id", "text"],
        ["1", 'say "hi", he said'],
        ["2", 'ends with "'],
        ["3", "C:\\new\\table"],
        ["4", "two\\\nlines"],
        ["5", "a,b"],
        ["\\N", "\n"],
    ]
    wrong = '1,"a\\" b"\n2,"c \\"d" e\n'
    one_line(run(command, "id,text\n" + wrong, "--escape", BACKSLASH), "line 3: a value goes on")
    one_line(run(command, f"id,text\n{content[8:]}1,2,3\n", "--escape", BACKSLASH), "line 8: Expected 2", "got 4")


def test_files_without_quoting(command: Command) -> None:
    table = [["id", "text"], ["1", '"Great" they said'], ["2", '"'], ["3", 'x"y']]
    content = "".join(f"{name}\t{text}\n" for name, text in table)
    assert scored(command, content, "--quote", "none", name="in.tsv") == table
    assert scored(
        command, content.replace('x"', 'x\\\t"'), "--quote", "none", "--escape", BACKSLASH, name="in.tsv"
    ) == [
        *table[:3],
        ["3", 'x\t"y'],
    ]
    assert scored(command, "id,text\n1,'a, \"b\"'\n", "--quote", "'")[1] == ["1", 'a, "b"']


@pytest.mark.parametrize("name", ["in.tsv", "in.tab", "in.txt", "IN.TSV"])
def test_extensions_of_tabs(command: Command, name: str) -> None:
    content = "id\ttext\n1\ta, b\n"
    assert scored(command, content, name=name) == [["id", "text"], ["1", "a, b"]]
    assert run(command, content, name=name, to="out.tsv").code == 0
    assert rows("out.tsv", delimiter="\t") == [["id", "text"], ["1", "a, b"]]
    assert (
        scored(command, content.replace("\t", ";"), "--delimiter", ";", "--output-delimiter", ",", name=name)[1][0]
        == "1"
    )


def test_delimiters(command: Command) -> None:
    for spelled in ("tab", "\\t", "\t"):
        assert run(command, "id\ttext\n1\ta,b\n", "--delimiter", spelled, "--verify", 1).code == 0
        assert rows(delimiter="\t") == [["id", "text"], ["1", "a,b"]]
        assert run(command, "id,text\n1,a\n", "--output-delimiter", spelled, "--verify", 1).code == 0
        assert rows(delimiter="\t") == [["id", "text"], ["1", "a"]]
    for sign in "|;^-~. 5]":
        text = f"a{sign}b"
        content = written([["id", "text"], ["-1", text]], delimiter=sign)
        assert run(command, content, "--delimiter", sign, "--verify", 1).code == 0
        assert rows(delimiter=sign) == [["id", "text"], ["-1", text]]
        assert scored(command, content, "--delimiter", sign, "--output-delimiter", ",") == [
            ["id", "text"],
            ["-1", text],
        ]
    for wrong in (["--delimiter", '"'], ["--delimiter", "ab"], ["--escape", ","], ["--output-delimiter", '"']):
        one_line(run(command, "id,text\n1,a\n", *wrong), wrong[0], "character")


@pytest.mark.parametrize(
    ("name", "content", "seen"),
    [
        ("in.csv", "id;text\n1;a, b\n", "semicolons seem to separate its values, not commas; give --delimiter ';'"),
        ("in.csv", "id\ttext\n1\ta\n", "tabs seem to separate its values, not commas; give --delimiter tab"),
        ("in.csv", "id|text\n1|a\n", "bars seem to separate its values, not commas; give --delimiter '|'"),
        ("in.csv", "a, the id;text\n1;a\n", "semicolons seem to separate its values, not commas; give --delimiter ';'"),
        ("in.csv", "sep=;\nid;text\n1;a\n", "semicolons seem to separate its values, not commas; give --delimiter ';'"),
        ("in.txt", "id,text\n1,a\n", "commas seem to separate its values, not tabs; give --delimiter ','"),
    ],
)
def test_the_delimiter_that_a_file_seems_to_have(command: Command, name: str, content: str, seen: str) -> None:
    one_line(run(command, content, name=name), f"{name}: {seen}")
    one_line(run(command, content, "--text-column", "text", name=name), f"{name}: {seen}")
    spelled = seen.rpartition("--delimiter ")[2].strip("'") or ";"
    assert scored(command, content, "--delimiter", spelled[:1] if spelled != "tab" else "tab", name=name)


def test_a_column_that_is_missing_is_not_blamed_on_the_delimiter(command: Command) -> None:
    one_line(run(command, 'id,"a; b; c"\n1,x\n'), "no text column found")
    one_line(run(command, 'id,"a; b; c",text\n1,x,y\n', "--text-column", "nope"), "no column 'nope'")
    one_line(run(command, 'a,b;"two\nlines";c\n1;2;3\n', "--delimiter", ";"), "no text column found")


def test_the_line_that_names_the_delimiter_for_spreadsheets(command: Command) -> None:
    assert scored(command, "sep=,\r\nid,text\r\n1,a\r\n") == [["id", "text"], ["1", "a"]]
    one_line(run(command, "sep=,\nid,text\n1\n"), "line 3")


def test_no_header(command: Command) -> None:
    result = run(command, '1,"good, film"\n2,bad\n', "--no-header", "--text-column", "2", "--status", "--verify", 2)
    assert result.code == 0, result.err
    assert [line.split(",")[0] for line in Path("out.csv").read_text().splitlines()] == ["1", "2"]
    assert rows()[0][:2] == ["1", "good, film"]
    assert run(command, "1,good\n2,bad\n", "--no-header", "--text-column", "2", to="out.jsonl").code == 0
    assert [json.loads(line)["2"] for line in Path("out.jsonl").read_text().splitlines()] == ["good", "bad"]
    one_line(run(command, "1,good\n2,bad\n", "--no-header"), "--text-column: 1, 2")
    one_line(run(command, "1,good\n2\n", "--no-header", "--text-column", "2"), "line 2: Expected 2")
    assert [row[0] for row in scored(command, "\ngood\nbad\n", "--no-header")] == ["", "good", "bad"]


@pytest.mark.parametrize(
    "name", ["Text", "REVIEW", "reviewText", "review_body", " text ", "Sentence", "message", "comments"]
)
def test_usual_names(command: Command, name: str) -> None:
    assert scored(command, f"id,{name}\n1,a\n")[0] == ["id", name]
    pq.write_table(pa.table({"id": [1], name: ["good"]}), "in.parquet")
    assert command("scorer", "run", "in.parquet", "-o", "out.parquet", "--force").code == 0


def test_names_without_regard_to_case(command: Command) -> None:
    assert scored(command, "id,Body Text\n1,a\n", "--text-column", "body text")[0] == ["id", "Body Text"]
    one_line(run(command, "A,a \nx,y\n", "--text-column", "a"), "no column 'a'")
    assert scored(command, "TEXT,text\n,good\n", "--verify", 1) == [["TEXT", "text"], ["", "good"]]


def test_values_that_mean_none(command: Command) -> None:
    markers = ["NULL", "NA", "N/A", "\\N", "None", ""]
    content = written([["id", "text"], *(["NA", marker] for marker in [*markers, "good"])])
    arguments = ["--null-values", "NULL,NA,N/A,\\N,None,", "--status"]
    assert run(command, content, *arguments, "--verify", 7, to="out.parquet").code == 0
    after = pq.read_table("out.parquet")
    assert after["text"].to_pylist() == [None] * 6 + ["good"]
    assert after["id"].null_count == 7
    assert after["sentiment_status"].to_pylist() == ["null"] * 6 + ["ok"]
    assert run(command, content, *arguments, "--verify", 7).code == 0
    assert [row[:2] for row in rows()] == [["id", "text"], *(["NA", marker] for marker in [*markers, "good"])]
    assert run(command, content, "--status", to="out.parquet").code == 0
    assert pq.read_table("out.parquet")["sentiment_status"].to_pylist() == ["ok"] * 5 + ["empty", "ok"]


# Files that are no CSV


def workbook() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    return file.getvalue()


@pytest.mark.parametrize("extension", ["csv", "tsv", "parquet", "jsonl", "csv.gz"])
def test_workbooks_are_told_by_their_first_bytes(command: Command, extension: str) -> None:
    one_line(run(command, workbook(), name=f"in.{extension}"), f"in.{extension}: is an Excel workbook; save it as CSV")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_told_by_its_first_bytes(command: Command, encoding: str) -> None:
    content = "id,text\n1,é\n".encode(encoding)
    one_line(run(command, content), f"in.csv: is {encoding} text; give --encoding {encoding}")
    assert scored(command, content, "--encoding", encoding) == [["id", "text"], ["1", "é"]]
    one_line(run(command, content, name="in.jsonl"), f"in.jsonl: is {encoding} text; save it as UTF-8")
    if encoding != "utf-16":
        one_line(run(command, content, "--encoding", "utf-16"), "not utf-16 text", f"try --encoding {encoding}")
        wide = "id,text\n1,é\n".encode(encoding.replace("16", "32"))
        one_line(run(command, wide, "--encoding", "utf-32"), f"try --encoding {encoding.replace('16', '32')}")


@pytest.mark.parametrize("encoding", ["idna", "undefined", "punycode", "utf-7", "unicode_escape"])
def test_encodings_that_nobody_uses_are_one_line_at_worst(command: Command, encoding: str) -> None:
    result = run(command, b"id,text\n1,\xff\\x\n", "--encoding", encoding)
    assert result.code == 0 or one_line(result, encoding) is None


def test_parquet_by_another_name(command: Command) -> None:
    pq.write_table(pa.table({"text": ["good"]}), "table.parquet")
    one_line(run(command, Path("table.parquet").read_bytes()), "in.csv: is a Parquet file; name its format")


def test_names_of_outputs(command: Command) -> None:
    one_line(run(command, "text\na\n", to="out.data"), "out.data: unknown extension", "--output-format")
    for name, arguments in (("out.parquet.gz", []), ("out.gz", ["--output-format", "parquet"])):
        one_line(run(command, "text\na\n", *arguments, to=name), f"{name}: Parquet compresses its columns itself")
        assert not Path(name).exists()


def test_one_line_number_in_a_message(command: Command) -> None:
    result = run(command, '{"text": "a"}\n{"text": nope}\n', name="in.jsonl")
    one_line(result, "in.jsonl: line 2: not JSON: Expecting value at character 10")
    assert result.err.count("line") == 1


# What is written


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


# How it is read


class WatchedInput(LocalInput):
    """A file that notes which threads read it."""

    threads: ClassVar[set[int]] = set()

    def open_random(self) -> pa.PythonFile:
        """The file, through Python."""

        class Watched(io.FileIO):
            def read(self, size: int | None = -1, /) -> bytes:
                WatchedInput.threads.add(threading.get_ident())
                return super().read(size)

        return pa.PythonFile(Watched(self.path))


def test_no_thread_of_arrow_reads_ahead() -> None:
    """One that was inside Python when the process ended aborted it: 6 of 80 runs that were refused for their names."""
    Path("in.csv").write_text("id,text\n" + "1,good\n" * 500_000)
    assert sum(window.num_rows for window in open_source(WatchedInput(Path("in.csv"))).windows()) == 500_000
    assert WatchedInput.threads == {threading.get_ident()}


def test_csv_both_ways_does_not_wait_for_pandas() -> None:
    """A third of a second, for which Arrow asks when it is given Python values."""
    Path("in.csv").write_text('id,text,empty\n1,"good, film",\n2,bad,\n')
    program = (
        "import sys\n"
        "sys.argv = ['scorer', 'run', 'in.csv', '-o', 'out.csv', '-q']\n"
        "from scorer.cli.app import main\n"
        "try:\n    main()\nfinally:\n    print('pandas' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"


def test_refusals_end_in_order() -> None:
    Path("in.csv").write_text("id,text,sentiment\n" + "1,good,x\n" * 200_000)
    command = [sys.executable, "-m", "scorer", "run", "in.csv", "-o", "out.csv", "-q"]
    for _ in range(5):
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1), ended.stderr


def cut(content: str, chunks: list[str]) -> list[RowBlock]:
    dialect = Dialect(",", '"', None, "utf-8", True)
    blocks = list(row_blocks("it", lambda: [chunk.encode() for chunk in chunks if chunk], dialect))
    assert b"".join(block.data for block in blocks).decode() == content
    return blocks


def expected_rows(content: str) -> list[tuple[int, str, int]] | None:
    """Line, characters and number of values of every row, by a machine of one character at a time."""
    found, start, line, state, columns = [], 0, 1, "begin", 1
    row_line = 1
    for place, sign in enumerate(content):
        after = content[place + 1 : place + 2]
        ends_line = sign == "\n" or (sign == "\r" and after != "\n")
        line += ends_line
        if state == "inside":
            state = "closed" if sign == '"' else state
        elif state == "closed" and sign == '"':
            state = "inside"
        elif state == "closed" and sign not in ",\r\n":
            return None
        elif sign == '"' and state == "begin":
            state = "inside"
        else:
            columns += sign == ","
            state = "begin" if sign in ",\r\n" else "value"
            if ends_line:
                found.append((row_line, content[start : place + 1], columns))
                start, row_line, columns = place + 1, line, 1
    return None if state == "inside" else found


@given(st.lists(st.text(',"\r\nab', max_size=12), max_size=6))
def test_rows_are_cut_wherever_chunks_end(chunks: list[str]) -> None:
    chunks = [*chunks, "\n"]
    content = "".join(chunks)
    expected = expected_rows(content)
    if expected is None:
        with pytest.raises(InputError):
            cut(content, chunks)
        return
    found = [
        (block.line_of(row), block.data[block.starts[row] : block.ends[row]].decode(), int(block.columns[row]))
        for block in cut(content, chunks)
        for row in range(len(block.ends))
    ]
    assert found == expected
