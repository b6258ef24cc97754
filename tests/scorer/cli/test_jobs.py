"""Jobs that are repeated where nobody looks: options from a file, logs, JSON, outputs that are there already."""

import json
import re
from pathlib import Path

import pytest

from tests.conftest import DATA, TINY, Command

REVIEWS = DATA / "reviews.csv"


def last_json(lines: str) -> dict[str, object]:
    return json.loads(lines.splitlines()[-1])


@pytest.mark.parametrize("table", ["run", "tool.scorer.run"])
def test_a_file_holds_the_arguments_and_the_command_line_wins(command: Command, model: Path, table: str) -> None:
    Path("job.toml").write_text(
        f'[{table}]\ninput = "{REVIEWS}"\noutput = "out.csv"\nprefix = "a_"\nstatus = true\nforce = false\nworkers = 1'
    )
    assert command("scorer", "run", "--config", "job.toml", "--quiet").code == 0
    assert Path("out.csv").read_text().splitlines()[0].endswith(",a_sentiment,a_sentiment_status")
    again = command("scorer", "run", "--config=job.toml", "-o", "other.csv", "--prefix", "b_", "--json")
    assert json.loads(again.out)["output"] == "other.csv"
    assert "b_sentiment_status" in Path("other.csv").read_text()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("output = 3", "has no table [run]"),
        ("[run]\nworkers = 0", "workers: '0' is not a whole number of at least 1"),
        ("[run]\nwerkers = 1", "'werkers' is no argument of scorer run; did you mean 'workers'?"),
        ("[run]\nstatus = 1", "status: is a switch: true or false"),
        ('[run]\nformat = "xlsx"', "invalid choice: 'xlsx'"),
        ('[run]\nprefix = ["a", "b"]', "prefix: takes one value, not a list"),
        ("[run]\nprefix = true", "prefix: True is neither text nor a number"),
        ("[run", "is not TOML"),
    ],
)
def test_what_a_file_cannot_say(command: Command, model: Path, content: str, words: str) -> None:
    Path("job.toml").write_text(content)
    result = command("scorer", "run", REVIEWS, "-o", "out.csv", "--config", "job.toml")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert "job.toml: " in result.err
    assert words in result.err
    assert not Path("out.csv").exists()


def test_a_file_for_the_trainer(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("fit.toml").write_text('[fit]\ndata = ["none-a", "none-b"]\nepochs = 1\ncalibrate = false\n')
    result = command("trainer", "fit", "--config", "fit.toml", "--json")
    assert result.code == 1
    assert "none-a" in last_json(result.err)["error"]
    result = command("trainer", "fit", "--config", "fit.toml", "--data", "none-c")
    assert "none-c" in result.err
    assert command("trainer", "fit", "--config", "no.toml").err == "trainer: no.toml: No such file or directory\n"
    assert command("trainer", "fit", "--config").code == 2


def test_a_log_in_text(command: Command, model: Path) -> None:
    result = command("scorer", "run", REVIEWS, "-o", "out.csv", "--log-format", "text")
    assert (result.code, result.out) == (0, "")
    lines = result.err.splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 INFO scorer: ", line) for line in lines)
    assert "model: " in lines[0]
    assert "60 rows" in lines[-1]
    refused = command("scorer", "run", REVIEWS, "-o", "out.csv", "--log-format", "text")
    assert refused.code == 1
    assert " ERROR scorer: out.csv" in refused.err.splitlines()[-1]


def test_a_log_in_json(command: Command, model: Path) -> None:
    result = command("scorer", "run", REVIEWS, "-o", "out.csv", "--log-format", "json", "--json")
    told = [json.loads(line) for line in result.err.splitlines()]
    assert [line["level"] for line in told] == ["info", "info"]
    assert told[-1]["rows"] == json.loads(result.out)["rows"] == 60
    assert last_json(command("scorer", "run", "no.csv", "-o", "x.csv", "--log-format=json").err)["exit_code"] == 1
    assert last_json(command("scorer", "run", "--log-format", "json").err)["exit_code"] == 2
    assert command("scorer", "run", REVIEWS, "-o", "y.csv", "--log-format", "json", "--quiet").err == ""


def test_errors_are_json_where_results_are(command: Command, model: Path) -> None:
    result = command("scorer", "run", "no.csv", "-o", "x.csv", "--json")
    assert (result.code, result.out) == (1, "")
    error = json.loads(result.err)
    assert error["exit_code"] == 1
    assert "no.csv" in error["error"]
    assert json.loads(command("exporter", "check", "no.onnx", "no.pth", "--json").err)["exit_code"] == 1
    assert json.loads(command("scorer", "evaluate", "--json").err)["exit_code"] == 2


def test_an_output_that_is_there_stays(command: Command, model: Path) -> None:
    line = ("scorer", "run", REVIEWS, "-o", "out.csv", "--skip-existing")
    assert command(*line, "--quiet").code == 0
    before = Path("out.csv").stat()
    again = command(*line)
    assert (again.code, again.out) == (0, "out.csv: is there already, and stays as it is\n")
    assert json.loads(command(*line, "--json").out)["existing"] is True
    assert Path("out.csv").stat() == before
    assert command(*line, "--force").code == 2


def test_the_trainer_prints_json(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    monkeypatch.chdir(tmp_path)
    fit = command("trainer", "fit", "--data", DATA, *TINY, "--epochs", 1, "--json", "--log-format", "json")
    told = json.loads(fit.out)
    assert (told["checkpoint"], told["best_epoch"], len(told["history"])) == ("best.pth", 1, 1)
    epochs = [line for line in map(json.loads, fit.err.splitlines()) if "validation_loss" in line]
    assert epochs[0]["validation_loss"] == told["history"][0]["validation_loss"]
    figures = json.loads(command("trainer", "evaluate", "best.pth", "--data", DATA, "--json").out)
    assert 0 <= figures["accuracy"]["value"] <= 1


@pytest.mark.parametrize("arguments", [("scorer",), ("scorer", "run"), ("trainer", "fit"), ("exporter", "to-onnx")])
def test_help_tells_exit_codes(command: Command, arguments: tuple[str, ...]) -> None:
    page = command(*arguments, "--help").out
    assert page.endswith("Exit codes: 0 done, 1 refused in one line, 2 usage, 130 Ctrl-C, 143 SIGTERM.\n")
    assert "\x1b" not in page  # as a pager wants it
