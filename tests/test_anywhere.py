"""docs/ANYWHERE.md: the sealed file without sentiment-scorer; what stands there runs, and says what `scorer` says."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scorer.model.network import Network
from scorer.model.sealed import EMBEDDED_MODEL, read_sealed
from scorer.scoring import Scorer
from tests.browser import Chromium
from tests.exporter.models import sealed_model
from tests.exporter.test_node import TEXTS, node
from tests.test_docs import ROOT

PAGE = (ROOT / "docs" / "ANYWHERE.md").read_text(encoding="utf-8")
PACKAGES = ROOT / ".node" / "node_modules"  # where .ci/run installs them
OLDEST = ROOT / ".oldest"  # likewise
READ = [text for text in TEXTS if text.strip()]
"""Rows without a word are left out elsewhere."""
ICON = '<!doctype html><link rel="icon" href="data:,">\n'  # or the browser asks for one, which is not there


def blocks(language: str) -> list[str]:
    """What stands on the page in a language."""
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found, language
    return found


def same(said: list[float], model: Path, texts: list[str] = READ) -> None:
    """What is said of `texts` is what `scorer` says."""
    assert said == pytest.approx(Scorer.open(model).score(texts), abs=1e-5)


@pytest.mark.parametrize("shape", [{}, {"words_per_step": 2, "bits": 8, "keep": "head"}], ids=str)
def test_ten_lines_of_python(shape: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    sealed_model(Path("best.onnx"), **shape)
    exec(blocks("python")[0], names)
    same(names["positive"](READ).tolist(), Path("best.onnx"))


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """The folder of a program in JavaScript, with its packages and the embedded model."""
    if not PACKAGES.exists():
        pytest.skip("needs its packages: see .ci/run")
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    (tmp_path / "best.onnx").symlink_to(EMBEDDED_MODEL)
    (tmp_path / "positive.mjs").write_text(blocks("js")[0], encoding="utf-8")
    return tmp_path


@pytest.mark.node
def test_node_by_onnxruntime(packages: Path) -> None:
    script = blocks("js")[1] + "console.log(JSON.stringify(await positive(JSON.parse(readFileSync(0, 'utf8')))));"
    first, all_texts = node(packages, script, given=READ).splitlines()[-2:]
    same(json.loads(first), EMBEDDED_MODEL, ["An unexpected delight.", "Broke after a week."])
    same(json.loads(all_texts), EMBEDDED_MODEL)


@pytest.mark.node
def test_node_without_anything(tmp_path: Path) -> None:
    (tmp_path / "best.onnx").symlink_to(EMBEDDED_MODEL)
    said = node(tmp_path, blocks("js")[2])
    same(list(map(float, said.split())), EMBEDDED_MODEL, ["An unexpected delight.", "Broke after a week."])


@pytest.fixture
def served(packages: Path) -> Iterator[str]:
    """The address of a web server of the folder."""
    handler = partial(SimpleHTTPRequestHandler, directory=packages)
    handler.func.log_message = lambda *_: None  # type: ignore[attr-defined]
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.browser
def test_browser_by_onnxruntime(packages: Path, served: str, browser: Chromium) -> None:
    web, tokenizers = PACKAGES / "onnxruntime-web" / "dist", PACKAGES / "@huggingface" / "tokenizers" / "dist"
    for part in (
        web / "ort.wasm.min.mjs",
        *web.glob("ort-wasm-simd-threaded.[mw]*"),
        tokenizers / "tokenizers.min.mjs",
    ):
        shutil.copy(part, packages)
    shutil.copy(ROOT / "exporter" / "web" / "sealed.mjs", packages)
    (packages / "index.html").write_text(f"{ICON}{blocks('html')[0]}", encoding="utf-8")
    with browser.open(f"{served}index.html") as page:
        page.wait_for_selector("#answer:text-matches('[0-9]')")
        said = page.locator("#answer").inner_text()
    same(list(map(float, said.split(","))), EMBEDDED_MODEL, ["An unexpected delight.", "Broke after a week."])


@pytest.mark.peers
@pytest.mark.parametrize("model", ["embedded", "exported"])
def test_the_oldest_onnxruntime(model: str, fitted: Path, tmp_path: Path) -> None:
    """1.17: the same probabilities by the page's own lines, the same logits of no rows and of rows without a word."""
    if not OLDEST.exists():
        pytest.skip("needs onnxruntime 1.17, which is for Python 3.12 at most: see .ci/run")
    path = EMBEDDED_MODEL if model == "embedded" else fitted / "best.onnx"
    (tmp_path / "best.onnx").symlink_to(path)
    script = (
        blocks("python")[0]
        + """
import sys
assert onnxruntime.__version__.startswith("1.17."), onnxruntime.__version__
rows = [np.zeros(shape, np.int64) for shape in ((0, 5), (0, 0), (1, 0), (2, 3))]
logits = [session.run(["logits"], {"input_ids": one, "attention_mask": one})[0].tolist() for one in rows]
print(json.dumps([positive(json.load(sys.stdin)).tolist(), logits]))
"""
    )
    environment = os.environ | {"PYTHONPATH": str(OLDEST), "ORT_DISABLE_TELEMETRY": "1"}
    run = [sys.executable, "-c", script]
    result = subprocess.run(
        run, input=json.dumps(READ), env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    said, logits = json.loads(result.stdout.splitlines()[-1])
    same(said, path)
    bias = Network(read_sealed(path).content, path).logits(*np.zeros((2, 1, 0), np.int64))[0].tolist()
    assert logits == [[], [], [pytest.approx(bias)], [pytest.approx(bias)] * 2]
