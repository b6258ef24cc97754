"""Spark reads what comes of its files: every column as it was, and new ones. Its workers score the same bits.

`pytest -m spark`, with the extra `spark` and Java.
"""

import json
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Command

ROOT = Path(__file__).parents[3]
NEW = {"sentiment_probability": "float", "sentiment": "string"}
pytestmark = [
    pytest.mark.spark,
    pytest.mark.usefixtures("model"),
    pytest.mark.skipif(not shutil.which("java"), reason="Spark needs Java"),
]


def spark(*arguments: object) -> Any:
    command = [sys.executable, "-W", "ignore", "-m", "tests.spark", *map(str, arguments)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout or "null")


@pytest.fixture(scope="module")
def by_spark(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files with all kinds of columns, with INT96 and without."""
    folder = tmp_path_factory.mktemp("spark")
    spark("write", folder)
    return [path.rename(folder / f"{path.parent.name}.parquet") for path in folder.glob("*/*.parquet")]


def test_spark_sees_its_own_columns_and_the_new_ones(command: Command, by_spark: list[Path], tmp_path: Path) -> None:
    fine = pa.table({"text": ["good"], "when": pa.array([1577836800123456789], pa.timestamp("ns"))})
    pq.write_table(fine, tmp_path / "fine.parquet", use_deprecated_int96_timestamps=True)
    inputs = [*by_spark, tmp_path / "fine.parquet"]
    outputs = [tmp_path / f"out {path.name}" for path in inputs]
    for path, output in zip(inputs, outputs, strict=True):
        result = command("scorer", "run", path, "-o", output)
        assert result.code == 0, result.err
    found = spark("read", *inputs, *outputs)
    for path, output in zip(inputs, outputs, strict=True):
        before, after = found[path.name], found[output.name]
        assert after["types"] == before["types"] | NEW
        assert [row[: -len(NEW)] for row in after["rows"]] == before["rows"]
        assert all(row[-1] in ("positive", "negative") for row in after["rows"])
    assert pq.read_table(outputs[0])["far"].to_pylist() == [datetime(9999, 12, 31, 23, 59, 59, 999999)] * 3


def test_spark_scores_with_the_same_bits(command: Command, tmp_path: Path) -> None:
    """By the code of the page."""
    texts = [f"a {'good' if number % 3 else 'poor'} film, number {number}" for number in range(500)]
    reviews = pa.table({"n": range(500), "text": [*texts[:-1], None]})
    (tmp_path / "reviews").mkdir()
    for part in range(3):  # each a partition
        pq.write_table(reviews.slice(part * 200, 200), tmp_path / "reviews" / f"{part}.parquet")
    spark("score", ROOT / "docs" / "SPARK.md", tmp_path)
    assert command("scorer", "run", tmp_path / "reviews", "-o", tmp_path / "here.parquet").code == 0
    found, expected = pq.read_table(tmp_path / "scored").sort_by("n"), pq.read_table(tmp_path / "here.parquet")
    assert len(list((tmp_path / "scored").glob("*.parquet"))) == 3
    assert found.to_pydict() == expected.to_pydict()
