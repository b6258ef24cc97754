"""Readers: large networks of the served kind that start from the language model and judge every prefix of a review."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from scorer.model.batches import pad_rows, plan_batches
from scorer.tokens.encoder import RaggedIds, TextEncoder, TextSettings
from trainer.data.batches import Batch, training_batches, validation_batches
from trainer.data.reviews import EncodedReviews
from trainer.learning.evaluation import mean_of, predict
from trainer.learning.learner import Learner
from trainer.network.bfloat16 import lstm_class
from trainer.network.lstm import PREFIX_WORDS, SentimentLSTM
from trainer.recipes import Recipe, Teachers
from trainer.seeds import epoch_seed, step_seed
from trainer.stages import Made, StageProgress

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
    large = replace(recipe, hidden_dim=size, layers=1, words_per_step=1, head_dim=0, phrases=0, teachers=None)
    return replace(large, embedding_rate=1.0, cosine=True)


def train_reader(
    recipe: Recipe,
    encoder: TextEncoder,
    start: dict[str, Tensor],
    reviews: EncodedReviews,
    held_out: Mapping[str, EncodedReviews],
    seed: int,
    progress: StageProgress,
) -> Made:
    """Weights of a reader that begins with the weights `start`, and its accuracy on each part that is held out."""
    torch.manual_seed(seed)
    learner = Learner(recipe, recipe.network_settings(encoder.vocab_size), encoder.unknown_id)
    learner.start_from(start)
    begun = [0, 0, 0]
    if kept := progress.load():
        learner.load_state_dict(kept["learner"])
        begun = kept["done"]
    for batch, done in _batches_left(reviews, recipe, encoder.settings, seed, begun):
        share = (done[0] + done[2] / len(reviews)) / recipe.epochs
        loss, _, _ = learner.step(batch, share)
        _tell(progress, share, float(loss), learner, done)
    served = learner.served_network()
    held_out_batches = {part: validation_batches(texts, recipe, encoder.settings) for part, texts in held_out.items()}
    means = {part: mean_of(predict(served, batches), "rows") for part, batches in held_out_batches.items()}
    return dict(served.state_dict()), {f"{part}_accuracy": mean.accuracy for part, mean in means.items()}


def _batches_left(
    reviews: EncodedReviews, recipe: Recipe, settings: TextSettings, seed: int, done: list[int]
) -> Iterator[tuple[Batch, list[int]]]:
    """Batches of all epochs behind `done`: epochs, and of the current one batches and rows; each with its own such."""
    first, batches, rows = done
    for epoch in range(first, recipe.epochs):
        order = training_batches(reviews, recipe, settings, epoch_seed(seed, epoch))
        for batch in islice(order, batches, None):
            torch.manual_seed(step_seed(epoch_seed(seed, epoch), batches))  # dropout of its own, resumed or not
            batches, rows = batches + 1, rows + len(batch.labels)
            yield batch, [epoch, batches, rows]
        batches = rows = 0


def _tell(progress: StageProgress, share: float, loss: float, learner: Learner, done: list[int]) -> None:
    progress.at(share, lambda: f"training loss {loss:.3f}", lambda: {"learner": learner.state_dict(), "done": done})


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
