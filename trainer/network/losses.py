"""The loss of a batch, on labels of whole reviews or of every prefix as well."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from trainer.network.lstm import SentimentLSTM

__all__ = ["Judged", "judge"]

Judged = tuple[Tensor, Tensor, Tensor]
"""The loss to minimise; logits and labels of the whole reviews, both [batch]."""


def judge(
    network: SentimentLSTM,
    vectors: Tensor,
    attention_mask: Tensor,
    labels: Tensor,
    weights: Tensor,
    prefix_weight: float,
    phrases: Tensor | None = None,
) -> Judged:
    """Cross-entropy of the network's logits with `labels` in [0, 1], each review times its weight [batch].

    Word vectors [batch, time, embedding], mask and phrases [batch, time]. Labels are [batch], or [batch, prefixes]
    as in `SentimentLSTM.prefix_logits`: NaN where nothing is known, and the last known one is the whole review's.
    """
    if labels.ndim == 1:
        logits = network.classify(vectors, attention_mask, phrases)
        return binary_cross_entropy_with_logits(logits, labels, weights), logits, labels
    logits = network.prefix_logits(vectors, attention_mask, phrases)
    return _judge_prefixes(logits, labels[:, : logits.shape[1]], weights, prefix_weight)


def _judge_prefixes(logits: Tensor, labels: Tensor, weights: Tensor, prefix_weight: float) -> Judged:
    """The whole review counts 1 and its beginnings, if they have labels, `prefix_weight` together."""
    known = ~labels.isnan()
    whole = (known * torch.arange(labels.shape[1])).amax(1, keepdim=True)  # [batch, 1]
    shares = (known * (prefix_weight / whole.clamp_min(1))).scatter(1, whole, 1.0)  # [batch, prefixes]
    shares = shares * weights.unsqueeze(1)
    losses = binary_cross_entropy_with_logits(logits, labels.nan_to_num(), shares, reduction="sum") / len(labels)
    return losses, logits.gather(1, whole).squeeze(1), labels.gather(1, whole).squeeze(1)
