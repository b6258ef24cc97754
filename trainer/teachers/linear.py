"""The linear teacher: logistic regression on naive-Bayes-weighted binary n-grams (Wang & Manning 2012)."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from scorer.tokens.encoder import RaggedIds
from trainer.data.reviews import EncodedReviews
from trainer.stages import Made
from trainer.teachers.ngrams import Ngrams, SparseRows

__all__ = ["fit_linear", "linear_logits", "word_ratios"]

_SMOOTHING = 1.0  # added to every n-gram's count in each class
_ITERATIONS = 30


def linear_logits(
    train: EncodedReviews,
    others: Mapping[str, RaggedIds],
    vocab_size: int,
    *,
    folds: int,
    strength: float,
    seed: int,
) -> Made:
    """Logits [rows] of `train`, out of fold, and of `others`, the mean of all folds; and what was reached.

    Out of fold means that a review is judged by weights that were fitted without it: a teacher is too sure of the
    reviews it learned from. Each review counts as its weight says.
    """
    ngrams = Ngrams(train.ids, vocab_size)
    matrix = ngrams.matrix(train.ids)
    fold = np.random.default_rng(seed).permutation(len(train)) % folds
    logits = np.zeros(len(train))
    weights, biases = np.zeros((folds, len(ngrams)), np.float32), np.zeros(folds)
    for number in range(folds):
        inside = fold == number
        outside = train.labels[~inside], train.weights[~inside]
        fitted = fit_linear(matrix.chosen(~inside), *outside, len(ngrams), strength)
        weights[number], biases[number] = fitted
        logits[inside] = matrix.chosen(inside).times(weights[number]) + biases[number]
    mean, bias = weights.mean(0), float(biases.mean())
    made = {"train": logits, **{name: _score(ngrams, ids, mean, bias) for name, ids in others.items()}}
    accuracy = float(np.average((logits > 0) == (train.labels > 0.5), weights=train.weights))
    tensors = {name: torch.from_numpy(values.astype(np.float32)) for name, values in made.items()}
    return tensors, {"ngrams": len(ngrams), "out_of_fold_accuracy": accuracy}


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


def _score(ngrams: Ngrams, reviews: RaggedIds, weights: NDArray[np.float32], bias: float) -> NDArray[np.float64]:
    parts = [part.times(weights) for _, part in ngrams.parts(reviews)]
    return np.concatenate([np.empty(0), *parts]) + bias
