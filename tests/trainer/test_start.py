"""`trainer fit` of few reviews: it goes on from a model that exists, is judged in folds, and says how good it is."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exporter.graph import Served, export_graph
from exporter.model_card import model_card
from exporter.recurrence import fastest_graph
from scorer.model.sealed import Card, read_sealed, seal
from scorer.scoring import Scorer
from scorer.tokens.encoder import TextEncoder, TextSettings
from scorer.tokens.words import word_tokenizer
from tests.conftest import DATA, TINY, Command, one_line
from tests.exporter.models import sealed_model
from trainer.choosing import choose_recipe
from trainer.data.parting import fold_of_rows
from trainer.data.splits import Splits
from trainer.errors import TrainerError
from trainer.learning.checkpoint import EpochRecord, load_checkpoint
from trainer.learning.report import best_epoch
from trainer.learning.verdict import describe_verdict, reach_verdict
from trainer.network.lstm import SentimentLSTM
from trainer.network.rebuilt import rebuild_network
from trainer.network.settings import NetworkSettings
from trainer.recipes import RECIPES
from trainer.start import load_start

TEXTS = pa.array(["Zzyzx is a fine zzyzx", "no quux, quux"], pa.large_string())


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the 24 shortest training reviews of each label, and all test reviews."""
    quoted = pacsv.ParseOptions(newlines_in_values=True)
    rows = pacsv.read_csv(DATA / "train.csv", parse_options=quoted).to_pylist()
    by_length = sorted(rows, key=lambda row: len(row["text"]))
    chosen = [row for label in (0, 1) for row in [row for row in by_length if row["label"] == label][:24]]
    folder = tmp_path_factory.mktemp("few")
    pq.write_table(pa.Table.from_pylist(chosen), folder / "train.parquet")
    pq.write_table(pacsv.read_csv(DATA / "test.csv", parse_options=quoted), folder / "test.parquet")
    return folder


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sealed(path: Path, graph: bytes) -> Path:
    tokenizer = word_tokenizer([f"w{i}" for i in range(48)]).to_str()
    path.write_bytes(seal(graph, tokenizer, Card(TextSettings(30, "tail", 0), calibration={"temperature": 1.7})))
    return path


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("more", [{}, {"words_per_step": 2}, {"phrases": 97}, {"phrases": 97, "head_dim": 3}], ids=str)
def test_a_network_is_rebuilt_from_both_graphs(more: dict[str, int], fast: bool) -> None:
    """`rebuild_network` itself holds what it built against the graph."""
    settings = NetworkSettings(50, 6, 5, "last_max_mean", **more)
    network = SentimentLSTM(settings).eval()
    if network.phrases is not None:
        torch.nn.init.normal_(network.phrases.weight)
        network.phrases.round()
    graph = fastest_graph(network, 1.7) if fast else export_graph(Served(network, 1.7))
    assert rebuild_network(read_sealed(sealed(Path("x.onnx"), graph))).settings == settings


def test_a_graph_of_other_weights_is_not_gone_on_from() -> None:
    graph = fastest_graph(SentimentLSTM(NetworkSettings(50, 6, 5, "max_mean")), 1.0)
    path = sealed(Path("x.onnx"), graph.replace(b"recurrent_weights", b"recurrent_weightz"))
    with pytest.raises(TrainerError, match=r"x\.onnx: its graph is not one"):
        rebuild_network(read_sealed(path))


def test_the_embedded_model_learns_words_and_at_first_says_the_same() -> None:
    start = load_start("default")
    grown = start.with_words_of(TEXTS.to_pylist(), 10)
    assert grown.new_words == grown.network.vocab_size - start.network.vocab_size == 2
    ids = [TextEncoder(one.tokenizer_json, one.text).encode(TEXTS).values for one in (start, grown)]
    assert ids[0].max() < ids[1].max()
    vectors = [
        one.weights["embedding.weight"][torch.from_numpy(i).long()] for one, i in zip((start, grown), ids, strict=True)
    ]
    assert torch.equal(*vectors)


def test_few_reviews_go_on_from_the_embedded_model_and_are_told_how_good_they_are(command: Command, few: Path) -> None:
    result = command("trainer", "fit", "--data", few, "--epochs", 2, "--folds", 2)
    assert result.code == 0, result.err
    assert "going on from the embedded model" in result.out
    assert "60 test reviews that had no part in the fit, 30 of them positive" in result.out
    for word in ("better than always saying positive", "than the embedded model", "than the linear model"):
        assert word in result.out
    checkpoint = load_checkpoint(Path("best.pth"))
    history = json.loads(Path("best.run/history.json").read_text())
    assert [record["epoch"] for record in history] == [0, 1, 2]
    verdict = checkpoint.metrics["verdict"]
    own = verdict["figures"]["this model"]
    assert own["roc_auc"]["value"] > 0.75  # the embedded model's words; a fresh fit of so few reviews guesses
    assert verdict["figures"].keys() == {"this model", "embedded model", "linear model"}
    assert command("exporter", "to-onnx", "best.pth").code == 0
    assert read_sealed(Path("best.onnx")).card.metrics["verdict"] == verdict
    judged = json.loads(command("scorer", "evaluate", DATA / "test.csv", "--model", "best.onnx", "--json").out)
    assert judged["accuracy"]["value"] == pytest.approx(own["accuracy"]["value"])

    again = command(
        "trainer", "fit", "--data", few, "--epochs", 1, "--folds", 2, "--start", "best.onnx", "-o", "again.pth"
    )
    assert again.code == 0, again.err
    assert "going on from best.onnx" in again.out
    starts = [load_start(name) for name in ("best.onnx", "best.pth")]
    assert len({start.tokenizer_json for start in starts}) == 1
    for values in zip(*(start.weights["head.weight"] for start in starts), strict=True):
        torch.testing.assert_close(*values)


def test_a_fit_that_goes_on_is_resumed_to_the_same_numbers(command: Command, few: Path) -> None:
    fit = ("trainer", "fit", "--data", few, "--epochs", 1, "--folds", 2)
    assert command(*fit, "-o", "whole.pth").code == 0
    assert command(*fit, "-o", "parts.pth").code == 0
    assert command(*fit, "-o", "parts.pth", "--resume").code == 0
    whole, parts = (load_checkpoint(Path(name)) for name in ("whole.pth", "parts.pth"))
    assert whole.metrics == parts.metrics
    assert all(torch.equal(values, parts.model_state_dict[name]) for name, values in whole.model_state_dict.items())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--hidden-dim", 8], ["--hidden-dim", "keeps its network"]),
        (["--recipe", "tutorial"], ["--start", "'tutorial'", "anew"]),
    ],
)
def test_what_a_start_excludes(command: Command, arguments: list[object], words: list[str]) -> None:
    result = command("trainer", "fit", "--data", DATA, "--start", "default", *arguments)
    assert result.code == 2
    assert all(word in result.err for word in words)


def test_a_start_that_is_none(command: Command) -> None:
    Path("x.onnx").write_text("hello")
    one_line(command("trainer", "fit", "--data", DATA, "--start", "x.onnx"), "x.onnx", "not a sealed model")
    missing = command("trainer", "fit", "--data", DATA, "--start", "no.pth")
    one_line(missing, "no.pth", "no such checkpoint")
    assert "loading" not in missing.out  # which may take minutes


def test_a_network_that_was_named_begins_anew(command: Command) -> None:
    result = command("trainer", "fit", "--data", DATA, *TINY, "--epochs", 1, "--crops", 0)
    assert result.code == 0, result.err
    assert "going on from" not in result.out


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 1)), min_size=10, max_size=60), st.integers(0, 9))
def test_equal_texts_share_a_fold_and_cells_are_spread(rows: list[tuple[str, int]], seed: int) -> None:
    texts = pa.array([text for text, _ in rows], pa.large_string())
    labels = np.array([label for _, label in rows])
    folds = fold_of_rows(texts, labels, 5, seed)
    assert folds.min() >= 0
    assert folds.max() < 5
    assert len({(text, fold) for (text, _), fold in zip(rows, folds, strict=True)}) == len({text for text, _ in rows})


def test_every_fold_has_its_share_of_each_label() -> None:
    labels = np.array([1] * 95 + [0] * 5)
    folds = fold_of_rows(pa.array([str(i) for i in range(100)], pa.large_string()), labels, 5, 0)
    assert np.bincount(folds[labels == 0], minlength=5).tolist() == [1] * 5
    assert np.bincount(folds).tolist() == [20] * 5


def test_a_gain_that_may_be_chance_is_none() -> None:
    def record(epoch: int, loss: float, noise: float) -> EpochRecord:
        return EpochRecord(epoch, 0.1, 0.9, loss, 0.9, 1.0, {}, noise)

    assert best_epoch([record(0, 0.50, 0), record(1, 0.48, 0.03)]).epoch == 0
    assert best_epoch([record(0, 0.50, 0), record(1, 0.48, 0.01)]).epoch == 1


def test_a_verdict_says_what_is_no_better() -> None:
    labels = np.arange(100) % 2 == 0
    good, coin = np.where(labels, 0.9, 0.2), np.full(100, 0.7)
    lines = describe_verdict(reach_verdict("reviews", labels, coin, {"embedded model": good}))
    assert any(line.startswith("no better than always saying positive") for line in lines)
    assert any(line.startswith("worse than the embedded model: balanced accuracy -50.0") for line in lines)
    lines = describe_verdict(reach_verdict("reviews", labels, good, {"embedded model": good, "linear model": coin}))
    assert any(line.startswith("better than always saying positive") for line in lines)
    assert any(line.startswith("no better than the embedded model") for line in lines)
    assert any(line.startswith("better than the linear model: balanced accuracy +50.0") for line in lines)


def write_lines(path: Path, rows: list[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")


def test_few_reviews_in_another_language_begin_anew(command: Command) -> None:
    words = {1: ["अच्छा", "बढ़िया", "शानदार"], 0: ["बुरा", "घटिया", "बेकार"]}
    rows = [f"होटल {number} बहुत {words[number % 2][number % 3]} था।,{number % 2}" for number in range(60)]
    write_lines(Path("hindi.csv"), rows)
    told = command("trainer", "fit", "--data", "hindi.csv", "--epochs", 1, "--least-steps", 20, "-o", "hindi.pth")
    assert told.code == 0, told.err
    assert "unknown to the embedded model: this fit begins anew" in told.out
    assert "language: looks like hi (100%)" in told.out
    checkpoint = load_checkpoint(Path("hindi.pth"))
    recipe = checkpoint.recipe
    assert (recipe.name, recipe.start, recipe.teachers and recipe.teachers.sentence_copies) == ("default", None, 0)
    assert (checkpoint.languages, checkpoint.scripts) == (["hi"], {"Devanagari": 1.0})
    assert command("exporter", "to-onnx", "hindi.pth").code == 0
    read = "language: hi; words that it knows: Devanagari 100%"
    assert read in command("scorer", "inspect", "hindi.onnx").out.splitlines()
    training = json.loads(command("scorer", "inspect", "hindi.onnx", "--json").out)["training"]
    assert (training["languages"], training["scripts"]) == (["hi"], {"Devanagari": 1.0})
    assert "\nlanguage: [hi]\n---\n" in model_card("acme/hotels", read_sealed(Path("hindi.onnx")))
    assert command("exporter", "to-onnx", "hindi.pth", "--language", "mr,hi", "-o", "stated.onnx").code == 0
    assert "language: mr, hi; words" in command("scorer", "inspect", "stated.onnx").out


def test_a_model_that_is_not_surpassed_is_kept_as_it_was(command: Command) -> None:
    start = sealed_model(Path("start.onnx"))
    texts = [" ".join(words) for words in permutations(("the", "good", "bad", "film", "not"), 3)]
    probabilities = Scorer.open(start).score_texts(pa.array(texts)).probability
    labels = np.random.default_rng(3).random(len(texts)) < probabilities  # so that it is calibrated
    write_lines(Path("own.csv"), [f"{text},{label:d}" for text, label in zip(texts, labels, strict=True)])
    fit = ("trainer", "fit", "--data", "own.csv", "--start", start, "--epochs", 1, "--folds", 2)
    told = command(*fit, "--learning-rate", 1e-9, "--test-share", "none")
    assert told.code == 0, told.err
    assert "was not surpassed by more than chance, so it is kept" in told.out
    kept, before = load_checkpoint(Path("best.pth")), load_start("start.onnx")
    assert kept.epoch == 0
    for name in ("head.weight", "head.bias"):
        torch.testing.assert_close(kept.model_state_dict[name] / kept.temperature, before.weights[name])


@pytest.mark.parametrize("options", [(), ("--validation", "test")])
def test_a_validation_split_judges_few_reviews_and_is_never_learned(command: Command, options: tuple[str, ...]) -> None:
    start = sealed_model(Path("start.onnx"))
    name = "test.csv" if options else "dev.csv"
    for file, room, rows in (("train.csv", "bathroom", 30), (name, "balcony", 8)):
        lines = [f"{room} {number} was {('bad', 'good')[number % 2]},{number % 2}" for number in range(rows)]
        write_lines(Path("set", file), lines)
    told = command("trainer", "fit", "--data", "set", "--start", start, "--epochs", 1, "--test-share", "none", *options)
    assert told.code == 0, told.err
    assert "the validation split's 8 reviews judge the epochs, so there are no folds" in told.out
    checkpoint = load_checkpoint(Path("best.pth"))
    assert (checkpoint.data["train_reviews"], checkpoint.data["validation_reviews"]) == (30, 8)
    words = json.loads(checkpoint.tokenizer_json)["model"]["vocab"]
    assert "bathroom" in words
    assert "balcony" not in words
    assert checkpoint.metrics["validation"]["sources"]["set"]["reviews"] == 8


@pytest.mark.parametrize(
    ("text", "wanted", "copies"),
    [
        ("The room was clean, and everybody at the hotel was friendly.", False, 1),
        ("Das Zimmer war sauber, und alle im Hotel waren freundlich.", False, 0),
        ("Das Zimmer war sauber, und alle im Hotel waren freundlich.", True, 1),
        ("номер был чистый, и все в отеле были приветливы", False, 0),
        ("这家酒店的房间很干净，大家都很友好。", False, 0),
        ("5/5 !!!", False, 1),
    ],
)
def test_english_sentences_teach_english_reviews_only(text: str, wanted: bool, copies: int) -> None:
    table = pa.table({"text": pa.array([text] * 20, pa.large_string()), "label": [1] * 20, "source": ["a"] * 20})
    told: list[str] = []
    recipe, start = choose_recipe(RECIPES["default"], None, None, wanted, Splits(table, table[:1]), told.append)
    assert start is None
    assert recipe.teachers
    assert recipe.teachers.sentence_copies == copies
    assert bool(told) == (copies == 0)


@pytest.mark.parametrize("code", ["English", "EN", "en,", "e"])
def test_a_language_is_a_code(command: Command, code: str) -> None:
    refused = command("trainer", "fit", "--data", DATA, "--language", code)
    assert refused.code == 2
    assert "ISO 639" in refused.err
