"""`exporter demo`: what the page is made of. What it does is tried in a browser (tests/test_pages.py) and in Node."""

import gzip
import json
import re
from base64 import b64decode
from pathlib import Path

import pytest
from onnx import parser
from tokenizers import Tokenizer, models

from exporter.demo import DemoOptions, write_demo
from scorer.model.sealed import Card, read_sealed, seal
from scorer.scoring import Scorer
from tests.conftest import Command, one_line
from tests.exporter.models import sealed_model
from tests.scorer.report.test_page import HOSTILE, parsed

ANOTHER_GRAPH = """
<ir_version: 8, opset_import: ["" : 18]>
g (int64[n, t] input_ids, int64[n, t] attention_mask) => (float[n, 2] logits)
{
    axes = Constant <value_ints = [1]> ()
    sums = ReduceSum <keepdims = 1> (input_ids, axes)
    both = Concat <axis = 1> (sums, sums)
    logits = Cast <to = 1> (both)
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def part(page: str, name: str) -> str:
    (found,) = re.findall(rf'<script type="[a-z/-]+" id="{name}">(.*?)</script>', page)
    return found


def test_the_page_holds_the_sealed_file_and_what_onnxruntime_says(command: Command, fitted: Path) -> None:
    result = command("exporter", "demo", fitted / "best.onnx", "--json")
    assert result.code == 0, result.err
    page = Path("demo.html").read_text(encoding="utf-8")
    assert json.loads(result.out) == {
        "output": "demo.html",
        "model": str(fitted / "best.onnx"),
        "size": len(page.encode()),
        "model_size": (fitted / "best.onnx").stat().st_size,
    }
    assert gzip.decompress(b64decode(part(page, "model"))) == (fitted / "best.onnx").read_bytes()
    texts, probabilities = zip(*json.loads(part(page, "probes")), strict=True)
    assert list(probabilities) == Scorer.open(fitted / "best.onnx").score(list(texts))
    assert not re.search(r"^(import|export) ", page, re.MULTILINE), "modules are parts of one script"


def test_labels_of_a_stranger_s_model_stay_text() -> None:
    plain = sealed_model(Path("plain.onnx"))
    graph = read_sealed(plain)
    card = Card(graph.card.text, labels=("bad", HOSTILE))
    Path("x.onnx").write_bytes(seal(graph.content, graph.tokenizer_json, card))
    pages = [write_demo(DemoOptions(Path(name), Path(f"{name}.html"))).output for name in ("plain.onnx", "x.onnx")]
    tags = [parsed(page.read_text(encoding="utf-8")).found for page in pages]
    assert [(tag, set(names)) for tag, names in tags[0]] == [(tag, set(names)) for tag, names in tags[1]]


def test_what_cannot_be_shown_is_one_line_and_nothing_is_written(command: Command) -> None:
    one_line(command("exporter", "demo", "gone.onnx"), "gone.onnx", "no such model")
    sealed = read_sealed(sealed_model(Path("x.onnx")))
    other = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).to_str()
    Path("other.onnx").write_bytes(seal(sealed.content, other, sealed.card))
    one_line(command("exporter", "demo", "other.onnx"), "other.onnx", "--tokenizer corpus")
    graph = parser.parse_model(ANOTHER_GRAPH).SerializeToString()
    Path("slow.onnx").write_bytes(seal(graph, sealed.tokenizer_json, sealed.card))
    one_line(command("exporter", "demo", "slow.onnx"), "slow.onnx", "--pooling")
    assert not list(Path().glob("*.html"))


def test_an_earlier_page_is_replaced_only_by_force(command: Command) -> None:
    sealed_model(Path("best.onnx"))
    Path("demo.html").write_text("mine")
    one_line(command("exporter", "demo"), "demo.html", "--force")
    assert Path("demo.html").read_text() == "mine"
    assert command("exporter", "demo", "--force").code == 0
    assert "<title>" in Path("demo.html").read_text(encoding="utf-8")
