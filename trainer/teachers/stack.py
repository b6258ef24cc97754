"""The stack: how much each teacher's word counts, learned from reviews that trained none of them (Wolpert 1992)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from trainer.data.weights import effective_rows
from trainer.stages import Made

__all__ = ["accuracy_of", "fit_stack", "stacked"]

_FIRST_WEIGHT = 0.3


def fit_stack(logits: Sequence[Tensor], labels: Tensor, shares: Tensor) -> Made:
    """Logistic weights [teachers] and bias [1] of the teachers' logits, each [rows]; and what they reach together.

    `labels` and `shares` [rows]: what is true of each held-out review, and how much it counts. Weights and bias stay
    near where they begin unless many reviews speak against it (a normal prior of deviation 1): a few that all
    teachers judge rightly say little, and reviews of one label alone say nothing.
    """
    columns = torch.stack(list(logits), 1)
    weights = torch.full((columns.shape[1],), _FIRST_WEIGHT, requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=100, line_search_fn="strong_wolfe")

    rows = effective_rows(shares.numpy())

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = binary_cross_entropy_with_logits(columns @ weights + bias, labels, shares)
        value = value + 0.5 / rows * ((weights - _FIRST_WEIGHT).pow(2).sum() + bias.pow(2).sum())
        value.backward()  # type: ignore[no-untyped-call]
        return value

    if 0 < labels.mean() < 1:
        optimizer.step(loss)  # type: ignore[no-untyped-call]
    made = {"weights": weights.detach(), "bias": bias.detach()}
    shown = " ".join(f"{weight:.2f}" for weight in weights.tolist())
    return made, {"weights": shown, "held_out_accuracy": accuracy_of(stacked(made, logits), labels, shares)}


def accuracy_of(logits: Tensor, labels: Tensor, shares: Tensor) -> float:
    """The share of rows that `logits` judge rightly, each counted as `shares` says; all are [rows]."""
    hits = (logits > 0) == (labels > 0.5)
    return ((hits * shares).sum() / shares.sum()).item()


def stacked(stack: dict[str, Tensor], logits: Sequence[Tensor]) -> Tensor:
    """What all teachers say together: logits [rows] of their logits, each [rows]."""
    return torch.stack(list(logits), 1) @ stack["weights"] + stack["bias"]
