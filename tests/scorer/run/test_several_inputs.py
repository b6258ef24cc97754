"""Several inputs into one output, and some of their rows and columns."""

import gzip
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer.files.inputs import LocalInput
from scorer.files.joining import partition_of
from scorer.files.opening import open_source
from scorer.files.picking import sampled
from tests.conftest import DATA, Command, one_line
from tests.writing import write_table

pytestmark = pytest.mark.usefixtures("model")


def rows_of(path: str) -> list[dict[str, Any]]:
    """All rows of an output; nothing is made of the folders that it lies in."""
    if path.endswith(".parquet"):
        return pq.ParquetFile(path).read().to_pylist()
    if path.endswith(".csv"):
        return pacsv.read_csv(path).to_pylist()
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def values_of(path: str, *columns: str) -> list[Any]:
    return [row[columns[0]] if len(columns) == 1 else tuple(row[one] for one in columns) for row in rows_of(path)]


@pytest.fixture
def files() -> list[str]:
    """Files of three formats with the same columns of text, named out of order."""
    write_table(Path("b.csv"), {"n": ["1", "2"], "text": ["good", "bad"]})
    Path("a.csv.gz").write_bytes(gzip.compress(b"text,n\nfine,3\n"))
    Path("more").mkdir()
    write_table(Path("more/d.parquet"), {"n": ["5"], "text": ["dull"]})
    write_table(Path("more/c.jsonl"), {"n": ["4"], "text": ["lovely"]})
    return ["b.csv", "a.csv.gz", "more/*"]


@pytest.mark.parametrize("output", ["all.parquet", "all.csv", "all.jsonl"])
def test_their_rows_in_the_order_in_which_they_are_named(command: Command, files: list[str], output: str) -> None:
    """Columns are known by their names; each row scores as it would alone."""
    result = command("scorer", "run", *files, "-o", output, "--json", "--verify", 5)
    summary = json.loads(result.out)
    assert (result.code, summary["verified"], summary["files"]) == (0, 5, 4), result.err
    assert [int(one) for one in values_of(output, "n")] == [1, 2, 3, 4, 5]
    assert values_of(output, "text") == ["good", "bad", "fine", "lovely", "dull"]
    assert command("scorer", "run", "b.csv", "-o", "alone.jsonl").code == 0
    alone = values_of("alone.jsonl", "sentiment_probability")
    assert values_of(output, "sentiment_probability")[:2] == pytest.approx(alone, abs=1e-7)


def test_a_folder_with_one_file_is_that_file(command: Command, files: list[str]) -> None:
    Path("one").mkdir()
    Path("b.csv").rename("one/b.csv")
    assert command("scorer", "run", "one", "-o", "folder.csv").code == 0
    assert command("scorer", "run", "one/b.csv", "-o", "file.csv").code == 0
    assert Path("folder.csv").read_bytes() == Path("file.csv").read_bytes()


def test_files_that_differ_are_named_with_the_column(command: Command) -> None:
    write_table(Path("a.parquet"), {"id": [1], "text": ["good"]})
    write_table(Path("b.parquet"), {"text": ["bad"], "stars": [0.5]})
    write_table(Path("c.parquet"), {"id": ["x"], "text": ["bad"]})
    write_table(Path("d.csv"), {"id": [1], "text": ["good"]}).write_text("id,text,id\n1,x,2\n")
    run = ("scorer", "run", "a.parquet")
    one_line(
        command(*run, "b.parquet", "-o", "o.parquet"), "b.parquet: has a column 'stars'", "a.parquet has not", "--union"
    )
    one_line(command(*run, "c.parquet", "-o", "o.parquet"), "c.parquet: column 'id' is string, but int64 in a.parquet")
    one_line(command(*run, "d.csv", "-o", "o.parquet"), "d.csv: more than one column is called 'id'")
    assert not Path("o.parquet").exists()
    result = command(*run, "b.parquet", "--union", "-o", "o.parquet")
    assert result.code == 0, result.err
    assert values_of("o.parquet", "id", "text", "stars") == [(1, "good", None), (None, "bad", 0.5)]
    assert pq.read_schema("o.parquet").field("stars").type == pa.float64()


def test_types_that_hold_the_same_values(command: Command) -> None:
    pq.write_table(pa.table({"text": ["good"], "n": pa.nulls(1)}), "a.parquet")
    pq.write_table(pa.table({"text": pa.array(["bad"], pa.large_string()), "n": [7]}), "b.parquet")
    assert command("scorer", "run", "a.parquet", "b.parquet", "-o", "o.parquet").code == 0
    assert values_of("o.parquet", "text", "n") == [("good", None), ("bad", 7)]


def test_categories_of_several_files(command: Command) -> None:
    for name, words in {"a": ["x", "y"], "b": ["z", "x"]}.items():
        words_of = pa.array(words).dictionary_encode()
        inside = pa.ListArray.from_arrays([0, 1, 2], words_of)
        pq.write_table(pa.table({"text": ["good", "bad"], "word": words_of, "in": inside}), f"{name}.parquet")
    assert command("scorer", "run", "a.parquet", "b.parquet", "-o", "o.parquet").code == 0
    assert values_of("o.parquet", "word", "in") == [(one, [one]) for one in "xyzx"]


def test_json_values_get_types_that_hold_those_of_all_files(command: Command) -> None:
    write_table(Path("a.jsonl"), {"text": ["good"], "n": [1], "m": [None], "in": [{"a": 1}]})
    write_table(Path("b.jsonl"), {"text": ["bad"], "n": [0.5], "m": ["x"], "in": [{"b": 2}]})
    assert command("scorer", "run", "a.jsonl", "b.jsonl", "-o", "o.parquet").code == 0
    assert values_of("o.parquet", "n", "m") == [(1.0, None), (0.5, "x")]
    assert values_of("o.parquet", "in") == [{"a": 1, "b": None}, {"a": None, "b": 2}]
    write_table(Path("c.jsonl"), {"text": ["bad"], "n": ["x"], "m": ["x"], "in": [None]})
    one_line(command("scorer", "run", "a.jsonl", "c.jsonl", "-o", "p.parquet"), "c.jsonl: 'n' is of another kind")


def test_lines_of_json_stay_as_they_are(command: Command) -> None:
    """Whatever they hold; values of their partition stand after theirs."""
    for name, line in {
        "k=1/a.jsonl": '{"text": "good", "n": 1.50}',
        "k=2/b.jsonl": '{"m": [ 1 ], "text": "bad"}',
    }.items():
        Path("in", name).parent.mkdir(parents=True)
        Path("in", name).write_text(line)
    assert command("scorer", "run", "in", "-o", "o.jsonl").code == 0
    lines = Path("o.jsonl").read_text().splitlines()
    assert lines[0].startswith('{"text": "good", "n": 1.50, "k": "1", "sentiment_probability": ')
    assert lines[1].startswith('{"m": [ 1 ], "text": "bad", "k": "2", "sentiment_probability": ')


def test_partitions_are_columns_of_strings(command: Command) -> None:
    """As Arrow writes them, with what no folder can be called; the same where the shell expands a pattern."""
    table = pa.table({"text": ["a", "b", "c"], "country": ["DE", "a/b =c%", None], "n": [1, 2, 3]})
    ds.write_dataset(
        table,
        "in",
        format="parquet",
        partitioning=ds.partitioning(pa.schema([("country", pa.string())]), flavor="hive"),
    )
    expanded = sorted(str(path) for path in Path("in").glob("country=*/*.parquet"))
    for number, inputs in enumerate(
        (["in"], ["in/country=*/*.parquet"], expanded, sorted(map(str, Path("in").iterdir())))
    ):
        assert command("scorer", "run", *inputs, "-o", f"{number}.parquet").code == 0
        assert sorted(values_of(f"{number}.parquet", "n", "country")) == [(1, "DE"), (2, "a/b =c%"), (3, None)]
        assert pq.read_schema(f"{number}.parquet").names[:3] == ["text", "n", "country"]
    Path("out/country=DE").mkdir(parents=True)
    assert command("scorer", "run", "in/country=DE/", "-o", "out/country=DE/all.parquet").code == 0
    assert "country" not in pq.read_schema("out/country=DE/all.parquet").names  # its folder says it


def test_a_partition_value_that_is_a_column_too(command: Command) -> None:
    Path("in/n=1").mkdir(parents=True)
    write_table(Path("in/n=1/a.csv"), {"n": ["1"], "text": ["good"]})
    one_line(command("scorer", "run", "in", "-o", "o.csv"), "in/n=1/a.csv: its folder names a value of 'n'")
    assert (
        command("scorer", "run", "in/n=1/a.csv", "-o", "o.csv").code == 0
    )  # a file that is named itself is only a file


@settings(max_examples=30)
@given(st.dictionaries(st.text("abü ", min_size=1), st.text("ab/=% ü", min_size=1), min_size=1, max_size=3))
def test_partitions_are_read_as_arrow_writes_them(values: dict[str, str]) -> None:
    partitioning = ds.HivePartitioning(pa.schema([(key, pa.string()) for key in values]))
    expression = None
    for key, value in values.items():
        one = ds.field(key) == value
        expression = one if expression is None else expression & one
    folder, _ = partitioning.format(expression)
    assert partition_of(f"in/{folder}/part-0.parquet") == values


def test_the_same_command_goes_on_across_files(command: Command) -> None:
    rng = random.Random(3)
    for name in "abc":
        texts = [f"{name} {n} {rng.choice(['good', 'bad'])}" for n in range(9_000)]
        write_table(Path(f"{name}.csv"), {"text": texts})
    run = ("scorer", "run", "a.csv", "b.csv", "c.csv", "-o", "o.csv", "--keep-every", 0)
    whole = Path("c.csv").read_bytes()
    assert command(*run).code == 0
    expected = Path("o.csv").read_bytes()
    Path("o.csv").unlink()
    Path("c.csv").write_bytes(whole + b'"broken')
    one_line(command(*run), "c.csv: line 9002: a quote is opened and never closed", "finished rows are kept")
    Path("c.csv").write_bytes(whole)
    result = command(*run, "--json")
    assert json.loads(result.out)["resumed"] > 20_000
    assert Path("o.csv").read_bytes() == expected


def test_other_inputs_are_refused_by_name(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    import scorer.run.threads as threads

    for name in "abc":
        write_table(Path(f"{name}.csv"), {"text": [f"{name} {n}" for n in range(5_000)]})

    def cut_off(*_: object) -> None:
        raise OSError(5, "no more", "disk")

    run = ("scorer", "run", "a.csv", "b.csv", "-o", "o.csv", "--keep-every", 0)
    with monkeypatch.context() as patch:
        patch.setattr(threads, "_refuse_changed", cut_off)
        one_line(command(*run), "no more", "10,000 finished rows are kept")
    one_line(command("scorer", "run", "b.csv", "a.csv", *run[4:]), "o.csv: cannot go on", "inputs was 2 files")
    one_line(command("scorer", "run", "?.csv", *run[4:]), "o.csv: cannot go on", "is 3 files")
    write_table(Path("b.csv"), {"text": ["bad"]})
    one_line(command(*run), "o.csv: cannot go on", "input's size of b.csv was")


def test_what_is_named_twice_or_is_the_output(command: Command, files: list[str]) -> None:
    one_line(command("scorer", "run", "b.csv", "./b.csv", "-o", "o.csv"), "is among the inputs twice")
    one_line(command("scorer", "run", "a.csv.gz", "b.csv", "-o", "b.csv", "--force"), "b.csv: is the input itself")
    one_line(command("scorer", "run", "b.csv", "none.csv", "-o", "o.csv"), "none.csv: no such file")
    Path("empty").mkdir()
    one_line(command("scorer", "run", "empty", "-o", "o.csv"), "empty: has no files of reviews")
    assert command("scorer", "run", ".", "-o", "all.csv").code == 0
    assert command("scorer", "run", ".", "-o", "all.csv", "--force").code == 0  # no input of itself
    assert len(rows_of("all.csv")) == 5


def test_bad_rows_are_told_by_file(command: Command) -> None:
    write_table(Path("a.csv"), {"n": [1], "text": ["good"]})
    Path("b.csv").write_bytes(b"n,text\n1,fine\n2\n3,\xff\n")
    run = ("scorer", "run", "a.csv", "b.csv", "-o", "o.csv")
    one_line(command(*run), "b.csv: line 3")
    one_line(command(*run, "--bad-lines", "skip"), "b.csv: line 4: not utf-8 text", "--on-error null")
    result = command(*run, "--bad-lines", "skip", "--on-error", "null")
    assert "1 bad line skipped, the first is line 3 of b.csv" in result.out
    assert len(rows_of("o.csv")) == 3


@pytest.mark.parametrize("source", ["reviews.parquet", "reviews.csv"])
def test_some_columns(command: Command, source: str) -> None:
    """In the order in which they are named; the text may be left out."""
    kept = ["stars", "id"]
    assert command("scorer", "run", DATA / source, "-o", "all.jsonl").code == 0
    assert command("scorer", "run", DATA / source, "-o", "some.jsonl", "--columns", ",".join(kept)).code == 0
    some, every = rows_of("some.jsonl"), rows_of("all.jsonl")
    assert list(some[0]) == [*kept, "sentiment_probability", "sentiment"]
    assert some == [{name: row[name] for name in some[0]} for row in every]
    one_line(
        command("scorer", "run", DATA / source, "-o", "o.csv", "--columns", "textt"),
        "no column 'textt'",
        "did you mean",
    )


def test_some_columns_of_lines_and_partitions(command: Command) -> None:
    Path("in/k=1").mkdir(parents=True)
    write_table(Path("in/k=1/a.jsonl"), {"text": ["good"], "n": [1], "x": ["y"]})
    assert command("scorer", "run", "in", "-o", "o.jsonl", "--columns", "k,n").code == 0
    assert list(rows_of("o.jsonl")[0]) == ["k", "n", "sentiment_probability", "sentiment"]
    one_line(command("scorer", "run", "in", "-o", "p.jsonl", "--columns", "n,n"), "named twice")


def test_the_first_rows_and_random_ones(command: Command) -> None:
    for name, first in {"a.csv": 0, "b.csv": 700}.items():
        write_table(Path(name), {"n": range(first, first + 700), "text": ["good"] * 700})
    run = ("scorer", "run", "a.csv", "b.csv", "--json", "-o")
    result = command(*run, "l.csv", "--limit", 900)
    assert (result.code, json.loads(result.out)["rows"]) == (0, 900)
    assert values_of("l.csv", "n") == list(range(900))
    assert command(*run, "m.csv", "--limit", 5_000).code == 0
    assert len(rows_of("m.csv")) == 1_400
    for name, options in {"s": (), "t": (), "u": ("--seed", 1)}.items():
        result = command(*run, f"{name}.csv", "--sample", 300, "--verify", 20, *options)
        assert (result.code, json.loads(result.out)["rows"]) == (0, 300), result.err
    found = values_of("s.csv", "n")
    assert found == sorted(set(found)) == values_of("t.csv", "n") != values_of("u.csv", "n")
    assert 100 < sum(one >= 700 for one in found) < 200


def test_each_row_is_as_likely_as_any_other() -> None:
    write_table(Path("a.parquet"), {"n": range(10), "text": ["x"] * 10}, row_group=3)
    counts = Counter[int]()
    for seed in range(300):
        source = sampled(open_source(LocalInput(Path("a.parquet")), window_rows=4), 3, seed)
        picked = [n for window in source.windows() for n in window["n"].to_pylist()]
        assert len(set(picked)) == 3
        counts.update(picked)
    assert min(counts[n] for n in range(10)) > 58  # of 90 expected; the standard deviation is 8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-o", "o.csv", "--limit", "5", "--sample", "3"], "--limit and --sample"),
        (["-o", "o.csv", "--seed", "3"], "--seed"),
        (["-o", "out/", "--limit", "5"], "--limit: is for a single output"),
        (["-o", "out/", "--union"], "--union: is for a single output"),
        (["-o", "o.csv", "--limit", "0"], "not a whole number of at least 1"),
    ],
)
def test_options_that_make_nothing_of_each_other(command: Command, options: list[str], words: str) -> None:
    result = command("scorer", "run", DATA / "reviews.csv", *options)
    assert result.code == 2
    assert words in result.err
