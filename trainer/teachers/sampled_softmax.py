"""Sampled softmax in blocks that stay in the CPU's cache: a language model's loss without its whole vocabulary.

Each word is told from the same few sampled words instead of from all others (Jean et al. 2015; Jozefowicz et al.
2016). Automatic differentiation would write and read a [words, samples] array several times; this makes the
gradients along with the loss, block by block.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["SampledLoss", "Sampler"]

_BLOCK = 512  # rows; with 1,024 samples a block is 2 MB


class SampledLoss(torch.autograd.Function):
    """Mean cross-entropy, in nats, of each row's true word against itself and the sampled words."""

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        true_vectors: Tensor,
        true_biases: Tensor,
        sampled_vectors: Tensor,
        sampled_biases: Tensor,
        hits: Tensor,
    ) -> Tensor:
        """`states` [rows, size] and the rest of their true words; samples [samples, size] and [samples].

        `hits` int64 [rows] is the place of the true word among the samples, where it must not count twice, or -1.
        """
        rows = len(states)
        wide, narrow = states.float(), sampled_vectors.to(states.dtype)
        turned = narrow.T.contiguous()
        true_logits = (wide * true_vectors).sum(1).add_(true_biases)
        state_gradient, logit_gradient = torch.empty_like(wide), torch.empty_like(true_logits)
        vector_gradient, bias_gradient = torch.zeros_like(sampled_vectors), torch.zeros_like(sampled_biases)
        loss = 0.0
        for start in range(0, rows, _BLOCK):
            block = slice(start, start + _BLOCK)
            terms = torch.mm(states[block], turned).float().add_(sampled_biases).exp_()
            hit = torch.nonzero(hits[block] >= 0)[:, 0]
            terms[hit, hits[block][hit]] = 0.0
            true_terms = true_logits[block].exp()
            total = terms.sum(1).add_(true_terms)
            loss += float((total.log() - true_logits[block]).sum())
            terms.mul_((1.0 / (total * rows)).unsqueeze(1))
            logit_gradient[block] = (true_terms / total - 1) / rows
            bias_gradient += terms.sum(0)
            shares = terms.to(states.dtype)
            state_gradient[block] = torch.mm(shares, narrow).float()
            vector_gradient += torch.mm(shares.T, states[block]).float()
        state_gradient.add_(logit_gradient.unsqueeze(1) * true_vectors)
        true_gradient = logit_gradient.unsqueeze(1) * wide
        ctx.save_for_backward(
            state_gradient.to(states.dtype), true_gradient, logit_gradient, vector_gradient, bias_gradient
        )
        return torch.tensor(loss / rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients that `forward` made; the loss is where the way back begins, so its own is 1."""
        return (*ctx.saved_tensors, None)


@dataclass(frozen=True)
class Sampler:
    """Draws words in proportion to count ** 0.75 (Mikolov et al. 2013)."""

    cumulative: NDArray[np.float64]
    """[words]."""
    log_expected: Tensor
    """Log of the probability that a draw of `size` words holds a word, float32 [words]."""
    size: int

    @classmethod
    def from_counts(cls, counts: NDArray[np.int64], size: int) -> "Sampler":
        """A sampler for words seen `counts` times, int64 [words]."""
        share = np.maximum(counts, 1) ** 0.75
        share /= share.sum()
        expected = np.log(-np.expm1(size * np.log1p(-share)))
        return cls(np.cumsum(share), torch.tensor(expected, dtype=torch.float32), size)

    def draw(self, rng: np.random.Generator) -> Tensor:
        """At most `size` distinct words, int64 [samples], ascending."""
        drawn = np.searchsorted(self.cumulative, rng.random(self.size))
        return torch.from_numpy(np.unique(np.minimum(drawn, len(self.cumulative) - 1)))
