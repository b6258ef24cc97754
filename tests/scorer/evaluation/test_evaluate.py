"""`scorer evaluate` on files as people have them."""

import csv
import json
from pathlib import Path

import pytest

from scorer.errors import InputError, UsageError
from scorer.evaluation.labels import label_key, parse_reading, reading_of
from scorer.model.sealed import EMBEDDED_MODEL
from tests.conftest import DATA, Command, one_line
from tests.writing import write_table

pytestmark = pytest.mark.usefixtures("model")
TEXTS = ["wonderful, a joy from start to finish", "dull and badly acted", "superb", "a waste of time", None, "fine"]


def judged(command: Command, *arguments: object) -> dict:
    result = command("scorer", "evaluate", *arguments, "-m", EMBEDDED_MODEL, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


@pytest.mark.parametrize(
    "labels",
    [
        [1, 0, 1, 0, 1, None],
        [True, False, True, False, True, None],
        ["Positive", "negative", "POS", "neg ", "good", "neutral"],
        [5, 1, 4, 2, 5, 3],
        [5.0, 1.0, 4.5, 1.5, 5.0, 3.0],
        ["2", "1", "2", "1", "2", ""],
        [1, -1, 1, -1, 1, 0],
    ],
)
@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_labels_as_people_write_them(command: Command, labels: list, kind: str) -> None:
    if kind == "csv":
        labels = ["" if label is None else label for label in labels]
    write_table(Path(f"in.{kind}"), {"text": TEXTS, "rating": labels})
    found = judged(command, f"in.{kind}")
    assert (found["rows"], found["positive"], found["left_out"], found["unscored"]) == (4, 2, 1, 1)
    assert found["accuracy"]["value"] == found["roc_auc"]["value"] == 1


def test_labels_by_their_names(command: Command) -> None:
    write_table(Path("in.csv"), {"text": TEXTS[:4], "verdict": ["keep", "return", "keep", "unsure"]})
    one_line(command("scorer", "evaluate", "in.csv", "--label-column", "verdict"), "in.csv", "'verdict'", "--labels")
    one_line(command("scorer", "evaluate", "in.csv"), "no label column found", "--label-column", "verdict")
    found = judged(command, "in.csv", "--label-column", "verdict", "--labels", "keep=1,return=0,unsure=-")
    assert (found["rows"], found["left_out"], found["accuracy"]["value"]) == (3, 1, 1)
    assert command("scorer", "evaluate", "in.csv", "--labels", "keep").code == 2
    one_line(command("scorer", "evaluate", "in.csv", "--label-column", "verdict", "--labels", "a=1,b=0"), "no row has")


def test_groups_and_another_model(command: Command, model: Path) -> None:
    with (DATA / "test.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {"text": [row["text"] for row in rows], "label": [row["label"] for row in rows]}
    write_table(Path("in.csv"), {**columns, "shop": ["a" if n % 3 else "b" for n in range(len(rows))]})
    found = judged(command, "in.csv", "--by", "shop", "--against", model)
    assert found["groups"]["a"]["rows"] + found["groups"]["b"]["rows"] == found["rows"] == 60
    hits = [
        sum(right[name] for name in ("true_positive", "true_negative"))
        for right in (found["confusion"], found["against"]["confusion"])
    ]
    assert found["mcnemar"]["only_first"] - found["mcnemar"]["only_second"] == hits[0] - hits[1]
    result = command("scorer", "evaluate", "in.csv", "--by", "shop", "--against", model, "-m", EMBEDDED_MODEL)
    for words in ("60 labelled reviews, 50.0% positive", "positive: 1; negative: 0", "mean of groups", "McNemar"):
        assert words in result.out
    one_line(command("scorer", "evaluate", "in.csv", "--by", "nothing"), "no column 'nothing'")


def test_csv_is_read_as_a_run_reads_it(command: Command) -> None:
    Path("in.csv").write_text("text\tlabel\nsuperb\t1\na waste of time\t0\nno label\n")
    found = judged(command, "in.csv", "--delimiter", "tab", "--bad-lines", "skip")
    assert (found["rows"], found["skipped"]) == (2, 1)
    one_line(command("scorer", "evaluate", "in.csv", "--delimiter", "tab"), "line 4")
    Path("in.tsv").write_text("superb\t1\na waste of time\t0\n")
    assert judged(command, "in.tsv", "--no-header", "--text-column", "1", "--label-column", "2")["rows"] == 2


def test_the_threshold_moves_verdicts(command: Command) -> None:
    write_table(Path("in.csv"), {"text": TEXTS[:4], "label": [1, 0, 1, 0]})
    assert judged(command, "in.csv", "--threshold", "0")["recall_negative"]["value"] == 0
    assert judged(command, "in.csv", "--threshold", "1")["recall_positive"]["value"] == 0
    assert command("scorer", "evaluate", "in.csv", "--threshold", "1.5").code == 2


def test_a_group_of_one_class_has_no_balanced_accuracy(command: Command) -> None:
    write_table(Path("in.csv"), {"text": TEXTS[:4], "label": [1, 0, 1, 0]})
    assert judged(command, "in.csv", "--by", "label")["groups"]["1"]["balanced_accuracy"]["value"] is None
    assert "nan" not in command("scorer", "evaluate", "in.csv", "--by", "label", "-m", EMBEDDED_MODEL).out


def test_keys_and_readings() -> None:
    values = [1, 1.0, "1", " 1.0", True, b"Good", None, float("nan"), "NaN"]
    assert [label_key(value) for value in values] == ["1", "1", "1", "1", "true", "good", None, None, None]
    with pytest.raises(InputError, match="neither 0 and 1"):
        reading_of(["0", "7"], "x")
    assert str(reading_of(["1", "3", "5"], "x")) == "positive: 5; negative: 1; left out: 3"
    halves = reading_of([label_key(stars / 2) or "" for stars in range(1, 11)], "x")
    assert str(halves) == "positive: 4, 4.5, 5; negative: 0.5, 1, 1.5, 2; left out: 2.5, 3, 3.5"
    with pytest.raises(InputError):
        reading_of(["0.25", "5"], "x")  # a share, not stars
    with pytest.raises(UsageError):
        parse_reading("good")
