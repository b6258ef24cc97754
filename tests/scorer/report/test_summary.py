"""`scorer report`: what scored reviews say, counted in one pass, and the page that shows it."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer.errors import InputError
from scorer.evaluation.metrics import Interval, share_interval
from scorer.evaluation.prevalence import Recalls, adjusted_share
from scorer.report.days import days_of, last_part, steps_of
from scorer.report.decided import decided
from scorer.report.examples import Examples
from scorer.report.tally import Cells, Counts, Tally, total
from scorer.report.words import WordTally, telling_words
from scorer.scores import Decision
from scorer.tokens.encoder import RaggedIds
from tests.conftest import Command, one_line
from tests.scorer.report.test_page import HOSTILE, Tags


def counts_of(before: tuple[int, int], after: tuple[int, int] = (0, 0)) -> Counts:
    """Negative and positive reviews of both periods."""
    return Counts(np.array([[*before, 0], [*after, 0], [0, 0, 0]], np.int64))


@given(st.floats(0, 1), st.floats(0.65, 1), st.floats(0.65, 1))
def test_the_adjusted_count_undoes_what_the_errors_do(true: float, positive: float, negative: float) -> None:
    called = true * positive + (1 - true) * (1 - negative)
    recalls = Recalls(positive, negative, (1000, 1000), "")
    adjusted = adjusted_share(Interval(called, called, called), 1_000_000, recalls)
    assert adjusted is not None
    assert adjusted.value == pytest.approx(true, abs=1e-6)
    assert 0 <= adjusted.low <= adjusted.value <= adjusted.high <= 1


def test_a_model_that_hardly_knows_corrects_nothing() -> None:
    assert adjusted_share(share_interval(5, 10), 10, Recalls(0.55, 0.6, (50, 50), "")) is None
    assert adjusted_share(share_interval(0, 0), 0, Recalls(0.9, 0.9, (50, 50), "")) is None


@pytest.mark.parametrize(
    "values",
    [
        pa.array([date(2024, 5, 31), None]),
        pa.array([1717113600, None]),
        pa.array([1717113600.5, None]),
        pa.array([1717113600123, None]),
        pa.array(["2024-05-31", None]),
        pa.array(["2024-05-31T23:59:59Z", ""]),
        pa.array(["31.05.2024", None]),
        pa.array(["05/31/2024", None]).dictionary_encode(),
        pa.array(["1717113600", None]),
        pa.array([1717113600], pa.timestamp("s", "UTC")),
    ],
    ids=lambda values: str(values[0]),
)
def test_times_of_every_kind_are_days(values: pa.Array) -> None:
    assert days_of(values, "x").to_pylist()[:1] == [date(2024, 5, 31)]
    assert days_of(values, "x").to_pylist()[1:] in ([], [None])


@pytest.mark.parametrize("values", [pa.array(["soon"]), pa.array([[1]]), pa.array([True])], ids=str)
def test_what_is_no_time_is_refused(values: pa.Array) -> None:
    with pytest.raises(InputError, match=r"a\.csv: column 'when'.*not a time"):
        days_of(values, "a.csv: column 'when'")


@given(st.dictionaries(st.dates(date(1990, 1, 1), date(2030, 1, 1)), st.integers(1, 5), min_size=1))
def test_steps_of_time_hold_all_reviews_and_are_few(days: dict[date, int]) -> None:
    counted = {day: counts_of((1, rows)) for day, rows in days.items()}
    steps = steps_of(counted)
    assert total(steps.values()).rows() == sum(rows + 1 for rows in days.values())
    assert list(steps) == sorted(steps)
    assert len(steps) <= 41
    since = last_part(counted)
    assert (since is None) == (len(days) == 1)
    assert since is None or min(days) < since <= max(days)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 2), st.integers(0, 2)), max_size=50))
def test_a_tally_counts_whatever_the_windows_are(rows: list[tuple[str | None, int, int]]) -> None:
    tally = Tally()
    for window in (rows[:20], rows[20:]):
        keys = pa.array([key for key, _, _ in window], pa.string())
        verdict, period = (np.array([row[at] for row in window], np.int8) for at in (2, 1))
        tally.add(keys, Cells.of(np.ones(len(window), np.bool_), verdict, period))
    found = {key: counts.cells.tolist() for key, counts in tally}
    for key in {key for key, _, _ in rows}:
        for at in range(9):
            assert found[key][at // 3][at % 3] == rows.count((key, at // 3, at % 3))


def test_of_too_many_keys_the_rest_is_one() -> None:
    tally = Tally(most=2)
    cells = Cells.of(np.ones(4, np.bool_), np.ones(4, np.int8), np.zeros(4, np.int8))
    tally.add(pa.array(["a", "b", "c", "d"]), cells)
    assert {key: counts.rows() for key, counts in tally} == {"a": 1, "b": 1, "(all others)": 2}


def test_a_word_counts_once_a_review() -> None:
    tally = WordTally(["good", None, "bad"])
    ids = RaggedIds(np.array([0, 0, 1, 2, 2], np.int32), np.array([0, 3, 5]), np.zeros(2, np.bool_))
    tally.add(ids, np.array([1, 0]))
    assert tally.counts[0, 1].tolist() == [1, 1, 0]
    assert tally.counts[0, 0].tolist() == [0, 0, 1]


def test_words_are_told_apart_by_more_than_chance() -> None:
    words = ["film", "fine", "dull", None, "odd"]
    first, second = np.array([5000, 400, 10, 5, 3]), np.array([5000, 10, 400, 0, 0])
    assert [one.text for one in telling_words(words, first, second, 9)] == ["fine"]
    assert [one.text for one in telling_words(words, second, first, 9)] == ["dull"]


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0, 1, width=32)), max_size=40))
def test_the_best_examples_are_kept_whatever_the_windows_are(rows: list[tuple[int, float]]) -> None:
    """Different texts, of which each has one probability."""
    said = dict(rows)
    texts, probability = [f"text {number}" for number, _ in rows], np.array([said[n] for n, _ in rows], np.float32)
    examples = Examples(3)
    for start in range(0, len(rows), 7):
        part = slice(start, start + 7)
        examples.add(probability[part].astype(float), pa.array(texts[part], pa.string()), probability[part], start)
    expected = sorted(said.values(), reverse=True)[:1]
    assert [one.probability for one in examples.best][:1] == pytest.approx(expected)
    assert len(examples.best) == min(3, len(said))
    assert all(texts[one.row - 1] == one.text for one in examples.best)


def write_scored(command: Command) -> Path:
    """Reviews of two shops over 80 days, scored by the embedded model; they get worse."""
    texts = ["good fine great film, loved it", "bad dull poor film, hated it", HOSTILE]
    rows = [texts[(n % 2) if n < 60 or n % 4 else 1] if n % 20 else texts[2] for n in range(80)]
    table: dict[str, Any] = {"text": [*rows, None], "shop": ["a", "b"] * 40 + ["a"]}
    table["day"] = [date(2024, 1, 1) + timedelta(days=n) for n in range(80)] + [None]
    pq.write_table(pa.table(table), "in.parquet")
    assert command("scorer", "run", "in.parquet", "-o", "scored.parquet", "--status").code == 0
    return Path("scored.parquet")


@pytest.fixture
def scored(command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Scored reviews in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    return write_scored(command)


def test_a_page_on_scored_reviews(command: Command, scored: Path) -> None:
    result = command("scorer", "report", scored, "--by", "shop", "--time", "day")
    assert result.code == 0, result.err
    assert result.out.startswith("scored.html: 80 reviews, ")
    content = Path("scored.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(content)
    text = " ".join(tags.text)
    for part in ("By shop", "What changed", "Since 2024-0", "The surest negative ones", "Corrected for", "null"):
        assert part in text, part
    assert sum(name == "script" for name, _ in tags.found) == 1
    assert not any(name == "img" or "onfocus" in attributes for name, attributes in tags.found)
    one_line(command("scorer", "report", scored), "scored.html", "exists already", "--force")


def test_the_figures_for_machines(command: Command, scored: Path) -> None:
    result = command("scorer", "report", scored, "--by", "shop", "--time", "day", "-o", "x.html", "--json")
    found = json.loads(result.out)
    table = pq.read_table(scored)
    positive = [name == "positive" for name in table["sentiment"].to_pylist() if name]
    assert found["rows"] == 81
    assert found["scored"] == 80
    assert found["positive_share"][0] == pytest.approx(sum(positive) / 80)
    assert found["groups"]["a"]["reviews"] == found["groups"]["b"]["reviews"] == 40
    assert sum(day["reviews"] for day in found["days"].values()) == 80
    assert found["statuses"]["null"] == 1


def test_csv_and_a_prefix_and_unsure_verdicts(command: Command, scored: Path) -> None:
    table = pq.read_table(scored)
    names = [name.replace("sentiment", "v1_sentiment") for name in table.column_names]
    pa.csv.write_csv(table.rename_columns(names), "scored.csv")
    run = ("scorer", "report", "scored.csv", "--unsure", "0.1:0.9", "--positive-label", "praise", "--json")
    found = json.loads(command(*run).out)
    assert found["scored"] == 80
    assert found["adjusted_share"] is None
    content = Path("scored.html").read_text(encoding="utf-8")
    assert "Called praise" in content
    assert "unsure from 0.1 on" in content


def test_a_file_s_own_decision_holds_but_for_what_is_asked(command: Command, scored: Path) -> None:
    asked = ("--unsure", "0.02:0.98", "--positive-label", HOSTILE, "--negative-label", "bad")
    assert command("scorer", "run", "in.parquet", "-o", "decided.parquet", *asked).code == 0
    labels = pq.read_table("decided.parquet")["sentiment"].to_pylist()
    found = json.loads(command("scorer", "report", "decided.parquet", "--json").out)
    assert found["positive_share"][0] == pytest.approx(labels.count(HOSTILE) / 80)
    tags = Tags()
    tags.feed(Path("decided.html").read_text(encoding="utf-8"))
    assert f"Called {HOSTILE}" in "".join(tags.text)
    assert "from 0.98 on, unsure from 0.02 on" in "".join(tags.text)
    again = ("--threshold", "0", "--positive-label", "good", "--json", "--force")
    assert json.loads(command("scorer", "report", "decided.parquet", *again).out)["positive_share"][0] == 1
    tags.feed(Path("decided.html").read_text(encoding="utf-8"))
    assert "Called good" in "".join(tags.text)


@pytest.mark.parametrize("said", ["{", "[]", '{"cuts": [2, 1], "labels": ["a", "b"]}', '{"cuts": [0.5], "labels": 1}'])
def test_a_decision_that_cannot_be_read_is_none(said: str) -> None:
    schema = pa.schema([], {"sentiment_scorer.decision": said})
    assert decided(schema, Decision(threshold=0.3)) == Decision(threshold=0.3)


def test_several_inputs_and_recalls_that_were_measured(command: Command, scored: Path) -> None:
    Path("all").mkdir()
    for name in ("country=DE", "country=FR"):
        Path("all", name).mkdir()
        Path("all", name, "scored.parquet").write_bytes(scored.read_bytes())
    found = json.loads(command("scorer", "report", "all", "--by", "country", "--time", "day", "--json").out)
    assert {name: one["reviews"] for name, one in found["groups"].items()} == {"DE": 80, "FR": 80}
    assert Path("all.html").exists()
    result = command("scorer", "report", scored, "all/*/*.parquet")
    assert (result.code, "-o" in result.err) == (2, True)
    result = command("scorer", "report", scored, "all/*/*.parquet", "-o", "x.html", "--recalls", "0.9:0.8", "--json")
    found = json.loads(result.out)
    assert found["scored"] == 240
    assert found["adjusted_share"][0] == pytest.approx((found["positive_share"][0] - 0.2) / 0.7)
    assert command("scorer", "report", scored, "--recalls", "0.9", "--force").code == 2


def test_another_model_s_probabilities_are_not_explained_by_this_one(
    command: Command, scored: Path, fitted: Path
) -> None:
    assert command("scorer", "report", scored, "--model", fitted / "best.onnx").code == 0
    content = Path("scored.html").read_text(encoding="utf-8")
    assert "name the model that scored them with --model" in content
    assert "<mark" not in content
    pq.write_table(pa.table({"text": ["good", "bad"], "sentiment_probability": [0.9, 0.1]}), "short.parquet")
    assert command("scorer", "report", "short.parquet").code == 0  # none is long enough to be shown
    assert "name the model that scored them with --model" in Path("short.html").read_text(encoding="utf-8")


def test_what_cannot_be_reported_is_one_line(command: Command, scored: Path) -> None:
    one_line(command("scorer", "report", "in.parquet"), "in.parquet", "score it first", "scorer run in.parquet")
    one_line(command("scorer", "report", scored, "--by", "shopp"), "no column 'shopp'", "did you mean")
    one_line(command("scorer", "report", scored, "--by", "sentiment_statu"), "sentiment_statu", "did you mean")
    nested = pq.read_table(scored).append_column("at", pa.array([{"town": "x"}] * 81))
    pq.write_table(nested, "nested.parquet")
    one_line(command("scorer", "report", "nested.parquet", "--by", "at"), "column 'at'", "no groups", "such as at.town")
    assert command("scorer", "report", "nested.parquet", "--by", "at.town").code == 0
    one_line(command("scorer", "report", scored, "--time", "shop"), "column 'shop'", "not a time")
    one_line(command("scorer", "report", scored, "-o", scored, "--force"), "is the input itself")
    one_line(command("scorer", "report", scored, "-o", "missing/x.html"), "missing")
    pq.write_table(pa.table({"text": ["a"], "sentiment_probability": [1.5]}), "wrong.parquet")
    one_line(command("scorer", "report", "wrong.parquet"), "row 1", "1.5", "no probability")
    pq.write_table(pa.table({"text": ["a"], "sentiment_probability": ["high"]}), "wrong.parquet")
    one_line(command("scorer", "report", "wrong.parquet"), "holds no probabilities")
    nothing = pa.table({"text": pa.array([], pa.string()), "sentiment_probability": pa.array([], pa.float32())})
    pq.write_table(nothing, "wrong.parquet")
    one_line(command("scorer", "report", "wrong.parquet"), "wrong.parquet", "no rows")
    pq.write_table(pa.table({"text": [None], "sentiment_probability": pa.nulls(1, pa.float32())}), "none.parquet")
    one_line(command("scorer", "report", "none.parquet"), "none.parquet", "no row has a probability")
    assert command("scorer", "report", scored, "--since", "2024-01-01").code == 2
    assert command("scorer", "report", scored, "--since", "soon", "--time", "day").code == 2
    assert not Path("wrong.html").exists()
