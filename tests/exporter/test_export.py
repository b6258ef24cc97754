"""`exporter to-onnx` and `exporter check` as users call them."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from exporter.errors import ExportError
from exporter.exporting import ExportOptions, to_onnx
from exporter.graph import Served, export_graph
from exporter.parity import prove_parity
from exporter.recurrence import fastest_graph
from scorer.model.network import Network
from scorer.model.runtime import onnxruntime as ort
from scorer.model.sealed import read_sealed
from scorer.tokens.encoder import TextEncoder, TextSettings
from scorer.tokens.words import word_tokenizer
from tests.conftest import DATA, TINY, Command, one_line
from trainer.learning.checkpoint import load_checkpoint
from trainer.network.lstm import SentimentLSTM
from trainer.network.settings import NetworkSettings, Pooling


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
    checked = command("exporter", "check", "mine.onnx", fitted / "best.pth", "--json")
    assert json.loads(checked.out)["parity"] == {**parity, "largest_difference": pytest.approx(printed, rel=0.1)}


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


def test_another_networks_numbers_fail_and_leave_no_file(fitted: Path) -> None:
    shutil.copy(fitted / "best.pth", "best.pth")

    def off_by_little(network: SentimentLSTM, temperature: float) -> bytes | None:
        with torch.no_grad():
            network.head.bias += 1e-4 * temperature
        graph = fastest_graph(network, temperature)
        with torch.no_grad():
            network.head.bias -= 1e-4 * temperature
        return graph

    with pytest.raises(ExportError, match=r"differ .* 0\.0001 .* more than 1e-05"):
        to_onnx(ExportOptions(Path("best.pth")), off_by_little)
    assert [path.name for path in Path().iterdir()] == ["best.pth"]


@pytest.mark.parametrize(("size", "passes"), [(1.0, False), (40.0, True)])
def test_a_logit_may_differ_by_a_share_of_its_size(fitted: Path, size: float, passes: bool) -> None:
    """Four digits behind the point are all that float32 has of a logit of 40, as a perfect held-out slice made them."""
    checkpoint = load_checkpoint(fitted / "best.pth")
    network = checkpoint.build_network()
    with torch.no_grad():
        network.head.weight.mul_(0)
        network.head.bias.fill_(size)
    served = Served(network)

    def run(input_ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        exact = served(torch.from_numpy(input_ids), torch.from_numpy(mask)).detach().numpy()
        return exact + np.array([0, 1e-4], np.float32)

    assert prove_parity(served, run, checkpoint.build_encoder()).holds is passes


@pytest.mark.parametrize("more", [{"layers": 3}, {"phrases": 97, "head_dim": 3}], ids=str)
@pytest.mark.parametrize("words_per_step", [1, 2])
@pytest.mark.parametrize("pooling", ["max_mean", "last_max_mean"])
def test_the_fast_graph_has_the_same_numbers(words_per_step: int, pooling: Pooling, more: dict[str, int]) -> None:
    torch.manual_seed(0)
    network = SentimentLSTM(NetworkSettings(50, 6, 5, pooling, words_per_step, **more)).eval()
    if network.phrases is not None:
        torch.nn.init.normal_(network.phrases.weight)
        network.phrases.round()
    served = Served(network, temperature=1.7)
    tokenizer = word_tokenizer([f"w{i}" for i in range(48)])
    encoder = TextEncoder(tokenizer.to_str(), TextSettings(40, "tail", 0))
    fast = fastest_graph(network, 1.7)
    assert fast is not None
    assert prove_parity(served, Network(fast, Path("fast")).logits, encoder).largest_difference < 1e-6


@pytest.mark.parametrize("more", [{"layers": 2}, {"phrases": 97, "head_dim": 64}], ids=str)
def test_padding_does_not_change_a_bit(more: dict[str, int]) -> None:
    torch.manual_seed(0)
    network = SentimentLSTM(NetworkSettings(50, 6, 5, "last_max_mean", **more))
    if network.phrases is not None:
        torch.nn.init.normal_(network.phrases.weight)
    run = Network(fastest_graph(network), Path("x")).logits
    ids = np.random.default_rng(0).integers(1, 50, (9, 30))
    lengths = np.arange(9) * 3 + 2
    together = run(ids, (np.arange(30) < lengths[:, None]).astype(np.int64))
    for row, length in enumerate(lengths):
        alone = run(ids[row : row + 1, :length], np.ones((1, length), np.int64))
        assert np.array_equal(alone[0], together[row])


def test_check_refuses_another_checkpoint(command: Command, fitted: Path) -> None:
    assert command("trainer", "fit", "--data", DATA, *TINY, "--seed", 5, "--epochs", 1, "-o", "other.pth").code == 0
    one_line(command("exporter", "check", fitted / "best.onnx", "other.pth"), "best.onnx")


@pytest.mark.parametrize("pooling", ["last_max_mean", "final_step"])
def test_no_rows_and_rows_without_words(pooling: Pooling) -> None:
    torch.manual_seed(0)
    network = SentimentLSTM(NetworkSettings(50, 6, 5, pooling)).eval()
    graphs = [fastest_graph(network), export_graph(Served(network))]
    for graph in filter(None, graphs):
        assert onnx.load_from_string(graph).ir_version == 8  # which onnxruntime 1.17 reads
        run = Network(graph, Path("x")).logits
        for shape in ((0, 5), (0, 0), (3, 0), (3, 4)):
            assert run(np.zeros(shape, np.int64), np.zeros(shape, np.int64)).shape == (shape[0], 2)
        nothing, padding = (np.zeros((1, width), np.int64) for width in (0, 1))
        assert np.array_equal(run(nothing, nothing), run(padding, padding))


def test_neither_a_checkpoint_nor_an_export_is_lost(command: Command, fitted: Path) -> None:
    shutil.copy(fitted / "best.pth", "best.onnx")
    before = Path("best.onnx").read_bytes()
    for force in ([], ["--force"]):
        refused = command("exporter", "to-onnx", "best.onnx", "-o", "best.onnx", *force)
        one_line(refused, "best.onnx", "the checkpoint itself")
    assert Path("best.onnx").read_bytes() == before
    assert command("exporter", "to-onnx", "best.onnx", "-o", "x.onnx").code == 0
    one_line(command("exporter", "to-onnx", "best.onnx", "-o", "x.onnx"), "x.onnx", "--force")
    assert command("exporter", "to-onnx", "best.onnx", "-o", "x.onnx", "--force").code == 0
