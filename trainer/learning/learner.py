"""A network that learns: one step at a time, by the optimiser, schedule and running average of its recipe."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.functional import dropout
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel

from trainer.data.batches import Batch
from trainer.errors import TrainerError
from trainer.network.bfloat16 import lstm_class
from trainer.network.losses import Judged, judge
from trainer.network.lstm import SentimentLSTM
from trainer.network.rounding import round_vectors
from trainer.network.settings import NetworkSettings
from trainer.recipes import Recipe

__all__ = ["Learner"]

_OF_WORDS = "embedding.", "phrases."
"""What knows words: each learns from a few reviews only, and at a rate of its own."""

_FREQUENT = 5000  # words whose vectors tell how large a vector is; rare ones have hardly moved


class Learner:
    """Network, optimizer and running average of one training."""

    def __init__(self, recipe: Recipe, settings: NetworkSettings, unknown_id: int) -> None:
        self._recipe, self._settings, self._unknown_id = recipe, settings, unknown_id
        self.network = SentimentLSTM(settings, lstm_class(recipe.bfloat16))
        words, rest = list[Parameter](), list[Parameter]()
        for name, weights in self.network.named_parameters():
            (words if name.startswith(_OF_WORDS) else rest).append(weights)
        self._optimizer = torch.optim.Adam(
            [{"params": words, "share": recipe.embedding_rate}, {"params": rest, "share": 1.0}],
            recipe.learning_rate,
            betas=(0.9, recipe.adam_beta2),
            fused=True,
        )
        self._average = _running_average(self.network, recipe)
        self._steps = 0

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Take over weights by name, all or some, before the first step."""
        known = self.network.state_dict()
        known.update({name: values for name, values in weights.items() if name in known})
        self.network.load_state_dict(known)
        self._average = _running_average(self.network, self._recipe)

    def step(self, batch: Batch, progress: float) -> Judged:
        """Learn one batch; `progress` is the share of the training done after it, from 0 to 1."""
        self.network.train()
        self._set_rates(progress)
        self._optimizer.zero_grad()
        batch = batch._replace(input_ids=self._drop_words(batch.input_ids))
        judged = self._backward(self.network.embedding(batch.input_ids), batch)
        if not torch.isfinite(judged[0]):
            raise TrainerError(
                "the loss is no longer a number; fit again with a lower --learning-rate or --clip-norm 1"
            )
        if self._recipe.clip_norm is not None:
            clip_grad_norm_(self.network.parameters(), self._recipe.clip_norm)
        self._optimizer.step()
        self._steps += 1
        if self._average and self._steps % self._recipe.average_every == 0:
            self._average.update_parameters(self.network)
        loss, logits, labels = judged
        return loss.detach(), logits.detach(), labels

    def served_network(self) -> SentimentLSTM:
        """The network as it is validated and saved: averaged and rounded, if the recipe says so, in float32."""
        learned = self._average.module if self._average else self.network
        served = SentimentLSTM(self._settings)
        served.load_state_dict(learned.state_dict())
        table = served.embedding.weight.data
        table.copy_(round_vectors(table, self._recipe.embedding_bits))
        if served.phrases is not None:
            served.phrases.round()
        return served.eval()

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on as if nothing had happened."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": self._average.state_dict() if self._average else None,
            "steps": self._steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._average and state["average"]:
            self._average.load_state_dict(state["average"])
        self._steps = state["steps"]

    def _set_rates(self, progress: float) -> None:
        recipe = self._recipe
        rate = recipe.learning_rate
        if recipe.cosine:
            rate *= 0.5 + 0.5 * math.cos(math.pi * progress)
        if recipe.warmup:
            rate = min(rate, recipe.learning_rate * progress / recipe.warmup)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["share"]

    def _drop_words(self, input_ids: Tensor) -> Tensor:
        if not self._recipe.word_dropout:
            return input_ids
        return input_ids.masked_fill(torch.rand(input_ids.shape) < self._recipe.word_dropout, self._unknown_id)

    def _backward(self, vectors: Tensor, batch: Batch) -> Judged:
        """Gradients of a batch, whose word vectors are [batch, time, embedding]."""
        if not self._recipe.adversarial:
            return self._gradients_of(vectors, batch)
        clean = vectors.detach().requires_grad_()
        judged = self._gradients_of(clean, batch)
        assert clean.grad is not None
        moved = (clean.detach() + self._worst_shift(clean.grad, batch.mask)).requires_grad_()
        self._gradients_of(moved, batch)
        assert moved.grad is not None
        vectors.backward(clean.grad + moved.grad)  # type: ignore[no-untyped-call]
        return judged

    def _gradients_of(self, vectors: Tensor, batch: Batch) -> Judged:
        phrases = self.network.weigh_phrases(batch.input_ids, batch.mask)
        if phrases is not None and self._recipe.phrase_dropout:
            phrases = dropout(phrases, self._recipe.phrase_dropout)
        told = batch.labels, batch.weights, self._recipe.prefix_weight
        judged = judge(self.network, vectors, batch.mask, *told, phrases)
        judged[0].backward()  # type: ignore[no-untyped-call]
        return judged

    def _worst_shift(self, gradient: Tensor, mask: Tensor) -> Tensor:
        """The shift of a review's word vectors, of given length, that hurts most: along the loss's gradient."""
        gradient = gradient * mask.unsqueeze(2)
        length = gradient.pow(2).sum((1, 2), keepdim=True).sqrt()
        deviation = self.network.embedding.weight.detach()[:_FREQUENT].std()
        return gradient * (self._recipe.adversarial * deviation / (length + 1e-12))


def _running_average(network: SentimentLSTM, recipe: Recipe) -> AveragedModel | None:
    """An exponential moving average of the weights (Polyak averaging), if there is a decay."""
    decay, warmup = recipe.average_decay, recipe.average_warmup
    if not decay:
        return None

    @torch.no_grad()
    def update(averages: Sequence[Tensor], weights: Sequence[Tensor], updates: Tensor | int) -> None:
        count = int(updates)
        share = min(decay, count / (count + warmup))
        torch._foreach_lerp_(list(averages), list(weights), 1 - share)

    return AveragedModel(network, multi_avg_fn=update)
