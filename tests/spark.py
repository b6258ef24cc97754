"""Spark, in a process of its own: writes the files that it is told, or prints the rows of those that it is given.

python -m tests.spark write FOLDER
python -m tests.spark read FILE…
python -m tests.spark score PAGE FOLDER
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

ROW = """
select id, 'a good film' as text, timestamp'9999-12-31 23:59:59.999999' as far, parse_json('{"a": [1, "x"]}') as any,
    map('a', 1) as counts, array(timestamp'1600-01-01 00:00:00', null) as times, cast(1.5 as decimal(9, 2)) as amount,
    interval '1 02:03:04' day to second as lasting, timestamp_ntz'2020-01-01 00:00:00' as plain,
    cast('x' as char(3)) as few
from range(3)
"""


def main(what: str, *paths: str) -> None:
    """Do it, in the zone of UTC and without a word but the rows."""
    if what == "score":
        os.chdir(paths[1])  # before there is a JVM, which has a working folder of its own
    settings = {"spark.ui.enabled": "false", "spark.sql.session.timeZone": "UTC", "spark.sql.caseSensitive": "false"}
    settings["spark.sql.files.maxPartitionBytes"] = "1m"  # less than two files count for: each is a partition
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
        score(spark, paths[0])
    else:
        print(json.dumps({Path(path).name: rows_of(spark, path) for path in paths}))


def score(spark: SparkSession, page: str) -> None:
    """What the code of a page does in the working folder."""
    code = "".join(re.findall(r"(?m)^    (.*\n|\n)", Path(page).read_text(encoding="utf-8")))
    exec(code, {"spark": spark})


def rows_of(spark: SparkSession, path: str) -> dict[str, Any]:
    """The schema and all values of a file as words of Spark."""
    frame = spark.read.parquet(path)
    types = {field.name: field.dataType.simpleString() for field in frame.schema}
    shown = [f"to_json(`{name}`)" if kind == "variant" else f"cast(`{name}` as string)" for name, kind in types.items()]
    return {"types": types, "rows": [list(row) for row in frame.selectExpr(*shown).collect()]}


if __name__ == "__main__":
    main(*sys.argv[1:])
