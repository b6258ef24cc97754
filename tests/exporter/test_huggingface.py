"""What `exporter to-onnx --hf-dir` writes, opened by others' libraries; those of the marker `hub` are Optimum's."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from exporter.framing import framed
from scorer import Scorer
from scorer.model.batches import pad_rows
from scorer.model.runtime import onnxruntime as ort
from scorer.tokens.encoder import TextEncoder, TextSettings
from scorer.tokens.words import word_tokenizer
from tests.conftest import DATA, SMALL, Command
from tests.hub_server import TOKEN, hub
from tests.test_docs import run_page
from trainer.learning.checkpoint import load_checkpoint

ROOT = Path(__file__).parents[2]
LIBRARIES = ROOT / ".hub"
"""Where .ci/run installs Optimum and the transformers that it needs, which is an older one than ours."""
WORDS = ("good", "bad", "film", "wasn't")

# A network that says what it is given: [batch, kept, 2], ids and mask.
ECHO = """
<ir_version: 8, opset_import: ["" : 18]>
echo (int64[batch_size, sequence_length] input_ids, int64[batch_size, sequence_length] attention_mask)
    => (int64[batch_size, sequence_length, 2] logits)
{ last = Constant <value_ints = [2]> ()
  ids = Unsqueeze (input_ids, last)  mask = Unsqueeze (attention_mask, last)  logits = Concat <axis = 2> (ids, mask) }
"""


def with_special_tokens() -> Tokenizer:
    vocabulary = {word: i for i, word in enumerate(["[CLS]", "[SEP]", "[PAD]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 0), ("[SEP]", 1)])
    return tokenizer


@pytest.mark.parametrize("pad_to_max_length", [False, True])
@pytest.mark.parametrize("keep", ["head", "tail"])
@pytest.mark.parametrize(("tokenizer", "pad_id"), [(with_special_tokens(), 2), (word_tokenizer(WORDS), 0)])
def test_rows_that_nobody_cut_or_padded_become_those_of_the_encoder(
    tokenizer: Tokenizer, pad_id: int, keep: str, pad_to_max_length: bool
) -> None:
    encoder = TextEncoder(tokenizer.to_str(), TextSettings(6, keep, pad_id, pad_to_max_length))
    session = ort.InferenceSession(framed(onnx.parser.parse_model(ECHO).SerializeToString(), encoder))

    @settings(max_examples=20)
    @given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=15).map(" ".join), min_size=1, max_size=4))
    def same(texts: list[str]) -> None:
        rows = [encoded.ids for encoded in tokenizer.encode_batch(texts)]
        width = max(map(len, rows))
        given_ids = np.array([[*row, *[pad_id] * (width - len(row))] for row in rows], np.int64)
        mask = np.array([[1] * len(row) + [0] * (width - len(row)) for row in rows], np.int64)
        (seen,) = session.run(None, {"input_ids": given_ids, "attention_mask": mask})
        own = encoder.encode(pa.array(texts))
        kept = 6 if pad_to_max_length else own.lengths.max()
        expected = pad_rows(own, np.arange(len(texts)), kept, pad_id)
        assert np.array_equal(seen, np.stack(expected, axis=2))

    same()


def test_the_layout_is_read_by_transformers(command: Command, fitted: Path, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoTokenizer

    hub = tmp_path / "hub"
    result = command("exporter", "to-onnx", fitted / "best.pth", "-o", tmp_path / "x.onnx", "--hf-dir", hub, "--json")
    assert json.loads(result.out)["output"] == str(tmp_path / "x.onnx"), result.err
    assert AutoConfig.from_pretrained(hub).id2label == {0: "negative", 1: "positive"}
    tokenizer = AutoTokenizer.from_pretrained(hub)
    texts = ["It wasn't bad at all: a good film! " * 99, "good"]
    inputs = tokenizer(texts, truncation=True, padding=True, return_tensors="np")
    own = load_checkpoint(fitted / "best.pth").build_encoder()
    assert inputs["input_ids"][0].tolist() == own.encode(pa.array(texts[:1])).values.tolist()
    session = ort.InferenceSession(hub / "model.onnx")
    for found in (inputs, tokenizer(texts, padding=True, return_tensors="np")):  # one that knows no truncation either
        named = {name: found[name].astype(np.int64) for name in ("input_ids", "attention_mask")}
        (logits,) = session.run(None, named)
        expected = Scorer.open(tmp_path / "x.onnx").score(texts)
        assert 1 / (1 + np.exp(logits[:, 0] - logits[:, 1])) == pytest.approx(expected, abs=1e-6)


Scores = list[list[dict[str, object]]]
"""Of each text: `[{"label": …, "score": …}, …]`, the likeliest label first."""


def ask_optimum(folders: list[Path], texts: list[str]) -> list[dict[str, Scores]]:
    """For each model's folder the scores of all texts by way of asking, by another environment's libraries."""
    asked = subprocess.run(
        [sys.executable, Path(__file__).with_name("pipelines.py"), *folders],
        input=json.dumps(texts),
        env={**os.environ, "PYTHONPATH": str(LIBRARIES), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    found: list[dict[str, Scores]] = json.loads(asked.stdout)
    return found


@pytest.mark.hub
def test_optimum_and_pipelines_give_the_same_labels_and_scores(
    command: Command, tmp_path: Path, fitted: Path, tokenizer_folder: Path
) -> None:
    fit = ["--recipe", "tutorial", "--data", DATA, "--tokenizer", tokenizer_folder, *SMALL]
    assert command("trainer", "fit", *fit, "-o", tmp_path / "tutorial.pth").code == 0
    checkpoints = [fitted / "best.pth", tmp_path / "tutorial.pth"]
    models = [tmp_path / f"{checkpoint.stem}.onnx" for checkpoint in checkpoints]
    folders = [tmp_path / f"{checkpoint.stem}.hub" for checkpoint in checkpoints]
    for checkpoint, model, folder in zip(checkpoints, models, folders, strict=True):
        assert command("exporter", "to-onnx", checkpoint, "-o", model, "--hf-dir", folder).code == 0
    texts = ["", "good", "A good film, it wasn't bad at all! " * 200, "Crème brûlée 😴<br /><br />don't", "  "]
    texts += pyarrow.csv.read_csv(DATA / "test.csv")["text"].to_pylist()[:20]
    for model, ways in zip(models, ask_optimum(folders, texts), strict=True):
        assert len(ways) == 4
        for way, found in ways.items():
            compare(Scorer.open(model), texts, found, f"{model.name}, {way}")


@pytest.mark.hub
def test_the_code_of_the_page_on_hubs_runs(tmp_path: Path, fitted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, source in {"best.onnx": fitted / "best.onnx", "best.pth": fitted / "best.pth"}.items():
        shutil.copy(source, tmp_path / name)
    shutil.copy(DATA / "reviews.parquet", tmp_path)
    shutil.copy(DATA / "test.csv", tmp_path / "mine.csv")
    with hub() as there:
        model = {"best.onnx": (fitted / "best.onnx").read_bytes()}
        commits = [there.commit("acme/reviews", {**model, "turn": turn}) for turn in (b"1", b"2")]
        there.tags = {"v2": commits[1]}
        for name, value in {"HF_ENDPOINT": there.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}.items():
            monkeypatch.setenv(name, value)
        said = run_page("HUB.md", tmp_path, {"1f0c9d3": commits[1][:7], "5b2e07a": commits[0][:7]})
    for part in ("60 rows", "60 labelled reviews", "saved mine.onnx"):
        assert part in said
    (code,) = re.findall(r"```py\n(.*?)```", (ROOT / "docs" / "HUB.md").read_text(encoding="utf-8"), re.DOTALL)
    environment = {**os.environ, "PYTHONPATH": str(LIBRARIES), "HF_HUB_OFFLINE": "1"}
    run = [sys.executable, "-c", code]
    shown = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert "'positive'" in shown.stdout


def compare(scorer: Scorer, texts: list[str], found: Scores, name: str) -> None:
    expected = scorer.score(texts)
    for text, probability, label, scores in zip(texts, expected, scorer.labels(expected), found, strict=True):
        by_label = {one["label"]: one["score"] for one in scores}
        assert sum(by_label.values()) == pytest.approx(1, abs=1e-6)
        if probability is not None:  # of an empty text we say that there is no score, a pipeline must say something
            assert by_label["positive"] == pytest.approx(probability, abs=1e-5), (name, text)
            assert scores[0]["label"] == label, (name, text)


@pytest.fixture
def tokenizer_folder(tmp_path: Path) -> Path:
    """A folder with a tokenizer of BERT's kind, whose rows begin with [CLS] and end with [SEP]."""
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path / "tokenizer"
    PreTrainedTokenizerFast(tokenizer_object=with_special_tokens(), pad_token="[PAD]").save_pretrained(folder)
    return folder
