"""`scorer completion`, asked as shells ask."""

import os
import pty
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Command

ASK = """
source {script}
ask() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _{tool}; echo "${{COMPREPLY[@]}}"; }}
"""


def answers(shell: str, program: str) -> list[str]:
    result = subprocess.run([shell, "-c", program], capture_output=True, text=True, check=True)
    assert result.stderr == ""
    return result.stdout.splitlines()


def script(command: Command, tool: str, shell: str) -> Path:
    result = command(tool, "completion", shell)
    assert (result.code, result.err) == (0, "")
    Path(f"{tool}.{shell}").write_text(result.out)
    return Path(f"{tool}.{shell}").absolute()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("tool", "line", "some"),
    [
        ("scorer", ["eval"], ["evaluate"]),
        ("scorer", ["run", "--form"], ["--format"]),
        ("scorer", ["run", "in.csv", "--on-error", "n"], ["null"]),
        ("scorer", ["run", "in.csv", "-o", ""], []),  # a file: bash's own way
        ("trainer", ["fit", "--recip"], ["--recipe"]),
        ("exporter", ["to"], ["to-onnx"]),
    ],
)
def test_bash(command: Command, tool: str, line: list[str], some: list[str]) -> None:
    file = script(command, tool, "bash")
    words = " ".join(f"'{one}'" for one in [tool, *line])
    assert answers("bash", ASK.format(script=file, tool=tool) + f"ask {words}")[0].split() == some


def test_bash_knows_every_option(command: Command) -> None:
    file = script(command, "scorer", "bash")
    known = answers("bash", ASK.format(script=file, tool="scorer") + "ask scorer run --")[0].split()
    assert {"--text-column", "--output", "--config", "--help"} <= set(known)
    assert all(one in command("scorer", "run", "--help").out for one in known)


@pytest.mark.peers
def test_fish(command: Command) -> None:
    file = script(command, "scorer", "fish")
    assert answers("fish", f"source {file}; complete -C 'scorer run --on-error n'") == [
        "null\tA row that is not text: stop and name it, or go on without its score."
    ]
    assert answers("fish", f"source {file}; complete -C 'scorer insp'")[0].split("\t")[0] == "inspect"


@pytest.mark.peers
def test_zsh(command: Command) -> None:
    file = script(command, "scorer", "zsh")
    assert "parquet" in typed_in_zsh(file, "scorer run in.csv --format par\t")
    assert "--text-column" in typed_in_zsh(file, "scorer run --text-c\t")
    assert "evaluate" in typed_in_zsh(file, "scorer eval\t")


def typed_in_zsh(file: Path, keys: str) -> str:
    """What a terminal shows of an interactive zsh into which `keys` are typed."""
    zsh = shutil.which("zsh")
    assert zsh
    ours, theirs = pty.openpty()
    process = subprocess.Popen([zsh, "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    os.write(ours, f"autoload -U compinit; compinit -u -D; source {file}; unsetopt beep; echo read''y\n".encode())
    shown = ""
    deadline = time.monotonic() + 20
    while "ready" not in shown and time.monotonic() < deadline:
        shown += os.read(ours, 65_536).decode(errors="replace")
    os.write(ours, f"echo '{keys.partition(chr(9))[0]}' > /dev/null; {keys}".encode())
    after, wanted = "", 1.5
    os.set_blocking(ours, False)
    while wanted > 0:
        time.sleep(0.1)
        wanted -= 0.1
        with suppress(BlockingIOError):
            after += os.read(ours, 65_536).decode(errors="replace")
    process.kill()
    process.wait()
    os.close(ours)
    return after.replace(keys.partition("\t")[0].split()[-1] + "'", "")
