"""The page's modules in Node, and the sealed file in onnxruntime-node: the same ids, scores and effects as here."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pytest

import exporter
from scorer.model.network import Network
from scorer.model.sealed import EMBEDDED_MODEL, read_sealed
from scorer.scoring import Scorer
from scorer.tokens.encoder import TextEncoder
from scorer.tokens.shapes import SHAPES, Shape
from tests.conftest import DATA, EVERY_CHARACTER
from tests.exporter.models import sealed_model

pytestmark = pytest.mark.node

WEB = Path(exporter.__file__).with_name("web")
SCRIPTS = [
    "यह फ़िल्म बहुत अच्छी है, क़ीमत भी ठीक।",
    "หนังเรื่องนี้ดีมาก แต่ช้า",
    "Отличный телефон, всё супер! Дёшево… сім'я й ї",
    "Πολύ καλό ξενοδοχείο, ΌΛΟΣ ο κόσμος φίλος ΐ",
    "فِيلْمٌ رَائِع، أنصح به. آلة ـــ مؤثر",
    "סֵרֶט מְצֻיָּן, שׁ וגם ''טוב''",
    "영화가 정말 좋았어요 각 \u1112\u1161\u11ab\u1100\u1161",
    "この映画はとてもガッカリ。ｶﾞﾊﾟ 電影很好看，但是太長",
    "L'hôtel n'était pas sûr d’être ouvert, größer als groß STRASSE İstanbul ǰ\u0323",
    "Tiếng Việt rất hay\u0085một\u200bhai so\u00adft 👩\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3 \ufeffend",
]
"""What is written in other letters, with marks, joiners and forms of compatibility."""
TEXTS = [
    *(text for path in sorted(DATA.glob("*.csv")) for text in pc.read_csv(
        path, parse_options=pc.ParseOptions(newlines_in_values=True))["text"].to_pylist()),
    *SCRIPTS,
    "",
    " \t",
    "Good<br />film… ½ as ﬁne, don't! 'n' 3'a a'3 ΣΑΣ İ é e\u0301\u0323 x\uff9e\u0323 🙂👍🏽 __proto__ constructor",
    "not a good film, not at all! " * 90,
]  # fmt: skip
SAID = """
import { readFileSync } from "node:fs";
import { Reader } from "./reader.mjs";
const [path, ...most] = process.argv.slice(2);
const reader = new Reader(readFileSync(path));
const said = JSON.parse(readFileSync(0, "utf8")).map((text) => {
  const encoded = reader.encode(text), work = reader.effects(encoded), score = reader.score(encoded);
  if (encoded.words.length > Number(most)) return { ...encoded, score };
  for (;;) {
    const { done, value: effects } = work.next();
    if (done) return { ...encoded, score, effects };
  }
});
console.log(JSON.stringify(said));
"""


def node(folder: Path, script: str, *arguments: object, given: Any = None) -> str:
    """What a module prints that lies beside those of the page; skips the test where Node is not installed."""
    found = shutil.which("node") or shutil.which("nodejs")
    if not found:
        pytest.skip("needs Node: apt-get install nodejs")
    for module in WEB.glob("*.mjs"):
        shutil.copy(module, folder)
    (folder / "script.mjs").write_text(script, encoding="utf-8")
    run = [found, "script.mjs", *map(str, arguments)]
    result = subprocess.run(
        run, cwd=folder, input=json.dumps(given), capture_output=True, encoding="utf-8", check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def differing(model: Path, texts: list[str], folder: Path) -> list[str]:
    """The texts that have other ids in the page than here."""
    said = json.loads(node(folder, SAID, model, 0, given=texts))
    sealed = read_sealed(model)
    ids = TextEncoder(sealed.tokenizer_json, sealed.card.text).encode(pa.array(texts))
    ours = [part.tolist() for part in np.split(ids.values, ids.offsets[1:-1])]
    return [text for text, one, row in zip(texts, said, ours, strict=True) if one["ids"] != row]


def expected_effects(model: Path, said: dict[str, Any]) -> list[float]:
    """The rule, said again: an unknown word instead of each word, the mean over all partings into steps."""
    sealed = read_sealed(model)
    network = Network(sealed.content, model)
    a_step, unknown = len(network._tables.inputs) if network._tables else 0, 1
    falls = np.zeros(len(said["words"]))
    for shift in range(a_step):
        rows = np.array([said["ids"]] * (len(falls) + 1), np.int64)
        for row, word in zip(rows[1:], said["words"], strict=True):
            row[word["first"] : word["last"]] = unknown
        rows = np.hstack([np.full((len(rows), shift), unknown), rows])
        logits = network.logits(rows, np.ones_like(rows))[:, 1].astype(np.float64)
        falls += (logits[0] - logits[1:]) / a_step
    return falls.tolist()


NETWORKS: dict[str, dict[str, Any]] = {
    "as a small fit": {},
    "two words a step, 8 bits": {"words_per_step": 2, "bits": 8},
    "three words, two layers, 16 bits, head": {"words_per_step": 3, "layers": 2, "bits": 16, "keep": "head"},
    "max and mean": {"pooling": "max_mean", "layers": 3},
    "phrases, a layer before the head": {"words_per_step": 2, "phrases": 97, "head_dim": 4},
    "embedded": {},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_ids_scores_and_effects_are_those_of_scorer(name: str, tmp_path: Path) -> None:
    model = EMBEDDED_MODEL if name == "embedded" else sealed_model(tmp_path / "x.onnx", **NETWORKS[name])
    said = json.loads(node(tmp_path, SAID, model, 60, given=TEXTS))
    scorer = Scorer.open(model)
    ids = TextEncoder(scorer.sealed.tokenizer_json, scorer.sealed.card.text).encode(pa.array(TEXTS))
    assert [one["ids"] for one in said] == [part.tolist() for part in np.split(ids.values, ids.offsets[1:-1])]
    assert [one["truncated"] for one in said] == ids.truncated.tolist()
    scores = scorer.score(TEXTS)
    assert [one["score"] is None for one in said] == [score is None for score in scores]
    assert [one["score"] or 0 for one in said] == pytest.approx([score or 0 for score in scores], abs=1e-6)
    explained = [one for one in said if one.get("effects") and len(one["words"]) > 3]
    assert len(explained) > 100
    for one in explained[:20] + explained[-2:]:
        assert one["effects"] == pytest.approx(expected_effects(model, one), abs=1e-5)


@pytest.mark.parametrize("script", SHAPES, ids=["every script", "a to z"])
def test_ids_of_every_script_are_those_of_scorer(script: Shape, tmp_path: Path) -> None:
    split = script.pre_tokenizer.pre_tokenize_str(script.normalizer.normalize_str("\n".join(TEXTS)))
    words = sorted({word for word, _ in split})
    assert differing(sealed_model(tmp_path / "x.onnx", words=words, script=script, longest=999), TEXTS, tmp_path) == []


def test_words_stand_where_their_author_wrote_them(tmp_path: Path) -> None:
    text = "Cafe\u0301 très 3½ don't… 🙂! ﬁlm<br/>x"
    (said,) = json.loads(node(tmp_path, SAID, sealed_model(tmp_path / "x.onnx"), 0, given=[text]))
    units = text.encode("utf-16-le")
    words = [units[2 * word["start"] : 2 * word["end"]].decode("utf-16-le") for word in said["words"]]
    assert words == ["Cafe\u0301", "très", "3½", "don't", "…", "🙂", "!", "ﬁlm", "x"]
    assert [one["last"] for one in said["words"]][-1] == len(said["ids"])


@pytest.mark.parametrize("script", SHAPES, ids=["every script", "a to z"])
def test_characters_that_differ_are_few_and_new(script: Shape, tmp_path: Path) -> None:
    """The library's tables of characters are older than those of Node: what became a mark since is one there only."""
    texts = [f"a{character}a" for character in EVERY_CHARACTER]
    differ = [ord(text[1]) for text in differing(sealed_model(tmp_path / "x.onnx", script=script), texts, tmp_path)]
    assert len(differ) < 150
    assert not [code for code in differ if code < 0x7C0 or 0x2000 <= code < 0x2C00], "of the scripts of most reviews"
