"""Transformers as teachers: tiny ones made here, by the real commands from end to end."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.csv as pacsv
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from tests.conftest import DATA, TINY, Command, one_line
from tests.trainer.teachers.tiny_transformers import save_classifier, save_encoder, save_tokenizer
from tests.trainer.watching import Watcher
from trainer import fitting
from trainer.data.reviews import DataOptions
from trainer.errors import TrainerError
from trainer.fitting import FitOptions
from trainer.learning.checkpoint import load_checkpoint
from trainer.stages import StageProgress
from trainer.teachers.finetuning import FineTuning, LabelledTexts, finetune, learned_weights
from trainer.teachers.transformer import Encoder, Pieces, Transformer, load_transformer, read_texts, read_words
from trainer.teachers.transformer_labels import label_sides

DISTILLED = ("--recipe", "distilled", *TINY, "--lm-words", 0, "--crops", 40, "--linear-folds", 2)
TEXTS = ["good film!", "not a good film. " * 9, "bad", ""]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def progress(tmp_path: Path) -> StageProgress:
    return StageProgress("x", tmp_path / "x.part", "digest", print, 1e9, 1e9)


@pytest.mark.parametrize(
    ("names", "negative", "positive"),
    [
        (["NEGATIVE", "POSITIVE"], [0], [1]),
        (["pos", "neg"], [1], [0]),
        (["LABEL_0", "LABEL_1"], [0], [1]),
        (["negative", "neutral", "positive"], [0], [2]),
        (["LABEL_0", "LABEL_1", "LABEL_2"], [0], [2]),
        (["Very Negative", "Negative", "Neutral", "Positive", "Very Positive"], [0, 1], [3, 4]),
        (["1 star", "2 stars", "3 stars", "4 stars", "5 stars"], [0, 1], [3, 4]),
        (["5 stars", "4 stars", "3 stars", "2 stars", "1 star"], [3, 4], [0, 1]),
        (["0", "1", "2", "3", "4"], [0, 1], [3, 4]),
    ],
)
def test_labels_are_put_on_two_sides(names: list[str], negative: list[int], positive: list[int]) -> None:
    sides = label_sides(dict(enumerate(names)), "x")
    assert (list(sides.negative), list(sides.positive)) == (negative, positive)
    aside = set(range(len(names))) - {*negative, *positive}
    assert all(f"{names[i]} aside" in str(sides) for i in aside)
    assert str(sides).startswith(f"positive is {names[positive[0]]}")


@pytest.mark.parametrize(
    "names",
    [["joy", "anger"], ["LABEL_0"], ["positive", "spam"], [f"LABEL_{i}" for i in range(28)], ["pos", "good"]],
)
def test_labels_of_something_else_are_refused(names: list[str]) -> None:
    with pytest.raises(TrainerError, match=names[0]):
        label_sides(dict(enumerate(names)), "x")


@given(st.integers(0, 60), st.integers(1, 9), st.integers(1, 5))
def test_pieces_begin_at_the_beginning_and_end_at_the_end(tokens: int, room: int, most: int) -> None:
    text = list(range(tokens))
    pieces = Pieces.of([text], room, most)
    assert pieces.counts.tolist() == [len(pieces.tokens)]
    assert len(pieces.tokens) == max(1, min(most, -(-tokens // room)))
    assert all(piece == text[piece[0] : piece[0] + room] for piece in pieces.tokens if piece)
    assert pieces.tokens[-1] == text[-room:]
    if len(pieces.tokens) > 1:
        assert pieces.tokens[0] == text[:room]


@pytest.mark.parametrize("labels", [["negative", "positive"], ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"]])
def test_a_classifier_judges_as_the_library_does(labels: list[str], progress: StageProgress) -> None:
    teacher = load_transformer(str(save_classifier(Path("stars"), labels)), length=20)
    assert teacher.room == 18
    assert all(label in teacher.about for label in labels)
    logits = read_texts(teacher, TEXTS, 1, progress)
    tokenizer = AutoTokenizer.from_pretrained("stars", truncation_side="left")
    inputs = tokenizer(TEXTS, truncation=True, max_length=20, padding=True, return_tensors="pt")
    model = AutoModelForSequenceClassification.from_pretrained("stars").eval()
    with torch.inference_mode():
        shares = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).logits.softmax(1)
    half = len(labels) // 2
    expected = (shares[:, -half:].sum(1) / shares[:, :half].sum(1)).log()
    torch.testing.assert_close(logits, expected, rtol=0, atol=0.02)  # it reads in bfloat16 where that is native


def test_what_is_said_of_a_long_text_is_the_mean_of_its_pieces(progress: StageProgress) -> None:
    teacher = load_transformer(str(save_classifier(Path("two"), ["negative", "positive"])), length=8)
    long, room = "good bad not film ! ? , . good good bad bad", 6
    words = long.split()
    head, tail = " ".join(words[:room]), " ".join(words[-room:])
    both, first, last = (read_texts(teacher, [text], 2, progress) for text in (long, head, tail))
    torch.testing.assert_close(both, (first + last) / 2, rtol=0, atol=1e-3)
    torch.testing.assert_close(read_texts(teacher, [long], 1, progress), last, rtol=0, atol=1e-3)


def test_reading_goes_on_where_it_was(tmp_path: Path) -> None:
    teacher = load_transformer(str(save_classifier(Path("two"), ["negative", "positive"])), length=8)
    texts = [f"{'good ' * (i % 5)} bad {'film ' * (i % 3)}" for i in range(200)]
    whole = read_texts(teacher, texts, 2, StageProgress("x", tmp_path / "none", "d", print, 1e9, 1e9))

    def stop(line: str) -> None:
        if "2 batches" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_texts(teacher, texts, 2, StageProgress("x", tmp_path / "x.part", "d", stop, 0.0, 0.0))
    said: list[str] = []
    again = read_texts(teacher, texts, 2, StageProgress("x", tmp_path / "x.part", "d", said.append, 1e9, 1e9))
    assert any("resumed at" in line for line in said)
    assert torch.equal(again, whole)


def planted(count: int) -> Iterator[tuple[str, float]]:
    rng = np.random.default_rng(0)
    for number in range(count):
        letters = " ".join(rng.choice(list("abcdefgh"), 5))
        yield f"{letters} {'good' if number % 2 else 'bad'} film", float(number % 2)


def load_encoder() -> Transformer:
    return load_transformer(str(save_encoder(Path("encoder"))), length=20)


def test_an_encoder_learns_its_labels_and_keeps_its_embeddings(progress: StageProgress) -> None:
    teacher = load_encoder()
    assert isinstance(teacher.network, Encoder)
    frozen = {name: weights.clone() for name, weights in teacher.network.named_parameters() if "embeddings" in name}
    assert frozen
    texts, labels = zip(*planted(3200), strict=True)
    learned = LabelledTexts(texts, np.array(labels, np.float32))
    tensors, summary = finetune(teacher, learned, FineTuning(1e-2, 1, 32), 0, progress)
    assert (summary["texts"], summary["steps"]) == (3200, 100)
    logits = read_texts(teacher, ["a good film", "a bad film"], 1, progress)
    assert logits[0] > 0.5 > -0.5 > logits[1]
    parameters = dict(teacher.network.named_parameters())
    assert all(torch.equal(parameters[name], weights) for name, weights in frozen.items())
    assert tensors.keys() == learned_weights(teacher.network).keys()
    assert not tensors.keys() & frozen.keys()


def test_words_have_vectors_that_begin_with_what_the_teacher_says_of_them(progress: StageProgress) -> None:
    teacher, words = load_encoder(), ["", "good", "bad", "film", "not", "a", "b", "c"]
    torch.manual_seed(1)
    teacher.network.begin_anew()
    vectors = read_words(teacher, words, 4)
    assert vectors.shape == (8, 4)
    assert not vectors[0].any()
    logits = read_texts(teacher, words, 1, progress)
    torch.testing.assert_close(vectors[1:, 0], logits[1:] / logits.pow(2).mean().sqrt(), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(vectors[1:, 1:].pow(2).mean(1), torch.full((7,), 0.25))
    with pytest.raises(TrainerError, match="--embedding-dim 10"):
        read_words(teacher, words, 10)


def fit(command: Command, *arguments: object):
    return command("trainer", "fit", *DISTILLED, *arguments)


def write_two_sources() -> tuple[object, ...]:
    """Good and bad reviews of two sources, in one folder."""
    rows = pacsv.read_csv(DATA / "train.csv", parse_options=pacsv.ParseOptions(newlines_in_values=True))
    sources = ["films" if i % 3 else "hotels" for i in range(len(rows))]
    Path("reviews").mkdir()
    pacsv.write_csv(rows.append_column("source", [sources]), "reviews/train.csv")
    return "--data", "reviews"


def test_from_two_sources_and_a_classifier_to_scores(command: Command) -> None:
    teacher = save_classifier(Path("stars").resolve(), ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"])
    made = ["--recombined", 20, "--parts", 25, "--single-words", 15]
    result = fit(command, *write_two_sources(), "--teacher", teacher, *made)
    assert result.code == 0, result.err
    assert "positive is 4 stars, 5 stars; negative is 1 star, 2 stars; 3 stars aside" in result.out
    checkpoint = load_checkpoint(Path("best.pth"))
    assert checkpoint.recipe.teachers.teacher == "stars"  # and no path of this machine
    assert list(checkpoint.stages) == ["texts", "linear", "teacher-reading", "teacher-vectors", "stack", "sources"]
    assert f"what is said of each source, on {checkpoint.data['train_reviews']} reviews" in result.out
    texts = checkpoint.stages["texts"]
    assert (texts["recombined"], texts["single_words"]) == (20, 15)
    read = checkpoint.stages["teacher-reading"]["texts"]
    reviews = checkpoint.data["train_reviews"] + checkpoint.data["validation_reviews"]
    assert 15 < texts["parts"] <= 25
    assert read == reviews + texts["crops"] + texts["parts"] + 35
    assert checkpoint.metrics["validation"]["sources"].keys() == {"films", "hotels"}
    assert command("exporter", "to-onnx", "best.pth").code == 0
    assert command("scorer", "run", DATA / "reviews.csv", "-o", "out.parquet", "--model", "best.onnx").code == 0


def test_an_encoder_is_fine_tuned_and_resumed_inside(command: Command) -> None:
    data = write_two_sources()
    arguments = ["--teacher", save_encoder(Path("encoder")), "--teacher-texts", 100]
    result = fit(command, *data, *arguments, "-o", "whole.pth")
    assert result.code == 0, result.err
    whole = load_checkpoint(Path("whole.pth"))
    stages = ["texts", "linear", "teacher", "teacher-reading", "teacher-vectors", "stack", "sources"]
    assert list(whole.stages) == stages
    # It has learned most of the others.
    assert f"what is said of each source, on {whole.data['validation_reviews']} reviews" in result.out
    assert 94 <= whole.stages["teacher"]["texts"] <= 102  # rounded in each label of each source

    options = FitOptions(DataOptions(("reviews",)), whole.recipe, Path("parts.pth"), save_every=0.0, speak_every=0.0)
    with pytest.raises(KeyboardInterrupt):
        fitting.fit(options, Watcher(lambda line: line.startswith("teacher: 75%")))
    assert Path("parts.run/stages/teacher.part").exists()
    resumed = fit(command, *data, *arguments, "-o", "parts.pth", "--resume")
    assert resumed.code == 0, resumed.err
    assert "teacher: resumed at 50%" in resumed.out
    parts = load_checkpoint(Path("parts.pth"))
    assert all(torch.equal(parts.model_state_dict[name], w) for name, w in whole.model_state_dict.items())


def test_what_judges_a_review_has_not_learned_it(command: Command) -> None:
    data = write_two_sources()
    arguments = ["--teacher", save_encoder(Path("encoder")), "--teacher-folds", 2, "--teacher-epochs", 4]
    arguments += ["--parts", 30, "--made-at-once", 20, "--teacher-batch", 64]
    result = fit(command, *data, *arguments, "-o", "whole.pth")
    assert result.code == 0, result.err
    whole = load_checkpoint(Path("whole.pth"))
    folds = ["teacher-1", "teacher-reading-1", "teacher-2", "teacher-reading-2", "teacher-reading"]
    assert list(whole.stages) == ["texts", "linear", *folds, "teacher-vectors", "stack", "sources"]
    assert f"what is said of each source, on {whole.data['train_reviews']} reviews" in result.out
    one, other, both = (stage_tensors(f"teacher-reading{suffix}") for suffix in ("-1", "-2", ""))
    assert whole.stages["teacher-1"]["steps"] == 4  # one each pass
    reviews = whole.data["train_reviews"]
    assert len(one["train"]) + len(other["train"]) == len(both["train"]) == reviews
    assert set(both["train"].tolist()) == {*one["train"].tolist(), *other["train"].tolist()}
    torch.testing.assert_close(both["held_out"], (one["held_out"] + other["held_out"]) / 2)
    assert not torch.equal(one["held_out"], other["held_out"])

    options = FitOptions(DataOptions(("reviews",)), whole.recipe, Path("parts.pth"), save_every=0.0, speak_every=0.0)
    with pytest.raises(KeyboardInterrupt):
        fitting.fit(options, Watcher(lambda line: line.startswith("teacher-2: 75%")))
    resumed = fit(command, *data, *arguments, "-o", "parts.pth", "--resume")
    assert resumed.code == 0, resumed.err
    assert "teacher-2: resumed at 50%" in resumed.out
    parts = load_checkpoint(Path("parts.pth"))
    assert all(torch.equal(parts.model_state_dict[name], w) for name, w in whole.model_state_dict.items())


def stage_tensors(name: str) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = torch.load(f"whole.run/stages/{name}.pt", weights_only=True)["tensors"]
    return tensors


def test_the_small_network_begins_with_the_transformers_word_vectors(command: Command) -> None:
    teacher = save_classifier(Path("two"), ["negative", "positive"])
    still = ["--learning-rate", 1e-30, "--embedding-bits", 32, "--average-decay", "none", "--epochs", 1]
    readers = ["--lm-words", 20_000, "--teacher-hidden-dim", 8, "--reader-epochs", 1, "--self-training-rounds", 0]
    assert fit(command, "--data", DATA, "--teacher", teacher, *readers, *still).code == 0
    made = torch.load("best.run/stages/teacher-vectors.pt", weights_only=True)["tensors"]["vectors"]
    learned = load_checkpoint(Path("best.pth")).model_state_dict["embedding.weight"]
    torch.testing.assert_close(learned, made, rtol=0, atol=1e-20)


def test_the_transformer_joins_language_model_and_readers(command: Command) -> None:
    teacher = save_classifier(Path("two"), ["negative", "positive"])
    readers = ["--lm-words", 20_000, "--teacher-hidden-dim", 8, "--reader-epochs", 1, "--self-training-rounds", 1]
    result = fit(command, "--data", DATA, "--teacher", teacher, *readers)
    assert result.code == 0, result.err
    stages = load_checkpoint(Path("best.pth")).stages
    assert len(stages["stack-2"]["weights"].split()) == 3
    assert stages["reading-2"]["texts"] == stages["teacher-reading"]["texts"]


def test_teachers_that_cannot_be_used(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    data = ["--data", DATA]
    one_line(fit(command, *data, "--teacher", "./nowhere"), "./nowhere", "no such folder")
    save_tokenizer(Path("bare"))
    one_line(fit(command, *data, "--teacher", "bare", "--force"), "bare", "config.json", "--teacher FOLDER")
    emotions = save_classifier(Path("emotions"), ["joy", "anger"])
    one_line(fit(command, *data, "--teacher", emotions, "--force"), "joy, anger")
    encoder = save_encoder(Path("encoder"))
    one_line(fit(command, *data, "--teacher", encoder, "--teacher-length", 2, "--force"), "--teacher-length 2")
    tutorial = command("trainer", "fit", "--recipe", "tutorial", *data, "--teacher", encoder)
    assert tutorial.code == 2
    assert "--teacher" in tutorial.err


def test_no_hub_says_how_to_name_a_folder() -> None:
    """In a process of its own: huggingface_hub reads HF_HUB_OFFLINE when it is imported."""
    arguments = [*map(str, DISTILLED), "--data", str(DATA), "--teacher", "some/transformer"]
    result = subprocess.run(
        [sys.executable, "-m", "trainer", "fit", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        check=False,
    )
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    for word in ("'some/transformer'", "config.json", "--teacher FOLDER"):
        assert word in result.stderr
    assert "linear" not in result.stdout  # refused before the first stage
