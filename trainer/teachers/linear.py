"""The linear teacher: logistic regression on naive-Bayes-weighted binary n-grams (Wang & Manning 2012)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from scorer.tokens.encoder import RaggedIds
from trainer.data.ragged import rows_of
from trainer.data.reviews import EncodedReviews
from trainer.stages import Made
from trainer.teachers.ngrams import Ngrams, SparseRows

__all__ = ["ParentedTexts", "fit_linear", "linear_logits", "word_ratios"]

_SMOOTHING = 1.0  # added to every n-gram's count in each class
_ITERATIONS = 30


ParentedTexts = tuple[RaggedIds, NDArray[np.int64]]
"""Texts, and the number [rows] of the training review that each was made of; any other number where it was of none."""


def linear_logits(
    train: EncodedReviews,
    others: Mapping[str, ParentedTexts],
    vocab_size: int,
    *,
    folds: int,
    strength: float,
    seed: int,
) -> Made:
    """Logits [rows] of `train` and of `others`, out of fold; and what was reached.

    Out of fold means that a review, and what was made of it, is judged by weights that were fitted without it: a
    teacher is too sure of the reviews it learned from. Texts of no such review are judged by the mean of all folds.
    Each review counts as its weight says.
    """
    fitted = _fit_folds(train, vocab_size, folds, strength, seed)
    texts = {"train": (train.ids, np.arange(len(train))), **others}
    made = {name: fitted.logits(*parented) for name, parented in texts.items()}
    accuracy = np.average((made["train"] > 0) == (train.labels > 0.5), weights=train.weights)
    tensors = {name: torch.from_numpy(values.astype(np.float32)) for name, values in made.items()}
    return tensors, {"ngrams": len(fitted.ngrams), "out_of_fold_accuracy": float(accuracy)}


@dataclass(frozen=True)
class _Folds:
    """Weights of every fold, float32 [folds, ngrams], and biases [folds], each fitted without the fold's reviews."""

    ngrams: Ngrams
    of_review: NDArray[np.int64]
    """The fold of each training review."""
    weights: NDArray[np.float32]
    biases: NDArray[np.float64]

    def logits(self, texts: RaggedIds, parents: NDArray[np.int64]) -> NDArray[np.float64]:
        """Logits [rows] of texts by weights that saw none of their parents."""
        logits = np.zeros(len(texts))
        for fold in range(len(self.weights)):
            rows = np.flatnonzero(np.isin(parents, np.flatnonzero(self.of_review == fold)))
            logits[rows] = _score(self.ngrams, rows_of(texts, rows), self.weights[fold], self.biases[fold])
        rows = np.flatnonzero((parents < 0) | (parents >= len(self.of_review)))
        logits[rows] = _score(self.ngrams, rows_of(texts, rows), self.weights.mean(0), self.biases.mean())
        return logits


def _fit_folds(train: EncodedReviews, vocab_size: int, folds: int, strength: float, seed: int) -> _Folds:
    ngrams = Ngrams(train.ids, vocab_size)
    matrix = ngrams.matrix(train.ids)
    of_review = np.random.default_rng(seed).permutation(len(train)) % folds
    weights, biases = np.zeros((folds, len(ngrams)), np.float32), np.zeros(folds)
    for fold in range(folds):
        outside = of_review != fold
        reviews = matrix.chosen(outside), train.labels[outside], train.weights[outside]
        weights[fold], biases[fold] = fit_linear(*reviews, len(ngrams), strength)
    return _Folds(ngrams, of_review, weights, biases)


def fit_linear(
    matrix: SparseRows, labels: NDArray[np.float32], shares: NDArray[np.float32], width: int, strength: float
) -> tuple[NDArray[np.float32], float]:
    """Weights [width] and bias that tell `labels` [rows], which count as `shares` say, from `matrix`, by L-BFGS."""
    ratios = _naive_bayes_ratios(matrix, labels, shares, width)
    parameters = torch.zeros(width + 1, requires_grad=True)  # one per n-gram, and the bias
    optimizer = torch.optim.LBFGS(
        [parameters], max_iter=_ITERATIONS, history_size=8, line_search_fn="strong_wolfe", tolerance_change=1e-6
    )
    targets, counts = torch.from_numpy(labels), torch.from_numpy(shares)

    def loss_and_gradient() -> Tensor:
        values = parameters.detach().numpy()
        weights, bias = values[:-1], values[-1]
        logits = torch.from_numpy((matrix.times(weights * ratios) + bias).astype(np.float32))
        errors = ((torch.sigmoid(logits) - targets) * counts).numpy()
        gradient = matrix.transposed_times(errors, width) * ratios + weights / strength
        parameters.grad = torch.from_numpy(np.append(gradient, errors.sum()).astype(np.float32))
        penalty = 0.5 / strength * float(np.square(weights).sum())
        return binary_cross_entropy_with_logits(logits, targets, counts, reduction="sum") + penalty

    optimizer.step(loss_and_gradient)  # type: ignore[no-untyped-call]
    values = parameters.detach().numpy()
    return values[:-1] * ratios, float(values[-1])


def word_ratios(train: EncodedReviews, vocab_size: int) -> Tensor:
    """Log ratio of each word's frequency in positive and in negative reviews, float32 [vocab_size]."""
    rows = np.repeat(np.arange(len(train)), train.ids.lengths)
    words = SparseRows(rows, train.ids.values.astype(np.int64), len(train))
    return torch.from_numpy(_naive_bayes_ratios(words, train.labels, train.weights, vocab_size))


def _naive_bayes_ratios(
    matrix: SparseRows, labels: NDArray[np.float32], shares: NDArray[np.float32], width: int
) -> NDArray[np.float32]:
    """Log ratio of each n-gram's weighted frequency in positive and in negative reviews: [width]."""
    positive = matrix.transposed_times(labels * shares, width) + _SMOOTHING
    negative = matrix.transposed_times((1 - labels) * shares, width) + _SMOOTHING
    ratios = np.log(positive / positive.sum()) - np.log(negative / negative.sum())
    return np.asarray(ratios, np.float32)


def _score(ngrams: Ngrams, reviews: RaggedIds, weights: NDArray[np.float32], bias: np.float64) -> NDArray[np.float64]:
    parts = [part.times(weights) for _, part in ngrams.parts(reviews)]
    return np.concatenate([np.empty(0), *parts]) + bias
