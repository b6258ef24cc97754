"""Who spells an option, a column or a file wrong is told the nearest one that there is."""

from pathlib import Path

import pytest

from scorer.system.nearest import nearest
from tests.conftest import Command, one_line
from tests.writing import write_table


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["scorer", "rnu", "reviews.csv"], "run"),
        (["scorer", "run", "in.csv", "-o", "out.csv", "--text-colum", "x"], "--text-column"),
        (["scorer", "run", "in.csv", "-o", "out.csv", "-status"], "--status"),
        (["scorer", "run", "in.csv", "-o", "out.csv", "--verfiy=3"], "--verify"),
        (["scorer", "run", "in.csv", "-o", "out.csv", "--on-error", "nul"], "null"),
        (["scorer", "run", "in.csv", "-o", "out.csv", "--format", "PARQUET"], "parquet"),
        (["trainer", "fit", "--recipe", "destilled"], "distilled"),
        (["trainer", "fit", "--learnig-rate", "1"], "--learning-rate"),
        (["exporter", "to-onx", "best.pth"], "to-onnx"),
    ],
)
def test_words_of_the_command_line(command: Command, arguments: list[str], meant: str) -> None:
    result = command(*arguments)
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert f"; did you mean {meant!r}?" in result.err


def test_what_is_like_nothing_is_no_suggestion(command: Command) -> None:
    result = command("scorer", "run", "in.csv", "-o", "out.csv", "--zebra")
    assert "did you mean" not in result.err
    assert "put -- before" in result.err


@pytest.mark.parametrize("name", ["in.parquet", "in.csv", "in.jsonl"])
def test_columns(command: Command, model: Path, tmp_path: Path, name: str) -> None:
    write_table(tmp_path / name, {"stars": ["5"], "review_body": ["Fine."]})
    run = ["scorer", "run", name, "-o", "out.parquet", "--text-column"]
    one_line(command(*run, "reveiw_body"), f"{name}: no column 'reveiw_body'", "; did you mean 'review_body'?")
    one_line(command(*run, "BODY"), "; did you mean 'review_body'?")
    labels = ["scorer", "evaluate", name, "--label-column"]
    one_line(command(*labels, "star"), "; did you mean 'stars'?")


def test_a_column_with_an_unusual_name(command: Command, model: Path, tmp_path: Path) -> None:
    write_table(tmp_path / "in.csv", {"id": [1], "customer_text": ["Fine."]})
    refused = command("scorer", "run", "in.csv", "-o", "out.csv")
    one_line(refused, "no text column found", "--text-column: id, customer_text", "; did you mean 'customer_text'?")


def test_inside_a_struct(command: Command, model: Path, tmp_path: Path) -> None:
    write_table(tmp_path / "in.jsonl", {"review": [{"text": "Fine.", "title": "T"}]})
    refused = command("scorer", "run", "in.jsonl", "-o", "out.csv", "--text-column", "review.txt")
    one_line(refused, "; did you mean 'review.text'?")


def test_files_folders_and_models(command: Command, model: Path, tmp_path: Path) -> None:
    (tmp_path / "reviews").mkdir()
    write_table(tmp_path / "reviews" / "2024-01.csv", {"text": ["Fine."]})
    run = ["-o", "out.csv"]
    one_line(command("scorer", "run", "reviews/2024-1.csv", *run), "no such file; did you mean 'reviews/2024-01.csv'?")
    one_line(command("scorer", "run", "Review/2024-01.csv", *run), "no such file; did you mean 'reviews'?")
    one_line(command("scorer", "run", "x.zip", *run), "no such file")
    wrong = model.with_name("bset.onnx")
    one_line(command("scorer", "inspect", wrong), "no such model", f"; did you mean {str(model)!r}?")


def test_a_hostile_name_is_printed_harmlessly(command: Command, model: Path, tmp_path: Path) -> None:
    (tmp_path / "revi\x1b[31mews.csv").touch()
    refused = command("scorer", "run", "reviews.csv", "-o", "out.csv")
    assert "\x1b" not in refused.err
    one_line(refused, "did you mean")


def test_of_a_great_many_names_only_some_are_compared() -> None:
    """Else a folder of a million files would be waited for."""
    names = iter([f"{number}.csv" for number in range(100_000)])
    nearest("reviews.csv", names)
    assert next(names, None) is not None
