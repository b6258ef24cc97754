"""Texts in another language, and columns that hold no texts, are told by their unknown words."""

import io
import json
import sys
import uuid
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import DATA, Command
from tests.writing import write_table

ENGLISH = pq.read_table(DATA / "reviews.parquet")["text"].to_pylist()
OTHERS = {
    "French": ["Un film magnifique, les acteurs sont excellents et la musique est superbe.", "Très déçu, à éviter."],
    "German": [
        "Das Hotel liegt gut, aber die Zimmer sind klein und laut.",
        "Wir kommen nicht wieder hierher.",
    ],
    "Russian": ["Замечательный фильм, актёры играют превосходно, музыка прекрасная."],
    "Hindi": ["बहुत अच्छी फिल्म है, अभिनय शानदार है और संगीत मधुर है।"],
    "identifiers": [str(uuid.UUID(int=number * 2**100 + 7)) for number in range(9)],
    "numbers": [str(number * 7919) for number in range(20, 40)],
}
WORDS = "of the words are unknown to this model"


@pytest.fixture(autouse=True)
def embedded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCORER_MODEL", "default")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", OTHERS)
def test_a_run_warns_of_what_the_model_cannot_read(command: Command, name: str) -> None:
    write_table(Path("in.csv"), {"text": OTHERS[name]})
    result = command("scorer", "run", "in.csv", "-o", "out.csv", "--json")
    told = json.loads(result.out)
    assert (result.code, told["unknown_words"] / told["read_words"]) == (0, told["unknown_share"])
    assert json.loads(result.err)["warning"].startswith(f"in.csv: {told['unknown_share']:.0%} {WORDS}")


def test_english_is_read_without_a_word(command: Command) -> None:
    write_table(Path("in.csv"), {"text": [*ENGLISH, "Loooved it!!! B00X7", ""]})
    result = command("scorer", "run", "in.csv", "-o", "out.csv", "--json")
    assert (result.err, json.loads(result.out)["unknown_share"] < 0.05) == ("", True)


def test_a_wrong_column_is_told_before_anything_is_written(command: Command) -> None:
    write_table(Path("in.csv"), {"id": OTHERS["identifiers"], "text": ENGLISH[:9]})
    run = ("scorer", "run", "in.csv", "-o", "out.csv", "--dry-run", "--log-format", "json")
    assert command(*run).err == ""
    assert WORDS in json.loads(command(*run, "--text-column", "id").err)["message"]


def test_outputs_of_a_folder_are_judged_alone(command: Command) -> None:
    for name, texts in (("a", ENGLISH), ("b", OTHERS["German"]), ("c", ENGLISH), ("d", OTHERS["Hindi"])):
        write_table(Path(f"{name}.csv"), {"text": texts})
    result = command("scorer", "run", "a.csv", "b.csv", "c.csv", "d.csv", "-o", "all/")
    assert result.err.startswith("scorer: b.csv: ")
    assert "of 1 other inputs" in result.err
    assert command("scorer", "run", "d.csv", "-o", "d.parquet", "--quiet").err == ""


def test_kept_scores_keep_their_count(command: Command) -> None:
    write_table(Path("in.csv"), {"text": [*OTHERS["German"], *ENGLISH * 30]})
    whole = json.loads(command("scorer", "run", "in.csv", "-o", "whole.csv", "--json").out)
    good = Path("in.csv").read_bytes()
    Path("in.csv").write_bytes(good + b"\xff\n")  # not text: the run ends there
    run = ("scorer", "run", "in.csv", "-o", "out.csv", "--keep-every", "0", "--json")
    assert command(*run).code == 1
    Path("in.csv").write_bytes(good)
    resumed = json.loads(command(*run).out)
    assert resumed["resumed"] > 0
    assert [resumed[name] for name in ("read_words", "unknown_words")] == [whole["read_words"], whole["unknown_words"]]


def test_text_warns_after_the_last_one(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("scorer", "text", "Loved it", "Supercalifragilistic!").err == ""
    result = command("scorer", "text", "Loved it", *OTHERS["Russian"])
    assert (len(result.out.splitlines()), result.err.startswith("scorer: TEXT: ")) == (2, True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(OTHERS["Hindi"])))
    assert "standard input" in json.loads(command("scorer", "text", "--json").err)["warning"]


def test_a_judgement_warns_too(command: Command) -> None:
    write_table(Path("in.csv"), {"text": [*OTHERS["French"], "Nul"], "label": [1, 0, 0]})
    result = command("scorer", "evaluate", "in.csv", "--json")
    assert WORDS in json.loads(result.err)["warning"]
    assert json.loads(result.out)["unknown_share"] > 0.3
