"""Same text, same score, bit for bit: whatever stands beside it, however the work is cut, whichever file it is in."""

import csv
import io
import json
import random
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorer.batches import plan_batches
from scorer.job import RunOptions, run
from scorer.model import EMBEDDED_MODEL
from scorer.scoring import Scorer
from scorer.verification import verify_rows
from tests.conftest import DATA, Command, one_line

WORDS = ("good", "Bad", "film", "don't", "café", "!", "<br />", "zzz", "not", "\n")
TEXTS = st.lists(
    st.one_of(
        st.none(),
        st.just(""),
        st.lists(st.sampled_from(WORDS), max_size=60).map(" ".join),
        st.sampled_from(["a good film", "the " * 500]),  # likely twice
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
    ),
    min_size=1,
    max_size=20,
)
cut_anyhow = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)


@pytest.fixture(scope="module", params=["tiny", "embedded"])
def scorer(fitted: Path, request: pytest.FixtureRequest) -> Scorer:
    return Scorer.open(fitted / "best.onnx" if request.param == "tiny" else EMBEDDED_MODEL)


def alone(scorer: Scorer, texts: list[str | None]) -> list[float | None]:
    """Each text scored as a batch of one."""
    scores = [scorer.score(pa.array([text], pa.string())) for text in texts]
    return [None if one.unscored[0] else float(one.probability[0]) for one in scores]


@cut_anyhow
@given(TEXTS, st.integers(1, 3000), st.integers(1, 9), st.sampled_from([1, 7, 16, 64]), st.randoms())
def test_batches_padding_order_and_duplicates(
    scorer: Scorer, texts: list[str | None], token_budget: int, most_rows: int, step: int, rng: random.Random
) -> None:
    rows = rng.choices(range(len(texts)), k=len(texts) + 5)
    plan = partial(plan_batches, token_budget=token_budget, most_rows=most_rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scorer.scoring.plan_batches", plan)
        patch.setattr("scorer.batches._LENGTH_STEP", step)
        scores = scorer.score(pa.array([texts[row] for row in rows], pa.string()))
    expected = np.array([np.nan if one is None else one for one in alone(scorer, texts)], np.float32)
    np.testing.assert_array_equal(scores.probability, expected[rows])


@cut_anyhow
@given(TEXTS, st.integers(1, 9), st.integers(1, 3), st.integers(1, 30), st.sampled_from(["parquet", "csv", "jsonl"]))
def test_windows_workers_row_groups_and_formats(
    scorer: Scorer,
    tmp_path: Path,
    texts: list[str | None],
    window_rows: int,
    workers: int,
    group_rows: int,
    kind: str,
) -> None:
    source, output = tmp_path / f"in.{kind}", tmp_path / "out.parquet"
    write_reviews(source, texts, group_rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scorer.sources.WINDOW_ROWS", window_rows)
        patch.setattr("scorer.gathering.WINDOW_ROWS", window_rows)
        run(RunOptions(source, output, workers=workers, force=True), scorer)
    assert pq.read_table(output)["sentiment_probability"].to_pylist() == alone(scorer, texts)


def write_reviews(path: Path, texts: list[str | None], group_rows: int) -> None:
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"text": pa.array(texts, pa.string())}), path, row_group_size=group_rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows([["text"], *([text or ""] for text in texts)])


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.jsonl"])
def test_verify_scores_rows_one_by_one(
    command: Command, model: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    same = ("scorer", "run", DATA / "reviews.parquet", "-o", name, "--force", "--status", "--verify")
    assert "10 rows scored again, one by one: no difference" in command(*same, 10).out
    assert json.loads(command(*same, 1000, "--json").out)["verified"] == 60

    def spoil_and_verify(options: RunOptions, *others: Any) -> int:
        spoil(options.output, 7)
        return verify_rows(options, *others)

    monkeypatch.setattr("scorer.verification.verify_rows", spoil_and_verify)
    one_line(command(*same, 1000), name, "1 of 60 verified rows differ", "the first is row 8: ")


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
    path.write_text(content.replace(old, old[:-1] + str((int(old[-1]) + 1) % 10)), encoding="utf-8")
