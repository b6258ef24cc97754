import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scorer import __version__
from tests.conftest import Command, one_line


def test_text_from_arguments_and_standard_input(command: Command, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = command("scorer", "text", "a good film", "").out.splitlines()
    assert lines[0].endswith("a good film")
    assert 0 < float(lines[0].split()[0]) < 1
    assert "no text" in lines[1]
    monkeypatch.setattr(sys, "stdin", io.StringIO("a good film\n"))
    assert command("scorer", "text").out.splitlines() == lines[:1]
    row = json.loads(command("scorer", "text", "--json", "a good film").out)
    assert row["sentiment"] in ("positive", "negative")
    assert f"{row['sentiment_probability']:.4f}" == lines[0].split()[0]


def test_inspect_prints_the_card(command: Command, model: Path) -> None:
    result = command("scorer", "inspect", model, "--json")
    card = json.loads(result.out)
    assert card["parity"]["largest_difference"] <= 1e-5
    assert card["training"]["data"]["train_reviews"] == 144
    assert set(card["parts"]) == {"graph", "tokenizer"}
    assert "sealed and unaltered" in command("scorer", "inspect", model).out
    one_line(command("scorer", "inspect", "none.onnx"), "none.onnx")


def test_the_embedded_default_knows_good_from_bad(command: Command, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("SCORER_MODEL", raising=False)
    monkeypatch.chdir(tmp_path)
    result = command(
        "scorer", "text", "This movie was absolutely fantastic! I loved it.", "Dull, slow and badly acted."
    )
    assert [line.split()[1] for line in result.out.splitlines()] == ["positive", "negative"]


HEAVY = ("torch", "transformers", "datasets", "onnx", "matplotlib", "trainer", "exporter")
SLOW = (*HEAVY, "pyarrow", "onnxruntime", "numpy", "tokenizers")


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], (*SLOW, "rich", "dataclasses", "typing")),
        (["run", "--help"], (*SLOW, "rich")),
        (["text", "fine"], (*HEAVY, "pandas", "rich")),
    ],
)
def test_only_what_is_needed_is_imported(model: Path, arguments: list[str], absent: tuple[str, ...]) -> None:
    program = (
        f"import sys; sys.argv[1:] = {arguments!r}\n"
        "from scorer.cli.app import main\n"
        "try: main()\n"
        f"finally: print(sorted(set({absent!r}) & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr.strip()) == (0, "[]")


def test_trainer_and_exporter_say_what_to_install(tmp_path: Path) -> None:
    for name, arguments in {"trainer": ["fit"], "exporter": ["to-onnx", "x.pth"]}.items():
        program = (
            f"import sys; sys.argv = {[name, *arguments]!r}; sys.modules['torch'] = None\n"
            f"from {name}.__main__ import main; main()"
        )
        result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert result.returncode == 1
        assert len(result.stderr.splitlines()) == 1
        assert "pip install 'sentiment-scorer[train]'" in result.stderr


@pytest.mark.parametrize("name", ["scorer", "trainer", "exporter"])
def test_help_names_every_command_with_an_example(command: Command, name: str) -> None:
    page = command(name, "--help")
    assert page.code == 0
    assert command(name).out == page.out
    commands = dict(re.findall(r"^    (\S+) +(.*)$", page.out, re.MULTILINE))
    assert len(commands) >= 2
    for one, summary in commands.items():
        described = command(name, one, "--help")
        assert (described.code, described.err) == (0, "")
        assert described.out.startswith(f"Usage: {name} {one}")
        assert summary in " ".join(described.out.split())
        assert f"Example: {name} {one} " in described.out
    assert command(name, "--version").out == f"{name} {__version__}\n"


def test_usage_errors_are_one_line_that_leads_to_the_help(command: Command) -> None:
    wrong = {
        "see scorer --help": ["nonsense"],
        "--output/-o; see scorer run --help": ["run", "a.csv"],
        "'0' is not a whole number of at least 1": ["run", "a.csv", "-o", "b.csv", "--workers", 0],
        "invalid choice: 'xlsx' (choose from": ["run", "a.csv", "-o", "b.csv", "--format", "xlsx"],
    }
    for words, arguments in wrong.items():
        result = command("scorer", *arguments)
        assert (result.code, len(result.err.splitlines())) == (2, 1)
        assert words in result.err


def test_options_may_stand_between_texts(command: Command, model: Path) -> None:
    assert len(command("scorer", "text", "one", "--json", "two").out.splitlines()) == 2
