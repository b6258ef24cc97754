"""Readers: large networks of the served kind that start from the language model and judge every prefix of a review."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from scorer.model.batches import pad_rows, plan_batches
from scorer.tokens.encoder import RaggedIds, TextEncoder
from trainer.data.batches import training_batches, validation_batches
from trainer.data.reviews import EncodedReviews
from trainer.learning.evaluation import mean_of, predict
from trainer.learning.learner import Learner
from trainer.network.bfloat16 import lstm_class
from trainer.network.lstm import PREFIX_WORDS, SentimentLSTM
from trainer.recipes import Recipe, Teachers
from trainer.stages import Made, Progress

__all__ = ["first_reader", "prefix_count", "read_prefixes", "self_trained_reader", "train_reader"]


def first_reader(recipe: Recipe, teachers: Teachers) -> Recipe:
    """Fine-tuned on hard labels, with word vectors shifted the worst way (Miyato et al. 2017)."""
    return replace(
        _large(recipe, teachers),
        epochs=teachers.reader_epochs,
        dropout=0.5,
        adversarial=5.0,
        learning_rate=1e-3,
        warmup=0.1,
        batch_size=64,
        batch_tokens=None,
        average_decay=None,
    )


def self_trained_reader(recipe: Recipe, teachers: Teachers) -> Recipe:
    """Goes on from the last reader, on what that and the linear teacher say together of every prefix of a review."""
    return replace(
        _large(recipe, teachers),
        epochs=teachers.self_training_epochs,
        dropout=0.4,
        learning_rate=1e-3,
        warmup=0.2,
    )


def _large(recipe: Recipe, teachers: Teachers) -> Recipe:
    size = teachers.teacher_hidden_dim
    return replace(recipe, hidden_dim=size, words_per_step=1, embedding_rate=1.0, cosine=True, teachers=None)


def train_reader(
    recipe: Recipe,
    encoder: TextEncoder,
    start: dict[str, Tensor],
    reviews: EncodedReviews,
    held_out: Mapping[str, EncodedReviews],
    seed: int,
    progress: Progress,
) -> Made:
    """Weights of a reader that begins with the weights `start`, and its accuracy on each part that is held out."""
    torch.manual_seed(seed)
    learner = Learner(recipe, recipe.network_settings(encoder.vocab_size), encoder.unknown_id)
    learner.start_from(start)
    first = batches = rows = 0  # epochs, and of the current one batches and rows, that are done
    if kept := progress.load():
        learner.load_state_dict(kept["learner"])
        first, batches, rows = kept["done"]
    for epoch in range(first, recipe.epochs):
        order = training_batches(reviews, recipe, encoder.settings, seed * 10_007 + epoch)
        for batch in islice(order, batches, None):
            # A seed of its own for every step, so that a resumed stage need not know how far the last one drew.
            torch.manual_seed((seed * 10_007 + epoch) * 1_000_003 + batches)
            batches, rows = batches + 1, rows + len(batch[2])
            share = (epoch + rows / len(reviews)) / recipe.epochs
            loss, _, _ = learner.step(batch, share)
            done = [epoch, batches, rows]
            progress.at(
                share,
                lambda loss=loss: f"training loss {loss.item():.3f}",  # type: ignore[misc]
                lambda done=done: {"learner": learner.state_dict(), "done": done},  # type: ignore[misc]
            )
        batches = rows = 0
    served = learner.served_network()
    reached = {
        f"{part}_accuracy": mean_of(
            predict(served, validation_batches(texts, recipe, encoder.settings)), "rows"
        ).accuracy
        for part, texts in held_out.items()
    }
    return dict(served.state_dict()), reached


def prefix_count(longest: int) -> int:
    """Prefixes of a text of `longest` words, the whole text included."""
    return max(1, -(-longest // PREFIX_WORDS))


@torch.inference_mode()
def read_prefixes(weights: dict[str, Tensor], recipe: Recipe, encoder: TextEncoder, ids: RaggedIds) -> Tensor:
    """A reader's logits after every `PREFIX_WORDS` words, float32 [rows, prefixes], NaN behind the end of a row."""
    settings = recipe.network_settings(encoder.vocab_size)
    network = SentimentLSTM(settings, lstm_class(recipe.bfloat16)).eval()
    network.load_state_dict(weights)
    logits = torch.full((len(ids), prefix_count(encoder.settings.max_length)), torch.nan)
    groups = [batch.rows for batch in plan_batches(ids, encoder.settings)]
    groups.append(np.flatnonzero(ids.lengths == 0))  # an empty text has a logit as well: what an empty state says
    for rows in groups:
        if not len(rows):
            continue
        lengths = ids.lengths[rows]
        input_ids, mask = pad_rows(ids, rows, max(1, int(lengths.max())), encoder.settings.pad_id)
        read = network.prefix_logits(network.embedding(torch.from_numpy(input_ids)), torch.from_numpy(mask))
        begun = torch.arange(read.shape[1]) * PREFIX_WORDS < torch.from_numpy(np.maximum(lengths, 1)).unsqueeze(1)
        logits[torch.from_numpy(rows), : read.shape[1]] = read.masked_fill(~begun, torch.nan)
    return logits
