"""`exporter to-onnx` and `exporter check` as users call them."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from exporter import exporting
from scorer.model.runtime import onnxruntime as ort
from scorer.model.sealed import read_sealed
from tests.conftest import DATA, TINY, Command, one_line
from trainer.learning.checkpoint import load_checkpoint


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_parity_is_printed_sealed_and_proved_again(command: Command, fitted: Path) -> None:
    result = command("exporter", "to-onnx", fitted / "best.pth", "-o", "mine.onnx")
    assert result.code == 0, result.err
    printed = float(re.search(r"largest difference (\S+)", result.out).group(1))
    assert printed <= 1e-5
    parity = read_sealed(Path("mine.onnx")).card.parity
    assert parity["largest_difference"] == pytest.approx(printed, rel=0.1)
    assert parity["cases"] == 4 * 5 * 3
    assert command("exporter", "check", "mine.onnx", fitted / "best.pth").code == 0


def test_the_file_is_plain_onnx_with_dynamic_axes(fitted: Path) -> None:
    model = onnx.load(fitted / "best.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    axes = [[dim.dim_param for dim in value.type.tensor_type.shape.dim] for value in model.graph.input]
    assert axes == [["batch_size", "sequence_length"]] * 2
    assert str(Path.cwd().anchor + "work") not in str(model.graph)  # no paths of the machine that exported it
    session = ort.InferenceSession(fitted / "best.onnx")
    for shape in ((1, 1), (3, 7), (5, 600)):
        ids = np.ones(shape, np.int64)
        (logits,) = session.run(["logits"], {"input_ids": ids, "attention_mask": ids})
        assert logits.shape == (shape[0], 2)
        assert not logits[:, 0].any()


def test_another_networks_numbers_fail_and_leave_no_file(
    command: Command, fitted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(fitted / "best.pth", "best.pth")
    honest = exporting.export_graph

    def off_by_little(served):
        with torch.no_grad():
            served.network.head.bias += 1e-4 * served.temperature
        graph = honest(served)
        with torch.no_grad():
            served.network.head.bias -= 1e-4 * served.temperature
        return graph

    monkeypatch.setattr(exporting, "export_graph", off_by_little)
    one_line(command("exporter", "to-onnx", "best.pth"), "differ", "0.0001", "1e-05")
    assert [path.name for path in Path().iterdir()] == ["best.pth"]


def test_check_refuses_another_checkpoint(command: Command, fitted: Path) -> None:
    assert command("trainer", "fit", "--data", DATA, *TINY, "--seed", 5, "--epochs", 1, "-o", "other.pth").code == 0
    one_line(command("exporter", "check", fitted / "best.onnx", "other.pth"), "best.onnx")


def test_the_hugging_face_layout_is_read_by_its_own_libraries(command: Command, fitted: Path) -> None:
    from transformers import AutoTokenizer

    assert command("exporter", "to-onnx", fitted / "best.pth", "-o", "x.onnx", "--hf-dir", "hub").code == 0
    config = json.loads(Path("hub/config.json").read_text())
    assert config["id2label"] == {"0": "negative", "1": "positive"}
    tokenizer = AutoTokenizer.from_pretrained("hub")
    text = "It wasn't bad at all: a good film! " * 99
    inputs = tokenizer([text, "good"], truncation=True, padding=True, return_tensors="np")
    own = load_checkpoint(fitted / "best.pth").build_encoder()
    import pyarrow as pa

    assert inputs["input_ids"][0].tolist() == own.encode(pa.array([text])).values.tolist()
    session = ort.InferenceSession("hub/model.onnx")
    (logits,) = session.run(None, {name: inputs[name].astype(np.int64) for name in ("input_ids", "attention_mask")})
    assert logits.shape == (2, 2)
