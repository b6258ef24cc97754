"""Kinds of Parquet that other tools write: what comes out, they read, and read the same."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Command, one_line

pytestmark = pytest.mark.usefixtures("model")
NEW = ["sentiment_probability", "sentiment"]
FAR = [datetime(9999, 12, 31, 23, 59, 59, 999999), datetime(1, 1, 1), None, datetime(2020, 2, 29, 12)]
READERS: dict[str, Callable[[str], list[list[Any]]]] = {
    "pandas": lambda path: by_pandas(path),
    "polars": lambda path: [list(row) for row in pl.read_parquet(path).rows()],
    "duckdb": lambda path: [list(row) for row in duckdb.sql(f"from '{path}'").fetchall()],
    "pyarrow": lambda path: [list(row.values()) for row in pq.ParquetFile(path).read().to_pylist()],
}


def by_pandas(path: str) -> list[list[Any]]:
    """Rows with pandas' own dates and NumPy's as Python's."""
    frame = pd.read_parquet(path)
    whens = [None if pd.isna(one) else one.to_pydatetime() for one in frame["when"]]
    lists = [None if one is None else one.astype("datetime64[us]").tolist() for one in frame["all"]]
    return [list(row) for row in zip(frame["text"], whens, lists, strict=True)]


def scored(command: Command, path: str, output: str = "out.parquet", *arguments: object) -> str:
    result = command("scorer", "run", path, "-o", output, "--force", *arguments)
    assert result.code == 0, result.err
    return output


def written(path: str, table: pa.Table, **spelling: Any) -> str:
    pq.write_table(table, path, **spelling)
    return path


@pytest.mark.parametrize("reader", READERS)
def test_int96_is_the_same_for_every_reader(command: Command, reader: str) -> None:
    when = pa.array(FAR, pa.timestamp("us"))
    table = pa.table({"text": ["good"] * 4, "when": when, "all": pa.array([FAR, [], None, FAR], pa.list_(when.type))})
    scored(command, written("in.parquet", table, use_deprecated_int96_timestamps=True))
    rows = READERS[reader]("out.parquet")
    assert [row[1] for row in rows] == FAR
    assert [row[2] for row in rows] == [FAR, [], None, FAR]
    written("plain.parquet", table)
    assert pq.read_schema("out.parquet").types[:3] == pq.read_schema("plain.parquet").types


def test_int96_becomes_text_too(command: Command) -> None:
    table = pa.table({"text": ["good"] * 4, "when": pa.array(FAR, pa.timestamp("us"))})
    written("in.parquet", table, use_deprecated_int96_timestamps=True)
    for output in ("out.csv", "out.jsonl"):
        assert "9999-12-31 23:59:59.999999" in Path(scored(command, "in.parquet", output)).read_text()


def test_int96_keeps_nanoseconds(command: Command) -> None:
    table = pa.table({"text": ["good"] * 3, "when": pa.array([1577836800123456789, None, -1], pa.timestamp("ns"))})
    scored(command, written("in.parquet", table, use_deprecated_int96_timestamps=True))
    assert pq.read_table("out.parquet")["when"].equals(table["when"])
    assert pq.ParquetFile("out.parquet").schema.column(1).physical_type == "INT96"  # which Spark reads as well
    both = table.append_column("far", pa.array(FAR[:3], pa.timestamp("us")))
    written("in.parquet", both, use_deprecated_int96_timestamps=True)
    one_line(command("scorer", "run", "in.parquet", "-o", "no.parquet"), "in.parquet", "'when'", "nanoseconds")


@pytest.mark.parametrize("width", [pa.int8(), pa.uint8(), pa.int16()])
def test_categories_that_differ_between_row_groups(command: Command, width: pa.DataType) -> None:
    most = 30_000 if width == pa.int16() else 120
    groups = [[f"{group} {number}" for number in range(most)] for group in "abc"]
    tables = [
        pa.table({"text": ["good"] * most, "of": array, "inside": pa.ListArray.from_arrays(range(most + 1), array)})
        for array in (pa.DictionaryArray.from_arrays(pa.array(range(most), width), group) for group in groups)
    ]
    with pq.ParquetWriter("in.parquet", tables[0].schema) as writer:
        for table in tables:
            writer.write_table(table)
    scored(command, "in.parquet")
    expected = [name for group in groups for name in group]
    assert pq.read_schema("out.parquet").types[:3] == tables[0].schema.types
    file = pq.ParquetFile("out.parquet")
    after = pa.concat_tables(map(file.read_row_group, range(file.num_row_groups)))
    assert after["of"].cast(pa.string()).to_pylist() == expected
    assert pl.read_parquet("out.parquet")["of"].cast(pl.String).to_list() == expected
    assert pd.read_parquet("out.parquet", columns=["of", "text"])["of"].astype(str).tolist() == expected
    assert [one for (one,) in duckdb.sql("select inside[1] from 'out.parquet'").fetchall()] == expected


def test_few_categories_share_a_row_group(command: Command) -> None:
    arrays = [pa.array(names).dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string())) for names in ("ab", "bc")]
    tables = [pa.table({"text": ["good", "bad"], "of": array}) for array in arrays]
    with pq.ParquetWriter("in.parquet", tables[0].schema) as writer:
        for table in tables * 5:
            writer.write_table(table)
    scored(command, "in.parquet")
    assert pq.ParquetFile("out.parquet").num_row_groups == 1
    assert pl.read_parquet("out.parquet")["of"].cast(pl.String).to_list() == list("abbc" * 5)


OF_DUCKDB = {
    "interval": "interval '14 months 3 days 4 seconds'",
    "intervals": "[interval '1 day', null]",
    "variant": "42::variant",
    "time": "timetz '10:00:00+01'",
    "uuid": "'3fac1ccb-65c5-4abf-9b9d-b2ddaef964ff'::uuid",
    "json": """'{"a": [1]}'::json""",
    "nanoseconds": "timestamp_ns '2020-01-01 00:00:00.123456789'",
    "decimal": "12345678901234567890123456789012345678::decimal(38, 0)",
    "map": "map {'a': [1, 2]}",
    "bits": "'101'::bit",
}


@pytest.mark.parametrize("kind", OF_DUCKDB)
def test_types_of_duckdb_are_there_again(command: Command, kind: str) -> None:
    duckdb.sql(f"copy (select 'good' as text, {OF_DUCKDB[kind]} as x from range(3)) to 'in.parquet' (format parquet)")
    scored(command, "in.parquet")
    before, after = (duckdb.sql(f"select x from '{path}'") for path in ("in.parquet", "out.parquet"))
    assert after.types == before.types
    assert after.fetchall() == before.fetchall()


@pytest.mark.parametrize("kind", ["interval", "intervals", "variant"])
def test_types_that_only_parquet_has(command: Command, kind: str) -> None:
    duckdb.sql(f"copy (select 'good' as text, {OF_DUCKDB[kind]} as x) to 'in.parquet' (format parquet)")
    for output in ("no.csv", "no.jsonl"):
        one_line(command("scorer", "run", "in.parquet", "-o", output), "in.parquet", "'x'", kind[:7], ".parquet output")


def test_integers_of_128_bits_are_named(command: Command) -> None:
    pl.DataFrame({"text": ["good"], "wide": pl.Series([2**100], dtype=pl.Int128)}).write_parquet("in.parquet")
    one_line(command("scorer", "run", "in.parquet", "-o", "no.parquet"), "in.parquet", "'wide'", "128 bits")


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "lz4", "zstd"])
def test_the_codec_stays_or_is_chosen(command: Command, codec: str) -> None:
    written("in.parquet", pa.table({"text": ["good"] * 9}), compression=codec)
    Path("in.csv").write_text("text\ngood\n")
    name = {"none": "UNCOMPRESSED"}.get(codec, codec.upper())
    for arguments in (("in.parquet", "out.parquet"), ("in.csv", "out.parquet", "--compression", codec)):
        scored(command, *arguments)
        group = pq.read_metadata("out.parquet").row_group(0)
        assert {group.column(index).compression for index in range(group.num_columns)} == {name}
    scored(command, "in.parquet", "out.parquet", "--compression", "zstd")
    assert pq.read_metadata("out.parquet").row_group(0).column(0).compression == "ZSTD"


def test_text_is_not_compressed(command: Command) -> None:
    written("in.parquet", pa.table({"text": ["good"]}))
    for output in ("no.csv", "no.jsonl"):
        result = command("scorer", "run", "in.parquet", "-o", output, "--compression", "zstd")
        one_line(result, output, "--compression", "Parquet")


FRAMES = {
    "integers": pd.DataFrame([[1, "good"], [2, "bad"]]),
    "dates": pd.DataFrame([[1, "good"]], columns=pd.to_datetime(["2020-01-01", "2020-01-02"])),
    "levels": pd.DataFrame(
        [[1, "good"]], columns=pd.MultiIndex.from_tuples([("a", "n"), ("a", "t")], names=["x", "y"])
    ),
    "named": pd.DataFrame([[1, "good"]], columns=pd.Index(["n", "text"], name="of")),
    "index": pd.DataFrame({"text": ["good", "bad"], "c": pd.Categorical(["a", "b"])}, index=pd.Index([5, 7], name="k")),
}


@pytest.mark.parametrize("frame", FRAMES)
def test_pandas_reads_all_labels(command: Command, frame: str) -> None:
    before = FRAMES[frame]
    before.to_parquet("in.parquet")
    text = "text" if frame in ("named", "index") else pq.read_schema("in.parquet").names[1]
    scored(command, "in.parquet", "out.parquet", "--text-column", text)
    after = pd.read_parquet("out.parquet")
    assert list(after.columns[-2:]) == NEW
    assert after.iloc[:, :-2].to_numpy().tolist() == before.to_numpy().tolist()
    assert after.index.equals(before.index)
    assert after.index.name == before.index.name
    if frame in ("named", "index"):
        assert after.columns[:-2].equals(before.columns)
        assert after.dtypes.iloc[:-2].equals(before.dtypes)


def test_metadata_that_restates_the_schema(command: Command) -> None:
    spark = {"type": "struct", "fields": [{"name": "text", "type": "string", "nullable": True, "metadata": {"a": 1}}]}
    features = {"info": {"features": {"text": {"dtype": "string", "_type": "Value"}}}}
    metadata = {
        "org.apache.spark.sql.parquet.row.metadata": json.dumps(spark),
        "org.apache.spark.version": "4.0.0",
        "huggingface": json.dumps(features),
        "parquet.avro.schema": '{"type": "record", "name": "r", "fields": []}',
        "iceberg.schema": "{}",
        "geo": '{"version": "1.0.0"}',
        "pandas": "damaged",
    }
    scored(command, written("in.parquet", pa.table({"text": ["good"]}).replace_schema_metadata(metadata)))
    found = {key.decode(): value.decode() for key, value in pq.read_schema("out.parquet").metadata.items()}
    rows = json.loads(found.pop("org.apache.spark.sql.parquet.row.metadata"))
    assert rows["fields"][0] == spark["fields"][0]
    assert [(one["name"], one["type"]) for one in rows["fields"][1:]] == list(
        zip(NEW, ["float", "string"], strict=True)
    )
    assert list(json.loads(found.pop("huggingface"))["info"]["features"]) == ["text", *NEW]
    assert {key for key in found if not key.startswith("sentiment_scorer")} == {"org.apache.spark.version", "geo"}
    assert found["geo"] == metadata["geo"]
