"""What each teacher is made of, on data small enough to know the answer."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from trainer.data.ragged import joined, ragged, rows_of, tail
from trainer.data.reviews import EncodedReviews
from trainer.network.losses import judge
from trainer.network.lstm import SentimentLSTM
from trainer.network.settings import NetworkSettings
from trainer.teachers.by_source import fit_sources, scaled_by_source
from trainer.teachers.linear import linear_logits
from trainer.teachers.made_texts import (
    MadeTexts,
    Originals,
    cut_crops,
    cut_parts,
    recombine,
    sentence_bounds,
    texts_from,
)
from trainer.teachers.ngrams import Ngrams
from trainer.teachers.sampled_softmax import SampledLoss
from trainer.teachers.soft_labels import mix_hard, prefix_labels, whole, whole_labels
from trainer.teachers.stack import fit_stack, stacked

LISTS = st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=6)


def rows(*lists):
    values = np.array([value for row in lists for value in row], np.int32)
    return ragged(values, np.array([len(row) for row in lists], np.int64))


def lists_of(ids):
    return [ids.values[a:b].tolist() for a, b in zip(ids.offsets[:-1], ids.offsets[1:], strict=True)]


@given(LISTS, LISTS, st.integers(1, 5))
def test_ragged_rows(one, other, longest) -> None:
    assert lists_of(joined([rows(*one), rows(*other)])) == one + other
    assert lists_of(tail(rows(*one), longest)) == [row[-longest:] for row in one]
    assert lists_of(rows_of(rows(*one), np.arange(len(one))[::-1])) == one[::-1]


def originals(*texts, sources=None) -> Originals:
    numbers = np.arange(1, len(texts) + 1, dtype=np.float32)
    return Originals(texts, numbers, np.zeros(len(texts), np.int64) if sources is None else np.array(sources))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("So good film! Bad film?! So good film...", ["So good film! ", "Bad film?! ", "So good film..."]),
        ('He said "no." Then left.', ['He said "no." ', "Then left."]),
        ("It cost 3.50 a day", ["It cost 3.50 a day"]),
        ("很好！不好。", ["很好！", "不好。"]),
        ("बहुत अच्छा। बुरा", ["बहुत अच्छा। ", "बुरा"]),
        ("One line\nanother<br /><br />last. ", ["One line\n", "another<br /><br />", "last. "]),
        ("", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    bounds = sentence_bounds(text)
    assert [text[a:b] for a, b in pairwise(bounds) if text[a:b]] == sentences


@given(st.lists(st.sampled_from([". ", "! ", "good ", "film ", "so "]), max_size=40).map("".join))
def test_crops_keep_sentence_boundaries(review: str) -> None:
    bounds = sentence_bounds(review)
    stretches = {review[a:b].strip() for a in bounds for b in bounds if a < b}
    assert set(cut_crops(originals(review), 20, seed=0).texts) <= stretches


def test_crops_of_words() -> None:
    found = cut_crops(originals("So good film! Bad bad film?! So good film...", "bad film"), 200, seed=1)
    first, second, third = "So good film!", "Bad bad film?!", "So good film..."
    parts = [first, second, third, f"{first} {second}", f"{second} {third}"]
    assert sorted(found.texts) == sorted(parts)  # each once, and neither a whole review nor one of two words
    assert set(found.weights) == {1.0}
    assert set(found.parents) == {0}
    assert cut_crops(originals("One and only sentence here. "), 5, seed=1).texts == []
    assert cut_crops(originals("非常好。不好"), 9, seed=1).texts == ["非常好。"]  # letters, where no spaces are written


@given(st.lists(st.sampled_from("abcdefgh"), max_size=9), st.integers(0, 5))
def test_parts_leave_out_some_sentences_and_keep_the_order(letters: list[str], seed: int) -> None:
    sentences = [f"{number}{letter}." for number, letter in enumerate(letters)]
    found = cut_parts(originals("Too. Short.", " ".join(sentences)), 12, seed)
    assert len(found.texts) == len(set(found.texts))
    assert bool(found.texts) == (len(sentences) > 2)
    for text, weight, parent in zip(found.texts, found.weights, found.parents, strict=True):
        left = text.split()
        assert left == [sentence for sentence in sentences if sentence in left]
        assert 1 <= len(left) <= len(sentences)
        assert (weight, parent) == (2.0, 1)


def test_parts_are_of_all_reviews_before_any_comes_twice() -> None:
    reviews = [f"{n}. Good film. Bad end. Fine wine. Poor sound. Dull plot." for n in range(9)]
    found = cut_parts(originals(*reviews), 5, seed=0)
    assert len(set(found.parents)) == 5
    shares = [len(text.split(". ")) / 6 for text in cut_parts(originals(*reviews), 400, seed=0).texts]
    assert 0.45 < np.mean(shares) < 0.65


def test_recombined_texts_are_of_one_source_and_weigh_as_its_reviews() -> None:
    found = recombine(
        originals("Good food. Fine wine.", "Bad room. Loud bar.", "Dull plot.", sources=[0, 0, 1]), 60, seed=1
    )
    assert len(found.texts) == 60
    of_films = ["plot" in text for text in found.texts]
    assert any(of_films)
    assert not all(of_films)
    for text, weight in zip(found.texts, found.weights, strict=True):
        sentences = text.split(". ")
        assert 2 <= len(sentences) <= 6
        if "plot" in text:
            assert set(text.replace(".", "").split()) == {"Dull", "plot"}
            assert weight == 3.0
        else:
            assert 1.0 <= weight <= 2.0
    assert any("food" in text and "bar" in text for text in found.texts)
    assert recombine(originals("Good."), 0, seed=1).texts == []


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_made_texts_are_kept_as_they_are(texts: list[str]) -> None:
    assert texts_from(MadeTexts(texts, [1.0] * len(texts), [-1] * len(texts)).tensors()).to_pylist() == texts


@given(st.lists(st.lists(st.integers(0, 4), max_size=7), min_size=1, max_size=8))
def test_ngrams_are_those_of_a_plain_loop(reviews) -> None:
    def grams(row):
        return {tuple(row[i : i + n]) for n in (1, 2, 3) for i in range(len(row) - n + 1)}

    seen = [gram for row in reviews for gram in grams(row)]
    known = {gram for gram in seen if seen.count(gram) >= 2}
    ngrams = Ngrams(rows(*reviews), vocab_size=5)
    assert len(ngrams) == len(known)
    matrix = ngrams.matrix(rows(*reviews))
    assert matrix.times(np.ones(len(ngrams))).tolist() == [len(grams(row) & known) for row in reviews]
    assert sorted(matrix.transposed_times(np.ones(len(reviews)), len(ngrams))) == sorted(map(seen.count, known))


def test_the_linear_teacher_recovers_a_planted_signal_out_of_fold() -> None:
    rng = np.random.default_rng(0)
    labels = (np.arange(400) % 2).astype(np.float32)
    noise = [rng.integers(10, 60, 20).tolist() for _ in labels]
    # "5 6" is good and "6 5" is bad: single words say nothing.
    texts = [row[:9] + ([5, 6] if label else [6, 5]) + row[9:] for row, label in zip(noise, labels, strict=True)]
    reviews = EncodedReviews(rows(*texts), labels, np.ones(400, np.float32))
    others = {
        "held_out": (rows([11, 5, 6, 12], [11, 6, 5, 12], []), np.full(3, -1)),
        "none": (rows(), np.zeros(0, int)),
    }
    tensors, summary = linear_logits(reviews, others, 60, folds=5, strength=1.0, seed=0)
    assert summary["out_of_fold_accuracy"] > 0.98
    assert tensors["held_out"][0] > 1 > -1 > tensors["held_out"][1]
    assert [len(values) for values in tensors.values()] == [400, 3, 0]
    random = EncodedReviews(rows(*noise), labels, np.ones(400, np.float32))
    noisy, _ = linear_logits(random, {"again": (random.ids, np.arange(400))}, 60, folds=5, strength=1.0, seed=0)
    assert torch.equal(noisy["again"], noisy["train"])  # what is made of a review is judged out of its fold as well
    assert 0.35 < linear_logits(random, {}, 60, folds=5, strength=1.0, seed=0)[1]["out_of_fold_accuracy"] < 0.65


def test_sampled_loss_and_its_gradients_are_those_of_a_plain_softmax() -> None:
    torch.manual_seed(0)
    leaves = [torch.randn(shape) * 0.3 for shape in ((700, 8), (700, 8), (700,), (20, 8), (20,))]
    hits = torch.randint(-1, 20, (700,))
    found = [leaf.clone().requires_grad_() for leaf in leaves]
    SampledLoss.apply(*found, hits).backward()

    plain = [leaf.clone().requires_grad_() for leaf in leaves]
    states, true, true_bias, sampled, bias = plain
    others = states @ sampled.T + bias
    others = others.masked_fill(hits.unsqueeze(1) == torch.arange(20), -torch.inf)
    logits = torch.cat([((states * true).sum(1) + true_bias).unsqueeze(1), others], 1)
    loss = cross_entropy(logits, torch.zeros(700, dtype=torch.int64))
    loss.backward()
    assert SampledLoss.apply(*leaves, hits).item() == pytest.approx(loss.item(), rel=1e-5)
    for one, other in zip(found, plain, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-6)


def test_the_stack_trusts_the_better_teacher() -> None:
    torch.manual_seed(0)
    labels = (torch.rand(500) > 0.5).float()
    good, bad = (labels * 2 - 1) * 2 + torch.randn(500), torch.randn(500)
    stack, summary = fit_stack([good, bad], labels, torch.ones(500))
    assert stack["weights"][0] > 5 * stack["weights"][1].abs()
    assert summary["held_out_accuracy"] > 0.95
    assert stacked(stack, [good, bad]).shape == (500,)


@pytest.mark.parametrize("labels", [torch.ones(16), torch.arange(16) % 2.0])
def test_a_few_reviews_do_not_drive_the_stack_to_its_ends(labels: torch.Tensor) -> None:
    """All of one label, or all judged rightly."""
    stack, _ = fit_stack([(labels * 2 - 1) * 3], labels, torch.ones(16))
    assert 0.2 < stack["weights"].item() < 1.5
    assert abs(stack["bias"].item()) < 0.5


def test_each_source_is_scaled_by_what_is_true_of_it() -> None:
    """Verdicts on the second source are twice too sure and too kind by one; the third source has one label only."""
    generator = torch.Generator().manual_seed(0)
    true, sources = torch.randn(12_000, generator=generator) * 2, np.arange(12_000) % 3
    labels = torch.bernoulli(true.sigmoid(), generator=generator)
    labels[sources == 2] = 1.0
    said = torch.where(torch.from_numpy(sources == 1), 2 * (true + 1), true)
    made, summary = fit_sources(said, labels, torch.ones(12_000), sources, 3)
    assert (summary["sources"], made["temperatures"][2].item(), made["shifts"][2].item()) == (3, 1, 0)
    scaled = scaled_by_source(made, said, sources)
    torch.testing.assert_close(scaled, true, atol=0.25, rtol=0.1)
    half = scaled_by_source(made, said, sources, share=0.5)
    torch.testing.assert_close(scaled - half, 0.5 * made["shifts"][sources])
    assert torch.equal(scaled_by_source(made, said, np.full(12_000, -1)), said)


def test_soft_labels_begin_as_the_reader_says_and_end_as_all_teachers_say() -> None:
    lengths = torch.tensor([96, 40, 5])
    nan = torch.nan
    reader = torch.tensor([[2.0, 1.0, -1.0], [0.0, 1.0, nan], [0.5, nan, nan]])
    assert whole(reader).tolist() == [-1.0, 1.0, 0.5]
    logits = torch.tensor([-2.0, 2.0, 1.0])
    labels = prefix_labels(reader, logits, lengths)
    torch.testing.assert_close(whole(labels).logit(), logits)
    assert labels.isnan().tolist() == reader.isnan().tolist()
    torch.testing.assert_close(labels[0, 0].logit(), torch.tensor(4.0))  # twice as sure, as all teachers are
    known = whole_labels(logits, lengths, 3)
    torch.testing.assert_close(known[[0, 1, 2], [2, 1, 0]].logit(), logits)
    assert int(known.isnan().sum()) == 6
    mixed = mix_hard(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 0.0]), 0.5)
    torch.testing.assert_close(torch.sigmoid(mixed), torch.tensor([0.75, 0.25]))


def test_labels_of_prefixes_weigh_against_that_of_the_whole() -> None:
    network = SentimentLSTM(NetworkSettings(10, 4, 4, "last_max_mean"))
    vectors, mask = network.embedding(torch.randint(10, (2, 70))), torch.ones(2, 70, dtype=torch.int64)
    mask[1, 20:] = 0
    labels = torch.tensor([[0.9, 0.8, 0.7, torch.nan], [0.2, torch.nan, torch.nan, torch.nan]])
    weights = torch.tensor([3.0, 0.5])
    loss, logits, wholes = judge(network, vectors, mask, labels, weights, 0.5)
    assert wholes.tolist() == pytest.approx([0.7, 0.2])
    torch.testing.assert_close(logits, network.classify(vectors, mask))
    said = network.prefix_logits(vectors, mask)
    one = torch.nn.functional.binary_cross_entropy_with_logits(said[0], labels[0, :3], reduction="none")
    other = torch.nn.functional.binary_cross_entropy_with_logits(said[1, 0], labels[1, 0])
    torch.testing.assert_close(loss, (3 * (0.25 * one[:2].sum() + one[2]) + 0.5 * other) / 2)
