"""The README's commands do what they say."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]


def blocks(kind: str) -> list[str]:
    """The console blocks below a `<!-- kind -->` mark."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"<!-- {kind} -->\n```console\n(.*?)```", text, re.DOTALL)


def test_every_block_runs_as_it_stands(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "data", tmp_path / "data")
    environment = {name: value for name, value in os.environ.items() if name != "SCORER_MODEL"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    tested = blocks("tested")
    assert len(tested) == 3
    script = "".join(tested)
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    first_scores = result.stdout.split("saved best.pth")[0]
    assert "positive  This movie was absolutely fantastic" in first_scores
    assert "negative  Dull, slow and badly acted." in first_scores
    assert pq.read_table(tmp_path / "scored.parquet").num_rows == 60


def test_the_two_commands_are_what_ci_runs() -> None:
    assert len(blocks("main job")) == len(blocks("tests")) == 1
    for command in (*blocks("main job"), *blocks("tests")):
        assert len(command.splitlines()) == 1
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "readme_block 'main job'" in script
    assert "readme_block tests" in script
