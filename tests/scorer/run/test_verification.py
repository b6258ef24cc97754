"""`scorer run --verify`: rows of a finished output, scored again one by one."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scorer.errors import VerificationError
from scorer.run.job import run
from scorer.run.options import RunOptions
from scorer.run.verification import verify_rows
from scorer.scoring import Scorer
from tests.conftest import DATA, Command


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.jsonl"])
def test_verify_scores_rows_one_by_one(command: Command, model: Path, name: str) -> None:
    same = ("scorer", "run", DATA / "reviews.parquet", "-o", name, "--force", "--status", "--verify")
    assert "10 rows scored again, one by one: no difference" in command(*same, 10).out
    assert json.loads(command(*same, 1000, "--json").out)["verified"] == 60


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.jsonl"])
def test_a_changed_bit_is_found(model: Path, name: str) -> None:
    options, scorer = RunOptions(DATA / "reviews.parquet", Path(name)), Scorer.open()
    summary = run(options, scorer)
    assert verify_rows(options, scorer, summary, 1000) == 60
    spoil(options.output, 7)
    with pytest.raises(VerificationError, match=f"{name}: 1 of 60 verified rows differ .* the first is row 8: "):
        verify_rows(options, scorer, summary, 1000)


def spoil(path: Path, row: int) -> None:
    """Change the probability of one row of a finished output by its last bit."""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        values = table["sentiment_probability"].to_pylist()
        values[row] = float(np.nextafter(np.float32(values[row]), np.float32(1)))
        place = table.schema.get_field_index("sentiment_probability")
        pq.write_table(table.set_column(place, table.schema.field(place), pa.array(values, pa.float32())), path)
        return
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        old = list(csv.DictReader(io.StringIO(content, newline="")))[row]["sentiment_probability"]
    else:
        old = json.loads(content.splitlines()[row], parse_float=str)["sentiment_probability"]
    assert content.count(old) == 1
    path.write_text(content.replace(old, str(np.nextafter(np.float32(old), np.float32(1)))), encoding="utf-8")
