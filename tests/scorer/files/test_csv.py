"""CSV as people really have it: each spelling is read, or refused by its line."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Command, one_line
from tests.scorer.files.csv_files import BACKSLASH, rows, run, scored, written

pytestmark = pytest.mark.usefixtures("model")


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
    content = 'id,text\n1,a\n\n2,b,c\n3,"two\nlines"\n4\n' + "5,good\n" * 160_000 + "6,x,y\n7,last\n"
    result = run(command, content, "--bad-lines", "skip", "--verify", 20)
    assert result.code == 0, result.err
    assert "3 bad lines skipped, the first is line 4" in result.out
    after = rows()
    assert after[:4] == [["id", "text"], ["1", "a"], ["3", "two\nlines"], ["5", "good"]]
    assert (len(after), after[-1]) == (160_004, ["7", "last"])
    summary = json.loads(run(command, content, "--bad-lines", "skip", "--json").out)
    assert (summary["rows"], summary["skipped"], summary["first_skipped"]) == (160_003, 3, 4)
    bad = f"{content}8,\xff\n".encode("latin-1")
    one_line(run(command, bad, "--bad-lines", "skip"), "in.csv: line 160010: not utf-8 text")
    assert scored(command, "id,text\n1\n2\n", "--bad-lines", "skip") == [["id", "text"]]


BROKEN = {
    "escaped quotes": ('1,a\n2,"say \\"hi\\" to, him"\n', "line 3: a value goes on after its closing quote"),
    "an escaped quote at the end": ('1,"ends with \\""\n2,"next"\n', "line 2: a value goes on"),
    "escaped quotes in the last row": ('1,a\n2,"ends with \\""\n', "line 3: a quote is opened and never closed"),
    "quotes that are none": ('1,"Great" they said\n2,fine\n', "line 2: a value goes on"),
    "rows swallowed": ('1,"Great\n2,fine\n3,"bad\n4,ok\n', "line 2: a value goes on"),
    "a stray quote before": ('1,5" pipe\n2,"swallowed\n3,c\n', "line 3: a quote is opened and never closed"),
    "far away": ("1,good\n" * 160_000 + '2,"a" b\n', "line 160002: a value goes on"),
    "twenty megabytes": ('1,"never closed\n' + "2,good film\n" * 1_700_000, "line 2: a quote is opened and never"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_quotes_are_refused_by_line(command: Command, case: str) -> None:
    content, words = BROKEN[case]
    one_line(run(command, "id,text\n" + content), f"in.csv: {words}", "--quote none")
    assert not Path("out.csv").exists()


def test_long_rows_are_not_taken_for_unclosed_quotes(command: Command) -> None:
    long = "good film " * 1_800_000  # 18 MB: from 16 on it is looked whether a quote ends
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


@pytest.mark.filterwarnings("default::scorer.errors.GuessWarning")
@pytest.mark.parametrize(
    ("name", "content", "seen", "sign"),
    [
        ("in.csv", "id;text\n1;a, b\n", "semicolons", ";"),
        ("in.csv", "id\ttext\n1\ta\n", "tabs", "\t"),
        ("in.csv", "id|text\n1|a\n", "bars", "|"),
        ("in.csv", "a, the id;text\n1;a\n", "semicolons", ";"),
        ("in.csv", '"id";"text"\n"1";"a, b"\n', "semicolons", ";"),
        ("in.csv", '"id"\t"text"\n"1"\t"a"\n', "tabs", "\t"),
        ("in.csv", 'id;text\n1;"a\n""b, c"" d"\n', "semicolons", ";"),
        ("in.txt", "id,text\n1,a\n", "commas", ","),
    ],
)
def test_the_delimiter_that_a_file_seems_to_have(
    command: Command, name: str, content: str, seen: str, sign: str
) -> None:
    for option in ((), ("--text-column", "text")):
        result = run(command, content, *option, "--verify", 1, "--force", name=name)
        first, *others = result.err.splitlines()
        assert (result.code, "another language" in "".join(others) or not others) == (0, True)
        assert f"{name}: read with {seen} between values; --delimiter says otherwise" in first
        assert rows(delimiter=sign) == list(csv.reader(io.StringIO(content), delimiter=sign))
    ragged = content + "2\n" * 3
    spelled = "tab" if sign == "\t" else repr(sign)
    one_line(run(command, ragged, "--force", name=name), f"{seen} seem to separate", f"give --delimiter {spelled}")
    wrong = run(command, content, "--delimiter", "!", "--force", name=name)
    one_line(wrong, f"{seen} seem to separate its values", f"give --delimiter {spelled}")


@pytest.mark.filterwarnings("default::scorer.errors.GuessWarning")
def test_an_empty_line_hides_no_delimiter(command: Command) -> None:
    assert run(command, "\r\n;text\n1;a").code == 0
    assert rows(delimiter=";")[1][:2] == ["1", "a"]


def test_a_column_that_is_missing_is_not_blamed_on_the_delimiter(command: Command) -> None:
    one_line(run(command, 'id,"a; b; c"\n1,x\n'), "no text column found")
    one_line(run(command, '"id", "text"\n"1", "x"\n'), "no text column found", "' \"text\"'")
    one_line(run(command, 'id,"a; b; c",text\n1,x,y\n', "--text-column", "nope"), "no column 'nope'")
    one_line(run(command, 'a,b;"two\nlines";c\n1;2;3\n', "--delimiter", ";"), "no text column found")


def test_the_line_that_names_the_delimiter_for_spreadsheets(command: Command) -> None:
    assert scored(command, "sep=,\r\nid,text\r\n1,a\r\n") == [["id", "text"], ["1", "a"]]
    one_line(run(command, "sep=,\nid,text\n1\n"), "line 3")
    assert rows_of_semicolons(command) == [["id", "text"], ["1", "a"]]
    one_line(run(command, "sep=;\nid;text\n1;a\n", "--delimiter", ",", "--force"), "semicolons seem to separate")


def rows_of_semicolons(command: Command) -> list[list[str]]:
    result = run(command, "sep=;\nid;text\n1;a\n", "--force", "--verify", 1)
    assert (result.code, result.err) == (0, ""), "the file itself says it"
    return rows(delimiter=";")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_byte_order_mark_is_believed(command: Command, encoding: str) -> None:
    Path("in.csv").write_bytes("id,text\n1,é 😀\n".encode(encoding))
    Path("in.jsonl").write_bytes('{"id": "1", "text": "é 😀"}\n'.encode(encoding))
    for name, out in (("in.csv", "a.jsonl"), ("in.jsonl", "b.jsonl")):
        result = command("scorer", "run", name, "-o", out, "--verify", 1)
        assert result.code == 0, result.err
        assert json.loads(Path(out).read_text(encoding="utf-8"))["text"] == "é 😀"


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
    "name", ["Text", "REVIEW", "reviewText", "Review Text", "review-body", " text ", "Sentence", "message", "comments"]
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
    one_line(run(command, workbook(), name=f"in.{extension}"), f"in.{extension}: a damaged Excel workbook")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_told_by_its_first_bytes(command: Command, encoding: str) -> None:
    content = "id,text\n1,é\n".encode(encoding)
    said = f"in.csv: is {encoding} text; give --encoding {encoding}"
    one_line(run(command, content, "--encoding", "utf-8"), said)
    assert scored(command, content, "--encoding", encoding) == [["id", "text"], ["1", "é"]]
    one_line(run(command, content, name="in.jsonl"), f"in.jsonl: is {encoding} text; save it as UTF-8")
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
        one_line(run(command, "text\na\n", *arguments, to=name), f"{name}: parquet is not compressed as a whole")
        assert not Path(name).exists()


def test_one_line_number_in_a_message(command: Command) -> None:
    result = run(command, '{"text": "a"}\n{"text": nope}\n', name="in.jsonl")
    one_line(result, "in.jsonl: line 2: not JSON: Expecting value at character 10")
    assert result.err.count("line") == 1
