import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorer.files.inputs import InputPart, LocalInput
from scorer.files.jsonl import line_ranges
from tests.conftest import DATA, Command, one_line

pytestmark = pytest.mark.usefixtures("model")
NEW = ["sentiment_probability", "sentiment"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.text(max_size=8).filter(lambda name: name not in ("text", *NEW))


def write(path: str, *lines: bytes | str) -> None:
    encoded = [line if isinstance(line, bytes) else line.encode() for line in lines]
    Path(path).write_bytes(b"".join(line + b"\n" for line in encoded))


def scored(command: Command, source: str, *arguments: object) -> list[bytes]:
    """Lines of the output, as bytes."""
    result = command("scorer", "run", source, "-o", "out.jsonl", "--force", *arguments)
    assert result.code == 0, result.err
    return Path("out.jsonl").read_bytes().splitlines()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.tuples(st.dictionaries(NAMES, JSON), st.none() | st.text()), min_size=1, max_size=8), st.booleans())
def test_every_line_keeps_its_bytes(command: Command, rows: list, ascii_only: bool) -> None:
    lines = [json.dumps({**values, "text": text}, ensure_ascii=ascii_only) for values, text in rows]
    if not any("\ud800" <= letter <= "\udfff" for line in lines for letter in line):
        write("in.jsonl", *lines)
        out = scored(command, "in.jsonl")
        for (_, text), line, result in zip(rows, lines, out, strict=True):
            assert result.startswith(line.encode()[:-1] + b", ")
            members = json.loads(b"{" + result[len(line.encode()) + 1 :])
            assert list(members) == NEW
            assert text or members["sentiment"] is None


AWKWARD = [
    b'{"text": "plain", "id": 1e5, "big": 123456789012345678901234567890, "one": 1.0, "zero": -0.0}',
    b'{"text":"tight","deep":{"a":[1,{"b":null}]}}',
    b'\t{ "text" : "spaces" , "x" : 01.5e0 } \r'.replace(b"01", b"1"),
    '{"text": "é 😀 \\u00e9 \\ud83d\\ude00 \\/"}'.encode(),
    b'{"text": "twice", "text": "last one counts", "n": NaN, "m": -Infinity}',
    b'{"text": null}',
    b"{}",
    b"  { }",
    b'{"other": "{\\"sentiment\\": 1}", "text": "a \\"sentiment\\" in quotes"}',
    b'{"other": "sentiment", "text": "the name as a value"}',
]


def test_awkward_lines_keep_their_bytes(command: Command) -> None:
    write("in.jsonl", b"\xef\xbb\xbf" + AWKWARD[0], b"", *AWKWARD[1:], b"   ", b"\r")
    with Path("in.jsonl").open("ab") as file:
        file.write(b'{"text": "no line break"}')
    out = scored(command, "in.jsonl", "--status")
    assert len(out) == len(AWKWARD) + 1
    for line, result in zip([*AWKWARD, b'{"text": "no line break"}'], out, strict=True):
        head = line.rstrip()[:-1]
        assert result.startswith(head)
        assert result[len(head) : len(head) + 3] == (b'"se' if not head.strip(b" {") else b', "')
        assert list(json.loads(result))[-3:] == [*NEW, "sentiment_status"]
    status = [json.loads(line)["sentiment_status"] for line in out]
    assert status == ["ok"] * 5 + ["null"] * 3 + ["ok"] * 3


def test_scores_are_those_of_the_other_formats(command: Command) -> None:
    reviews = pq.read_table(DATA / "reviews.parquet")
    write("in.ndjson", *(json.dumps(row, default=str) for row in reviews.to_pylist()))
    by_lines = [json.loads(line) for line in scored(command, "in.ndjson")]
    by_parquet = [json.loads(line) for line in scored(command, str(DATA / "reviews.parquet"))]
    assert [list(row) for row in by_lines] == [[*reviews.column_names, *NEW]] * 60
    assert [row["sentiment_probability"] for row in by_lines] == [row["sentiment_probability"] for row in by_parquet]
    assert command("scorer", "run", "in.ndjson", "-o", "out.parquet").code == 0
    assert command("scorer", "run", DATA / "reviews.parquet", "-o", "direct.parquet").code == 0
    typed, direct = pq.read_table("out.parquet"), pq.read_table("direct.parquet")
    assert typed["sentiment_probability"].equals(direct["sentiment_probability"])
    assert typed.column_names == direct.column_names


def test_columns_are_typed_by_the_whole_file(command: Command) -> None:
    many = [f'{{"text": "review {i}", "n": {i}, "day": "2020-01-01"}}' for i in range(60_000)]
    write("in.jsonl", *many, '{"text": "a", "n": 0.5, "late": [1, 2], "day": null}', '{"n": NaN, "late": []}')
    assert command("scorer", "run", "in.jsonl", "-o", "out.parquet", "-q").code == 0
    table = pq.read_table("out.parquet")
    assert table.schema.types[:4] == [pa.string(), pa.float64(), pa.string(), pa.list_(pa.int64())]
    assert table["n"].to_pylist()[:60_001] == [*range(60_000), 0.5]
    assert table["day"].to_pylist()[-3:] == ["2020-01-01", None, None]
    assert table["late"].to_pylist()[-2:] == [[1, 2], []]
    assert command("scorer", "run", "in.jsonl", "-o", "out.csv", "-q").code == 0
    with Path("out.csv").open(newline="") as file:
        assert [row["late"] for row in csv.DictReader(file)][-3:] == ["", "[1, 2]", "[]"]


def test_other_formats_as_json(command: Command) -> None:
    table = pa.table(
        {
            "text": ["good", "bad", None],
            "float": pa.array([0.1, float("nan"), 1e300], pa.float32()),
            "flag": [True, None, False],
            "when": pa.array([0, 1, None], pa.timestamp("ns", "UTC")),
            "amount": pa.array([None, 1, 2], pa.decimal128(9, 2)),
            "bytes": [b"\xff", b"a", None],
            "tags": [[{"k": "é"}], [], None],
        }
    )
    pq.write_table(table, "in.parquet")
    rows = [json.loads(line) for line in scored(command, "in.parquet")]
    assert [row["float"] for row in rows] == [0.1, None, None]
    assert [row["flag"] for row in rows] == [True, None, False]
    assert rows[1]["when"].startswith("1970-01-01 00:00:00.000000001")
    assert [row["amount"] for row in rows] == [None, "1.00", "2.00"]
    assert [row["bytes"] for row in rows] == ["\\xff", "a", None]
    assert [row["tags"] for row in rows] == [[{"k": "é"}], [], None]
    Path("in.csv").write_text('id,text\n007,"say ""hi"""\n1e5,\n')
    assert [json.loads(line)["id"] for line in scored(command, "in.csv")] == ["007", "1e5"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"text": "cut', "not JSON"),
        (b'{"text": "a"} {"text": "b"}', "not JSON"),
        (b'["text"]', "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"text": 5}', "not a string"),
        (b'{"text": "\xff"}', "not a string of UTF-8"),
        (b'{"text": "\\ud83d"}', "not a string of UTF-8"),
    ],
)
def test_a_bad_line_is_named(command: Command, line: bytes, words: str) -> None:
    write("in.jsonl", b'{"text": "fine"}', b"", line, b'{"text": "fine"}')
    one_line(command("scorer", "run", "in.jsonl", "-o", "out.jsonl"), "in.jsonl", "line 3", words)
    assert not Path("out.jsonl").exists()


def test_values_that_are_not_text_can_be_passed_over(command: Command) -> None:
    lines = [b'{"text": "fine"}', b'{"text": 5}', b'{"text": "\xff"}']
    write("in.jsonl", *lines)
    out = scored(command, "in.jsonl", "--on-error", "null", "--status")
    for line, result in zip(lines, out, strict=True):
        assert result.startswith(line[:-1])
    assert [line.count(b'"sentiment_status": "error"') for line in out] == [0, 1, 1]


def test_names_that_are_taken(command: Command) -> None:
    write("in.jsonl", b'{"text": "a", "sentiment": 1}')
    one_line(command("scorer", "run", "in.jsonl", "-o", "out.jsonl"), "'sentiment'", "--prefix")
    many = [f'{{"text": "review {i}"}}' for i in range(200_000)]
    write("in.jsonl", *many, '{"text": "a", "sentiment": 1}')
    one_line(command("scorer", "run", "in.jsonl", "-o", "out.jsonl"), "out.jsonl", "'sentiment'", "--prefix")


def test_values_of_different_kinds_have_no_column(command: Command) -> None:
    write("in.jsonl", b'{"text": "a", "x": 1}', b'{"text": "a", "x": "one"}')
    one_line(command("scorer", "run", "in.jsonl", "-o", "out.parquet"), "in.jsonl", "line 2", "'x'", ".jsonl")
    assert len(scored(command, "in.jsonl")) == 2


def test_text_inside_an_object(command: Command) -> None:
    lines = ['{"id": 1, "review": {"stars": 5, "text": "good"}}', '{"review": null}', '{"review": {"stars": "x"}}']
    write("in.jsonl", *lines)
    for more in ("", '{"review": {"text": "good", "n": NaN}}'):
        write("in.jsonl", *lines, *([more] if more else []))
        out = [json.loads(line) for line in scored(command, "in.jsonl", "--text-column", "review.text", "--status")]
        assert [row["sentiment_status"] for row in out[:3]] == ["ok", "null", "null"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([b"{}", b"", b"\r", b'{"a": 1234567890}']), min_size=1, max_size=30), st.integers(1, 20)
)
def test_ranges_of_lines_are_the_whole_file(tmp_path: Path, lines: list[bytes], rows: int) -> None:
    (tmp_path / "in.jsonl").write_bytes(whole := b"\n".join(lines) + b"\n")
    file = LocalInput(tmp_path / "in.jsonl")
    ranges = line_ranges(file, rows)
    parts = [InputPart(file, *one).open().read(1 << 20) for one in ranges]
    assert b"".join(parts) == whole
    assert all(part.endswith(b"\n") for part in parts)
