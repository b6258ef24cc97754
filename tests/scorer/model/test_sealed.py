from pathlib import Path

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorer.errors import ModelError
from scorer.model.sealed import Card, read_sealed, seal
from scorer.tokens.encoder import TextSettings

CARD = Card(text=TextSettings(9, "tail", 0), metrics={"test": {"accuracy": 0.9}})


def test_what_was_sealed_is_read(tmp_path: Path) -> None:
    graph = onnx.ModelProto(ir_version=10, producer_name="test").SerializeToString()
    path = tmp_path / "m.onnx"
    path.write_bytes(seal(graph, '{"a": "é"}', CARD))
    sealed = read_sealed(path)
    assert sealed.tokenizer_json == '{"a": "é"}'
    assert sealed.card.text == CARD.text
    assert sealed.card.metrics == CARD.metrics
    # Any ONNX tool sees an ordinary model with metadata.
    proto = onnx.load(path)
    assert proto.producer_name == "test"
    assert [entry.key for entry in proto.metadata_props] == ["card.json", "tokenizer.json", "sha256"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_anywhere_is_noticed(model: Path, tmp_path: Path, place: float, bit: int) -> None:
    content = bytearray(model.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    altered = tmp_path / "altered.onnx"
    altered.write_bytes(content)
    with pytest.raises(ModelError, match=r"altered\.onnx: "):
        read_sealed(altered)


def test_other_files_are_refused(model: Path, tmp_path: Path) -> None:
    sealed = model.read_bytes()
    cases = {"empty": b"", "text": b"hello, world", "cut": sealed[:-1], "longer": sealed + b"\0", "twice": sealed * 2}
    cases["extended"] = sealed + b"\x72\x04\x0a\x00\x12\x00"  # one more metadata entry
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=name):
            read_sealed(tmp_path / name)


def test_another_format_version_says_what_to_do(tmp_path: Path) -> None:
    future = Card(text=CARD.text, format_version=99)
    (tmp_path / "m.onnx").write_bytes(seal(onnx.ModelProto(ir_version=10).SerializeToString(), "{}", future))
    with pytest.raises(ModelError, match="format 99"):
        read_sealed(tmp_path / "m.onnx")
