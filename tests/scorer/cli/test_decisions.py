"""What a probability is called: thresholds, what is unsure, labels of one's own; the probabilities never change."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.conftest import DATA, Command

pytestmark = pytest.mark.usefixtures("model")
REVIEWS = DATA / "reviews.parquet"


def scored(command: Command, *options: str, output: str = "out.parquet") -> tuple[list[float], list[str], dict]:
    """Probabilities and labels of the rows that have them, and the summary."""
    result = command("scorer", "run", REVIEWS, "-o", output, "--force", "--json", *options)
    assert result.code == 0, result.err
    rows = [row for row in pq.read_table(output).to_pylist() if row["sentiment_probability"] is not None]
    summary = json.loads(result.out)
    assert summary["scored"] == len(rows)
    return [row["sentiment_probability"] for row in rows], [row["sentiment"] for row in rows], summary


@pytest.fixture
def cuts(command: Command) -> tuple[float, float]:
    """Two probabilities that rows have: the model of the tests is sure of nothing."""
    probabilities = sorted(set(scored(command)[0]))
    return probabilities[len(probabilities) // 3], probabilities[2 * len(probabilities) // 3]


def test_a_threshold_is_the_least_positive_probability(command: Command, cuts: tuple[float, float]) -> None:
    plain, _, _ = scored(command)
    probabilities, labels, summary = scored(command, "--threshold", repr(cuts[1]))
    assert probabilities == plain
    assert labels == ["positive" if p >= cuts[1] else "negative" for p in plain]
    assert (summary["positive"], summary["unsure"]) == (labels.count("positive"), 0)
    assert 0 < summary["positive"] < summary["scored"]


def test_a_range_is_unsure_from_its_lower_end_on(command: Command, cuts: tuple[float, float]) -> None:
    low, high = cuts
    options = ("--unsure", f"{low!r}:{high!r}", "--positive-label", "gut", "--negative-label", "schlecht")
    probabilities, labels, summary = scored(command, *options, "--verify", "20")
    assert labels == ["gut" if p >= high else "unsure" if p >= low else "schlecht" for p in probabilities]
    assert (summary["positive"], summary["unsure"]) == (labels.count("gut"), labels.count("unsure"))
    assert min(labels.count(one) for one in ("gut", "unsure", "schlecht")) > 0
    said = json.loads(pq.read_schema("out.parquet").metadata[b"sentiment_scorer.decision"])
    assert said == {"cuts": [low, high], "labels": ["schlecht", "gut", "unsure"]}
    lines = command("scorer", "run", REVIEWS, "-o", "out.parquet", "--force", *options).out
    assert f"{summary['unsure']:,} unsure" in lines


def test_the_dry_run_decides_likewise(command: Command, cuts: tuple[float, float]) -> None:
    *_, summary = scored(command, "--threshold", repr(cuts[0]))
    found = command("scorer", "run", REVIEWS, "-o", "new.parquet", "--dry-run", "--json", "--threshold", repr(cuts[0]))
    assert json.loads(found.out)["sample_positive"] == summary["positive"]


def test_outputs_of_a_folder_are_counted_together(command: Command) -> None:
    result = command("scorer", "run", REVIEWS, "-o", "scored/", "--unsure", "0:1", "--json")
    summary = json.loads(result.out)
    assert summary["unsure"] == summary["scored"] > 0


def test_text_decides_as_a_run_does(command: Command) -> None:
    probability = json.loads(command("scorer", "text", "--json", "a good film").out)["sentiment_probability"]
    just_above = float(np.nextafter(np.float32(probability), np.float32(1)))

    def label(*options: object) -> str:
        return json.loads(command("scorer", "text", "--json", "a good film", *options).out)["sentiment"]

    assert label("--threshold", probability) == "positive"
    assert label("--threshold", just_above) == "negative"
    assert label("--unsure", f"{probability!r}:{just_above!r}") == "unsure"
    assert label("--unsure", f"0:{probability!r}", "--positive-label", "très bien") == "très bien"
    lines = command("scorer", "text", "a good film", "", "--threshold", "0", "--positive-label", "wonderful").out
    assert lines.splitlines() == [f"{probability:.4f}  wonderful  a good film", "  -       (no text)"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--threshold", "1.5"), "from 0 to 1"),
        (("--threshold", "nan"), "from 0 to 1"),
        (("--unsure", "0.4"), "0.4:0.6"),
        (("--unsure", "0.6:0.4"), "the lower one first"),
        (("--unsure", "0.5:0.5"), "the lower one first"),
        (("--unsure", "0.4:0.6", "--threshold", "0.5"), "leave out --threshold"),
        (("--positive-label", ""), "--positive-label"),
        (("--positive-label", "negative"), "have to differ"),
        (("--unsure", "0.4:0.6", "--negative-label", "unsure"), "have to differ"),
    ],
)
def test_what_cannot_be_is_refused(command: Command, options: tuple[str, ...], said: str) -> None:
    for call in (("run", REVIEWS, "-o", "none.parquet"), ("text", "a good film")):
        result = command("scorer", *call, *options)
        assert (result.code, result.out.count("0.")) == (2, 0), result
        assert said in result.err
        assert "Traceback" not in result.err
