"""Pairs of neighbouring words: a weight for each, which a review's logit sums up.

An LSTM small enough to be fast forgets which words stood together; a linear model knows just that. So the logit is the
sum of both, learned together (Cheng et al. 2016, Wide & Deep). The weights stand in a table in which a pair's place is
a hash of its words (Weinberger et al. 2009), so that the file stays small, however many pairs there are.
"""

import torch
from torch import Tensor, nn

from trainer.network.rounding import round_vectors

__all__ = ["MULTIPLIER", "Phrases"]

MULTIPLIER = 648_053
"""Near the golden section of 2**20, so that frequent words, whose ids are small, spread evenly (Knuth 1973)."""


class Phrases(nn.Module):
    """The table: `weight`, float32 [places, 1]. Few pairs share a place where the number of places is prime."""

    def __init__(self, places: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(places, 1))

    def round(self) -> None:
        """Leave of the weights what 8 bits hold, whole steps of one size: their sum is exact in any order."""
        with torch.no_grad():
            self.weight.copy_(round_vectors(self.weight.T, 8).T)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The weight of each word, both int64 [batch, time], with the one before it: [batch, time], else zero."""
        pairs = (input_ids[:, :-1] * MULTIPLIER + input_ids[:, 1:]) % len(self.weight)
        weights = nn.functional.embedding(pairs, self.weight).squeeze(2)
        return nn.functional.pad(weights * attention_mask[:, 1:].to(weights.dtype), (1, 0))
