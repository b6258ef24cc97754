import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scorer import __version__
from scorer.model.sealed import EMBEDDED_MODEL
from scorer.system.installation import command_to_add
from tests.conftest import DATA, Command, one_line
from tests.kernel import without_root


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
        assert result.stderr.endswith(f"; install it with: {command_to_add('train')}\n")


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
        assert "\x1b" not in described.out  # as a pager wants it
        assert described.out.endswith("143 SIGTERM.\n")
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


def test_two_dashes_end_the_options(command: Command, model: Path) -> None:
    result = command("scorer", "text", "-bad")
    assert (result.code, "put -- before" in result.err) == (2, True)
    lines = command("scorer", "text", "--json", "one", "--", "-bad", "--json").out.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["one", "-bad", "--json"]
    Path("-in.csv").write_text("text\ngood\n")
    assert command("scorer", "run", "-o", "out.csv", "--quiet", "--", "-in.csv").code == 0
    assert command("scorer", "text", "--", "--model").out.endswith("  --model\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "-"], "'-' is no file"),
        (["inspect", "-"], "'-' is no file"),
        (["text", "good", "--model", "https://host/best.onnx"], "'https://host/best.onnx' is an address"),
        (["inspect", "s3://b/best.onnx"], "'s3://b/best.onnx' is an address"),
    ],
)
def test_what_is_no_file_of_this_machine(command: Command, model: Path, arguments: list[object], words: str) -> None:
    result = command("scorer", *arguments)
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert words in result.err
    assert list(Path().iterdir()) == []


def test_texts_come_without_marks_and_line_ends(command: Command, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = command("scorer", "text", "--json", "a good film").out
    assert command("scorer", "text", "--json", "\ufeffa good film\r\n").out == expected
    lines = b"\xef\xbb\xbfa good film\r\na good film\n\xef\xbb\xbfa good film\r\na good film\r"
    for arguments in ([], ["-"]):
        result = piped(lines, "text", "--json", *arguments)
        assert (result.returncode, result.stderr, result.stdout) == (0, "", 4 * expected)


def piped(given: bytes, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`scorer` in a process of its own, as UTF-8 terminals have it."""
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-m", "scorer", *arguments], input=given, capture_output=True, check=False
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_bad_bytes_on_standard_input_are_named_by_their_line(model: Path) -> None:
    result = piped(b"good\nbad\ncaf\xe9\nnever\n", "text")
    assert (result.returncode, len(result.stdout.splitlines())) == (1, 2)
    assert result.stderr == "scorer: standard input, line 3: is not text in this terminal's encoding\n"
    result = piped(b"", "text", "good", os.fsdecode(b"\xff"))
    assert result.stderr == "scorer: TEXT 2: is not text in this terminal's encoding\n"


def test_the_embedded_model_can_be_asked_for(command: Command, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By `default`, whatever else is there."""
    embedded = json.loads(command("scorer", "inspect", EMBEDDED_MODEL, "--json").out)
    shutil.copy(model, "best.onnx")
    assert json.loads(command("scorer", "inspect", "default", "--json").out) == embedded
    assert json.loads(command("scorer", "inspect", "--json").out) == embedded
    assert command("scorer", "inspect").out.startswith("the embedded default: sealed and unaltered, ")
    run = ("scorer", "run", DATA / "reviews.csv", "-o", "out.csv", "--force")
    assert "embedded default" in command(*run, "--model", "default").out
    assert "embedded default" not in command(*run).out
    monkeypatch.setenv("SCORER_MODEL", "default")
    assert "embedded default" in command(*run).out
    monkeypatch.delenv("SCORER_MODEL")
    assert "model: best.onnx" in command(*run).out


def test_a_working_folder_that_may_not_be_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCORER_MODEL", raising=False)
    inside, outside = tmp_path / "shut", tmp_path / "out.csv"
    inside.mkdir()

    def shut() -> None:
        without_root()
        Path().chmod(0)

    program = [sys.executable, "-P", "-m", "scorer"]
    for arguments in (["text", "good"], ["run", str(DATA / "reviews.csv"), "-o", str(outside), "--quiet"]):
        inside.chmod(0o700)
        ended = subprocess.run([*program, *arguments], cwd=inside, preexec_fn=shut, capture_output=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, b"")
    inside.chmod(0o700)
    assert outside.exists()
