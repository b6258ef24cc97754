"""Values on their way from and to JSON: digits, nesting and names stay, and other readers agree."""

import csv
import json
import math
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Command, one_line

pytestmark = pytest.mark.usefixtures("model")
ANY_FILE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
STATUS = ("--on-error", "null", "--status")
LONG = "x" * 1_000
"""A thousand lines that hold it are more than is read at once."""


def write(path: str, *lines: bytes | str) -> None:
    encoded = [line if isinstance(line, bytes) else line.encode() for line in lines]
    Path(path).write_bytes(b"".join(line + b"\n" for line in encoded))


def scored(command: Command, source: str, output: str, *arguments: object) -> str:
    result = command("scorer", "run", source, "-o", output, "--force", *arguments)
    assert result.code == 0, result.err
    return output


def strict(line: str) -> dict[str, Any]:
    """JSON as its standard has it, each name once."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({name for name, _ in pairs}) == len(pairs)
        return dict(pairs)

    return json.loads(line, parse_constant=lambda name: pytest.fail(name), object_pairs_hook=once)


def rows_of(path: str, column: str) -> list[Any]:
    """A column of an output, by another reader than the one that wrote it."""
    if path.endswith(".parquet"):
        return pq.read_table(path)[column].to_pylist()
    if path.endswith(".csv"):
        with Path(path).open(newline="", encoding="utf-8") as file:
            return [row[column] for row in csv.DictReader(file)]
    return [strict(line)[column] for line in Path(path).read_text(encoding="utf-8").splitlines()]


NUMBERS = st.integers(-(10**45), 10**45) | st.sampled_from([2**53 + 1, 2**63, 2**64 - 1, -(2**63) - 1, 0]) | st.floats()


@ANY_FILE
@given(st.lists(NUMBERS.filter(math.isfinite) | st.integers(-9, 9), min_size=1, max_size=5), st.booleans())
def test_numbers_keep_their_digits(command: Command, numbers: list[int | float], nested: bool) -> None:
    write("in.jsonl", *(json.dumps({"text": "good", "n": [n] if nested else n}) for n in numbers))
    for output in ("out.parquet", "out.csv"):
        found = rows_of(scored(command, "in.jsonl", output), "n")
        if nested:
            found = [json.loads(one, parse_float=str) if isinstance(one, str) else one for one in found]
            found = [one for (one,) in found]
        for number, there in zip(numbers, found, strict=True):
            if isinstance(number, int):
                assert Decimal(there) == number
            else:
                assert float(there) == number


def test_numbers_that_nothing_holds_are_strings(command: Command) -> None:
    write("in.jsonl", '{"text": "a", "n": 1e400}', '{"text": "b", "n": 5}', '{"text": "c", "n": 9007199254740993}')
    assert rows_of(scored(command, "in.jsonl", "out.parquet"), "n") == ["1e400", "5", "9007199254740993"]
    write("in.jsonl", '{"text": "a", "n": 5}', '{"text": "b", "n": 0.5}', '{"text": "c", "n": 9007199254740992}')
    assert rows_of(scored(command, "in.jsonl", "out.parquet"), "n") == [5.0, 0.5, 9007199254740992.0]
    many = [json.dumps({"text": "a", "n": 5, "long": LONG})] * 3_000
    write("in.jsonl", *many, '{"text": "b", "n": 12345678901234567890}')
    assert rows_of(scored(command, "in.jsonl", "out.parquet"), "n")[-1] == 12345678901234567890
    assert duckdb.sql("select max(n) from 'out.parquet'").fetchall() == [(12345678901234567890,)]
    assert pl.read_parquet("out.parquet")["n"][-1] == 12345678901234567890


BAD = {
    b'{"text": "\\ud83d bad", "n": 1}': "\ufffd bad",
    b'{"text": "caf\xe9", "n": 1}': "caf\ufffd",
    b'{"text": 5, "n": 1}': "5",
    b'{"text": {"a": [1]}, "n": 1}': '{"a": [1]}',
    b'{"text": "fine", "tags": ["\\udc00"], "n": 1}': "fine",
    b'{"text": "fine", "by": {"name": "\xff"}, "n": 1}': "fine",
}


@pytest.mark.parametrize("line", BAD, ids=str)
@pytest.mark.parametrize("output", ["out.parquet", "out.csv"])
def test_lines_that_are_no_text_are_named_or_marked(command: Command, line: bytes, output: str) -> None:
    good = b'{"text": "good \\ud83d\\ude00 \\\\ud83d", "n": 2, "long": "%s"}' % LONG.encode()
    write("in.jsonl", *[good] * 2_000, b"", line, good)
    one_line(command("scorer", "run", "in.jsonl", "-o", output), "in.jsonl", "line 2002", "--on-error null")
    scored(command, "in.jsonl", output, *STATUS)
    assert rows_of(output, "sentiment_status") == ["ok"] * 2_000 + ["error", "ok"]
    assert rows_of(output, "text")[-2:] == [BAD[line], "good 😀 \\ud83d"]
    assert list(map(int, rows_of(output, "n")[-2:])) == [1, 2]
    if output == "out.parquet":
        pq.read_table(output).validate(full=True)
        assert rows_of(output, "sentiment")[-2] is None


def test_other_values_of_different_kinds_name_their_line(command: Command) -> None:
    for wrong, path in (('{"n": "x"}', "n"), ('{"in": {"n": [true]}}', "in.n"), ('{"in": 3}', "in")):
        good = json.dumps({"text": "a", "n": 1, "in": {"n": [1]}, "long": LONG})
        write("in.jsonl", *[good] * 2_000, wrong)
        one_line(command("scorer", "run", "in.jsonl", "-o", "no.csv"), "line 2001", repr(path), ".jsonl")


def deep(levels: int, inner: str = "1") -> str:
    return '{"text": "good", "x": ' + '{"a": [' * (levels // 2) + inner + "]}" * (levels // 2) + "}"


def test_deep_lines(command: Command) -> None:
    for levels in (90, 900):
        for inner in ("1", "NaN"):  # by Arrow, and by Python
            write("in.jsonl", '{"text": "bad"}', deep(levels, inner))
            scored(command, "in.jsonl", "out.jsonl")
            assert Path("out.jsonl").read_text().splitlines()[1].startswith(deep(levels, inner)[:-1])
    write("in.jsonl", '{"text": "bad"}', '{"text": "good", "x": ' + "[" * 39 + "]" * 39 + "}")
    for output in ("out.parquet", "out.csv"):
        assert "[[[[" in str(rows_of(scored(command, "in.jsonl", output), "x")[1])
    for levels, outputs in ((900, ("no.parquet", "no.csv")), (200_000, ("no.parquet", "no.jsonl"))):
        write("in.jsonl", '{"text": "bad"}', deep(levels))
        for output in outputs:
            one_line(command("scorer", "run", "in.jsonl", "-o", output), "in.jsonl", "line 2", "nested")


def test_many_braces_are_not_deep(command: Command) -> None:
    write("in.jsonl", json.dumps({"text": "{[" * 5000, "x": [{"a": []}] * 5000}))
    scored(command, "in.jsonl", "out.jsonl")
    assert len(rows_of(scored(command, "in.jsonl", "out.parquet"), "x")[0]) == 5000


def test_columns_that_come_late(command: Command) -> None:
    """The column of texts is the same whatever the output's format."""
    early = [json.dumps({"review": "bad", "n": 1, "late": None, "long": LONG})] * 3_000
    write("in.jsonl", *early, '{"text": "good", "deep": {"text": "good"}, "late": "good"}')
    for arguments in ((), ("--text-column", "late"), ("--text-column", "deep.text")):
        for output in ("out.jsonl", "out.parquet"):
            found = rows_of(scored(command, "in.jsonl", output, *arguments, "--status"), "sentiment_status")
            assert found == ["null"] * 3_000 + ["ok"]
    one_line(command("scorer", "run", "in.jsonl", "-o", "no.jsonl", "--text-column", "none"), "'none'")


def test_json_files(command: Command) -> None:
    write("in.json", '{"text": "good"}', '{"text": "bad"}')
    assert len(rows_of(scored(command, "in.json", "out.parquet"), "text")) == 2
    write("plain.jsonl", '{"text": "good"}', '{"text": "bad"}')
    scored(command, "plain.jsonl", "out.jsonl")
    assert Path(scored(command, "in.json", "out.json")).read_bytes() == Path("out.jsonl").read_bytes()
    arrays = ['[{"text": "good"}]', '[\n{"text": "good"},\n{"text": "bad"}\n]', json.dumps([{"text": "a"}], indent=2)]
    for content in arrays:
        Path("in.json").write_text(content)
        for output in ("no.parquet", "no.json"):
            one_line(command("scorer", "run", "in.json", "-o", output), "in.json", "line 1", "array", "jq -c '.[]'")
    Path("in.json").write_text(json.dumps({"text": "good"}, indent=2))
    one_line(command("scorer", "run", "in.json", "-o", "no.parquet"), "line 1", "jq -c .")


INF, NAN = float("inf"), float("nan")
FAR = datetime(9999, 12, 31)
KINDS: dict[str, tuple[pa.Array, list[Any]]] = {
    "floats": (pa.array([[1.5, NAN, None], [], None]), [[1.5, None, None], [], None]),
    "halves": (pa.array([[1.5, INF], None, []], pa.list_(pa.float16())), [[1.5, None], None, []]),
    "structs": (
        pa.array([{"a": INF, "b": [{"c": NAN}]}, None, {}]),
        [{"a": None, "b": [{"c": None}]}, None, {"a": None, "b": None}],
    ),
    "bytes": (pa.array([[b"a\xff"], [None], None]), [["a\\xff"], [None], None]),
    "maps": (
        pa.array([[("k", 1), ("é", None)], [], None], pa.map_(pa.string(), pa.int64())),
        [{"k": 1, "é": None}, {}, None],
    ),
    "numbered": (
        pa.array([[(1, [True])], [], None], pa.map_(pa.int32(), pa.list_(pa.bool_()))),
        [{"1": [True]}, {}, None],
    ),
    "nanoseconds": (
        pa.array([[1], [None], None], pa.list_(pa.timestamp("ns"))),
        [["1970-01-01 00:00:00.000000001"], [None], None],
    ),
    "far": (pa.array([[253402300800000000]] * 3, pa.list_(pa.timestamp("us"))), [["10000-01-01 00:00:00.000000"]] * 3),
    "days": (pa.array([[3_000_000], None, []], pa.list_(pa.date32())), [["10183-09-21"], None, []]),
    "hours": (pa.array([[1], None, []], pa.list_(pa.time64("ns"))), [["00:00:00.000000001"], None, []]),
    "decimals": (pa.array([[Decimal("1.10")], None, []]), [["1.10"], None, []]),
    "words": (pa.array([["a"], None, ["b"]], pa.list_(pa.dictionary(pa.int8(), pa.string()))), [["a"], None, ["b"]]),
    "pairs": (pa.array([[1, 2], None, [3, None]], pa.list_(pa.int64(), 2)), [[1, 2], None, [3, None]]),
    "uuids": (
        pa.array([b"\1" * 16, None, b"\2" * 16], pa.binary(16)).cast(pa.uuid()),
        [str(UUID(bytes=b"\1" * 16)), None, str(UUID(bytes=b"\2" * 16))],
    ),
    "json": (pa.array(['{"a": 1}', None, "[]"]).cast(pa.json_()), ['{"a": 1}', None, "[]"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_value_as_json(command: Command, kind: str) -> None:
    array, expected = KINDS[kind]
    pq.write_table(pa.table({"text": ["good", "bad", None], "x": array}), "in.parquet")
    assert rows_of(scored(command, "in.parquet", "out.jsonl"), "x") == expected
    assert pl.read_ndjson("out.jsonl").height == 3
    assert duckdb.sql("select count(*) from read_ndjson('out.jsonl')").fetchall() == [(3,)]
    cells = rows_of(scored(command, "in.parquet", "out.csv"), "x")
    nested = pa.types.is_nested(array.type)
    assert [strict(cell) if cell and nested else cell or None for cell in cells] == expected


def test_names_that_come_twice_have_no_json(command: Command) -> None:
    arrays = [pa.array([1]), pa.array([2]), pa.array(["good"])]
    pq.write_table(pa.Table.from_arrays(arrays, names=["a", "a", "text"]), "in.parquet")
    one_line(command("scorer", "run", "in.parquet", "-o", "no.jsonl"), "no.jsonl", "'a'", ".parquet output")
    twice = pa.StructArray.from_arrays(arrays[:2], names=["b", "b"])
    pq.write_table(pa.table({"text": ["good"], "x": twice}), "in.parquet")
    one_line(command("scorer", "run", "in.parquet", "-o", "no.jsonl"), "no.jsonl", "'b'", ".parquet output")
    Path("in.csv").write_text("a,a,text\n1,2,good\n")
    one_line(command("scorer", "run", "in.csv", "-o", "no.jsonl"), "no.jsonl", "'a'")
    keys = pa.array([[("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64()))
    pq.write_table(pa.table({"text": ["good"], "m": keys}), "in.parquet")
    one_line(command("scorer", "run", "in.parquet", "-o", "no.jsonl"), "no.jsonl", "'m'", "key")


RAW = pa.array([b"fine", b"caf\xe9", None])
STRINGS = RAW.view(pa.string())
HELD = {
    "string": STRINGS,
    "view": RAW.cast(pa.binary_view()).view(pa.string_view()),
    "list": pa.ListArray.from_arrays([0, 1, 2, 3], STRINGS),
    "struct": pa.StructArray.from_arrays([pa.ListArray.from_arrays([0, 1, 2, 3], STRINGS)], ["a"]),
    "map": pa.MapArray.from_arrays([0, 1, 2, 2], pa.array(["k", "l"]), STRINGS[:2]),
    "json": pa.ExtensionArray.from_storage(pa.json_(), STRINGS),
}


@pytest.mark.parametrize("kind", HELD)
@pytest.mark.parametrize("output", ["out.jsonl", "out.csv"])
def test_bytes_of_another_column(command: Command, kind: str, output: str) -> None:
    pq.write_table(pa.table({"text": ["good"] * 3, "x": HELD[kind]}), "in.parquet")
    one_line(command("scorer", "run", "in.parquet", "-o", output), "in.parquet", "row 2", "'x'", "--on-error null")
    scored(command, "in.parquet", output, *STATUS)
    assert rows_of(output, "sentiment_status") == ["ok", "error", "ok"]
    assert "caf\ufffd" in str(rows_of(output, "x")[1])
    scored(command, "in.parquet", "out.parquet")  # where bytes pass untouched


@pytest.mark.parametrize("output", ["out.jsonl", "out.csv"])
def test_texts_of_bytes(command: Command, output: str) -> None:
    pq.write_table(pa.table({"text": RAW, "n": [1, 2, 3]}), "in.parquet")
    one_line(command("scorer", "run", "in.parquet", "-o", output), "in.parquet", "row 2", "--on-error null")
    scored(command, "in.parquet", output, *STATUS)
    assert rows_of(output, "sentiment_status") == ["ok", "error", "null"]
    assert rows_of(output, "text")[:2] == ["fine", "caf\ufffd"]
