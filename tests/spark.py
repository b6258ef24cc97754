"""Spark, in a process of its own: writes the files that it is told, or prints the rows of those that it is given.

python -m tests.spark write FOLDER
python -m tests.spark read FILE…
python -m tests.spark score FOLDER FOLDER
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession

from scorer import Scorer

ROW = """
select id, 'a good film' as text, timestamp'9999-12-31 23:59:59.999999' as far, parse_json('{"a": [1, "x"]}') as any,
    map('a', 1) as counts, array(timestamp'1600-01-01 00:00:00', null) as times, cast(1.5 as decimal(9, 2)) as amount,
    interval '1 02:03:04' day to second as lasting, timestamp_ntz'2020-01-01 00:00:00' as plain,
    cast('x' as char(3)) as few
from range(3)
"""


def main(what: str, *paths: str) -> None:
    """Do it, in the zone of UTC and without a word but the rows."""
    settings = {"spark.ui.enabled": "false", "spark.sql.session.timeZone": "UTC", "spark.sql.caseSensitive": "false"}
    os.environ["PYSPARK_PYTHON"] = sys.executable  # of its workers
    builder = SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    if what == "write":
        for stored in ("INT96", "TIMESTAMP_MICROS"):
            spark.conf.set("spark.sql.parquet.outputTimestampType", stored)
            spark.sql(ROW).coalesce(1).write.parquet(f"{paths[0]}/{stored}")
    elif what == "score":
        score(spark, *paths)
    else:
        print(json.dumps({Path(path).name: rows_of(spark, path) for path in paths}))


def score(spark: SparkSession, source: str, target: str) -> None:
    """The reviews of a folder with their sentiment, by Spark's workers."""

    def scored(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return Scorer.open().score_batches(batches, "text")

    reviews = spark.read.parquet(source)
    schema = f"{reviews._jdf.schema().toDDL()}, sentiment_probability float, sentiment string"
    reviews.repartition(3).mapInArrow(scored, schema).write.parquet(target)


def rows_of(spark: SparkSession, path: str) -> dict[str, Any]:
    """The schema and all values of a file as words of Spark."""
    frame = spark.read.parquet(path)
    types = {field.name: field.dataType.simpleString() for field in frame.schema}
    shown = [f"to_json(`{name}`)" if kind == "variant" else f"cast(`{name}` as string)" for name, kind in types.items()]
    return {"types": types, "rows": [list(row) for row in frame.selectExpr(*shown).collect()]}


if __name__ == "__main__":
    main(*sys.argv[1:])
