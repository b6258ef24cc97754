"""The Dockerfile, read and followed as far as that goes without Docker: its steps, on this machine's Python."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import DATA
from tests.test_docs import ROOT

STEPS = [line.split(maxsplit=1) for line in (ROOT / "Dockerfile").read_text().splitlines() if line and line[0] != "#"]


def of(instruction: str) -> list[str]:
    """What stands after an instruction, each time."""
    return [rest for name, rest in STEPS if name == instruction]


COPIED = [path for rest in of("COPY") if not rest.startswith("--from") for path in rest.split()[:-1]]


def test_it_copies_what_is_there_and_runs_as_nobody_special() -> None:
    assert {"scorer", "pyproject.toml"} <= set(COPIED)
    assert all((ROOT / path).exists() for path in COPIED)
    (user,) = of("USER")
    assert int(user.split(":")[0]) > 0, "a number, which Kubernetes can hold against runAsNonRoot"
    assert all(image.split()[0].endswith("-slim") for image in of("FROM"))


@pytest.mark.peers
def test_its_steps_install_a_scorer_that_works(tmp_path: Path) -> None:
    source, installed = tmp_path / "src", tmp_path / "installed"
    source.mkdir()
    for path in COPIED:
        copy = shutil.copytree if (ROOT / path).is_dir() else shutil.copy
        copy(ROOT / path, source / path)
    (step,) = of("RUN")
    step = step.replace("/installed", str(installed))
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "fresh"], check=True)
    pip = [tmp_path / "fresh" / "bin" / "python", "-m", *shlex.split(step)]
    subprocess.run(pip, cwd=source, check=True, capture_output=True)
    (packages,) = installed.glob("lib/python*/site-packages")
    (program,) = json.loads(of("ENTRYPOINT")[0])
    run = [installed / "bin" / program, "run", DATA / "reviews.parquet", "-o", tmp_path / "scored.parquet", "--json"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(packages)}
    result = subprocess.run(run, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["rows"] == 60
