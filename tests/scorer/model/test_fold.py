from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exporter.recurrence import fastest_graph
from scorer.model.fold import fold_tables
from scorer.model.network import Network
from scorer.model.runtime import onnxruntime as ort
from scorer.model.sealed import EMBEDDED_MODEL
from trainer.network.lstm import SentimentLSTM
from trainer.network.rounding import EmbeddingBits, round_vectors
from trainer.network.settings import NetworkSettings

WORDS, HIDDEN = 50, 4


def graph_of(bits: EmbeddingBits, words_per_step: int) -> bytes:
    """A sealed network's graph with random weights."""
    torch.manual_seed(0)
    network = SentimentLSTM(NetworkSettings(WORDS, 8, HIDDEN, "last_max_mean", words_per_step)).eval()
    network.embedding.weight.data = round_vectors(network.embedding.weight.data, bits)
    graph = fastest_graph(network)
    assert graph is not None
    return graph


GRAPH = graph_of(8, words_per_step=1)


@pytest.mark.parametrize(("bits", "words_per_step"), [(8, 1), (8, 2), (16, 1), (32, 3)])
def test_a_folded_graph_gives_what_the_sealed_one_does(bits: EmbeddingBits, words_per_step: int) -> None:
    graph = graph_of(bits, words_per_step)
    folded, tables = fold_tables(graph)
    assert tables
    expected = {f"table_{position}": (WORDS + 1, 4 * HIDDEN) for position in range(words_per_step)}
    assert {name: table.shape for name, table in tables.inputs.items()} == expected
    assert len(folded) < len(graph)
    ids = np.random.default_rng(0).integers(0, WORDS, (7, 11))
    mask = (np.arange(11) < np.arange(2, 9)[:, None]).astype(np.int64)
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (whole,) = session.run(["logits"], {"input_ids": ids, "attention_mask": mask})
    np.testing.assert_allclose(Network(graph, Path("m.onnx")).logits(ids, mask), whole, atol=1e-6)


@pytest.mark.parametrize("model", [graph_of(8, words_per_step=9), b"", b"\x3a\x00", b"\x38\x01"])
def test_other_models_are_left_to_onnxruntime(model: bytes) -> None:
    assert fold_tables(model) == (model, None)


@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=9))
def test_a_damaged_graph_is_folded_or_left(changes: list[tuple[float, int]]) -> None:
    graph = bytearray(GRAPH)
    for place, value in changes:
        graph[int(place * len(graph))] = value
    folded, tables = fold_tables(bytes(graph))
    if tables is None:
        assert folded == bytes(graph)
        return
    tables.prepare(np.arange(WORDS))
    for table in tables.inputs.values():
        assert (table.dtype, table.ndim) == (np.float32, 2)
        assert len(folded) < len(graph)


def test_the_embedded_model_is_folded() -> None:
    assert fold_tables(EMBEDDED_MODEL.read_bytes())[1]


def test_rows_have_the_same_bits_whenever_their_words_are_met() -> None:
    content = EMBEDDED_MODEL.read_bytes()
    (_, early), (_, late) = fold_tables(content), fold_tables(content)
    assert early
    assert late
    words = len(early.inputs["table_0"]) - 1
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(early.prepare, np.array_split(np.random.default_rng(0).permutation(words), 50)))
    late.prepare(np.arange(words)[::-1])
    for name, table in early.inputs.items():
        assert table.tobytes() == late.inputs[name].tobytes()
