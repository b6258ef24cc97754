"""Soft labels: from the teachers' logits to what a network learns of every prefix of a review (Hinton et al. 2015)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.network.lstm import PREFIX_WORDS

__all__ = ["mix_hard", "prefix_labels", "shaped_as", "whole", "whole_labels"]

_LARGEST_LOGIT = 6.0  # surer labels than 99.75 % teach nothing more
_LEAST_PROBABILITY = 0.003


def whole(prefix_logits: Tensor) -> Tensor:
    """The whole texts' logits [rows] from those of their prefixes, [rows, prefixes] with NaN behind the end."""
    return prefix_logits.gather(1, _last(prefix_logits)).squeeze(1)


def mix_hard(logits: Tensor, labels: Tensor, share: float) -> Tensor:
    """Logits [rows] of the teachers' probabilities with a `share` of the true labels [rows]."""
    if not share:
        return logits
    mixed = (1 - share) * torch.sigmoid(logits) + share * labels
    return mixed.clamp(_LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY).logit()


def prefix_labels(prefix_logits: Tensor, logits: Tensor, lengths: Tensor) -> Tensor:
    """Probabilities [rows, prefixes], NaN behind the end, that begin as a reader says and end as all teachers say.

    `prefix_logits` [rows, prefixes] are one reader's, NaN behind the end; `logits` [rows] are all teachers' on the
    whole texts of `lengths` [rows]. The reader's are first stretched to the teachers' spread, then drift to theirs.
    """
    stretched = prefix_logits * (logits.std() / whole(prefix_logits).std())  # [rows, prefixes]
    drift = (logits - whole(stretched)).unsqueeze(1)  # [rows, 1], what the others add at the end
    return _sure_enough(stretched + drift * _share_read(lengths, prefix_logits.shape[1]))


def whole_labels(logits: Tensor, lengths: Tensor, prefixes: int) -> Tensor:
    """Probabilities [rows, prefixes] that are known, not NaN, for the whole texts only."""
    labels = torch.full((len(logits), prefixes), torch.nan)
    last = (lengths.clamp_min(1) - 1) // PREFIX_WORDS
    return labels.scatter(1, last.unsqueeze(1), _sure_enough(logits).unsqueeze(1))


def shaped_as(labels: Tensor, logits: Tensor, lengths: NDArray[np.int64]) -> Tensor:
    """Probabilities of `logits` [rows] shaped as `labels`: [rows], or [rows, prefixes], known for whole texts only."""
    if labels.ndim == 1:
        return _sure_enough(logits)
    return whole_labels(logits, torch.from_numpy(lengths), labels.shape[1])


def _share_read(lengths: Tensor, prefixes: int) -> Tensor:
    """The share of a text of `lengths` [rows] words that each prefix covers: [rows, prefixes], 1 at the end."""
    words = (torch.arange(prefixes) + 1) * PREFIX_WORDS  # [prefixes]
    return torch.minimum(words, lengths.unsqueeze(1)) / lengths.clamp_min(1).unsqueeze(1)


def _last(prefix_logits: Tensor) -> Tensor:
    """Where the last number of each row stands: int64 [rows, 1]."""
    return (~prefix_logits.isnan()).sum(1, keepdim=True) - 1


def _sure_enough(logits: Tensor) -> Tensor:
    """Probabilities of `logits`, of any shape, none of them surer than what still teaches."""
    return torch.sigmoid(logits.clamp(-_LARGEST_LOGIT, _LARGEST_LOGIT))
