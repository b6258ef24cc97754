"""The documentation as a site: it is built without network, whole, and what its pages say runs."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scorer.cli.app import main as scorer
from tests.test_docs import ROOT, run_page

pytestmark = pytest.mark.docs


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a link or an anchor that leads nowhere fails it."""
    folder = tmp_path_factory.mktemp("site")
    no_network = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    result = subprocess.run(build, cwd=ROOT, env=os.environ | no_network, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder


def test_the_reference_has_every_command_and_the_api(site: Path) -> None:
    page = (site / "COMMANDS" / "index.html").read_text()
    names = [*(f"scorer {name}" for name in scorer._commands), "trainer fit", "trainer compare", "exporter to-onnx"]
    for name in names:
        assert f'id="{name.replace(" ", "-")}"' in page, name
    assert "--dry-run" in page
    api = (site / "API" / "index.html").read_text()
    for name in ("score_batches", "score_frame", "InputError"):
        assert name in api


def test_no_page_asks_for_anything_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"(https?:[^\"]+)", page.read_text())
        assert not loaded, f"{page}: {loaded}"


SAID = {
    "NOTEBOOK.md": ("nothing was written", "10 rows scored again", "hidden_dim", "sealed and unaltered"),
    "DEPLOYMENT.md": ("60 rows", '"rows": 60', "is there already", "420 rows"),
    "EVALUATE.md": ("calibration error  11.8% (5.5–18.1)", "wrong: 2 called positive"),
    "REPORT.md": ("report.html: 54 reviews", "corrected for the model's errors"),
    "EXPLAIN.md": ("- negative  dull 3.72  is 1.37", "explained.parquet: 60 rows"),
}
"""What the commands of a page print, among other things."""


@pytest.mark.parametrize("page", SAID)
def test_the_commands_of_a_page_run_as_they_stand(page: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "data", tmp_path / "data")
    said = run_page(page, tmp_path)
    for part in SAID[page]:
        assert part in said


def test_from_install_to_a_report_in_five_minutes(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(ROOT, project, ignore=shutil.ignore_patterns(".*", "__pycache__", "dist", "best.*", "scored.*"))
    start = time.monotonic()
    said = run_page("FIVE_MINUTES.md", project)
    assert time.monotonic() - start < 300
    for part in ("nothing was written", "60 rows", "60 labelled reviews", "report.html: 54 reviews"):
        assert part in said
    assert (project / "quality.html").exists()
    assert (project / "report.html").exists()
