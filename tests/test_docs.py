"""The code in the documentation does what it says."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from scorer.model.sealed import EMBEDDED_MODEL

ROOT = Path(__file__).parents[1]
PAGES = [page for page in (ROOT / "docs").rglob("*.md") if "```python" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run_in_one_go(page: Path, tmp_path: Path) -> None:
    (tmp_path / "best.onnx").symlink_to(EMBEDDED_MODEL)
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    result = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:scorer", "-c", "".join(blocks)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def run_page(page: str, folder: Path, instead: Mapping[str, str] | None = None) -> str:
    """Run the commands of a page in `folder`, some words of them replaced; what they print."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    script = "".join(re.findall(r"<!-- tested -->\n```console\n(.*?)```", text, re.DOTALL))
    assert script
    for word, other in (instead or {}).items():
        assert word in script
        script = script.replace(word, other)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "HOME": str(folder)}
    run = ["bash", "-euo", "pipefail", "-c", script]
    result = subprocess.run(run, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr
