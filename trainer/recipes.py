"""Recipes: every value that decides what a fit learns, named once."""

from dataclasses import dataclass
from typing import Literal

from scorer.text import TextSettings
from trainer.network import NetworkSettings, Pooling

__all__ = ["RECIPES", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """One complete set of choices; each is also an option of `trainer fit`."""

    name: str
    # Text
    tokenizer: str
    """`corpus` learns words from the training text; anything else is a hub id or a folder for AutoTokenizer."""
    vocab_size: int
    """Words that `corpus` keeps, the most frequent first."""
    max_length: int
    """Longest review in tokens."""
    keep: Literal["head", "tail"]
    """Which end of a longer review is kept; verdicts come last."""
    pad_to_max_length: bool
    # Network
    embedding_dim: int
    hidden_dim: int
    words_per_step: int
    """Words that the LSTM reads at each step."""
    pooling: Pooling
    """What the head sees of the states: the final time step's, or last, maximum and mean over the tokens."""
    dropout: float
    """On word vectors and on pooled states."""
    word_dropout: float
    """Share of training tokens replaced by the unknown word."""
    half_embedding: bool
    """Round the saved word vectors to half precision, which halves the sealed model."""
    # Optimisation
    learning_rate: float
    batch_size: int
    epochs: int
    bucket_by_length: bool
    """Train on batches of similar lengths; otherwise on plain shuffled ones."""
    clip_norm: float | None
    """Largest gradient norm of a step."""
    average_decay: float | None
    """Decay per step of the running average of the weights, which is what is validated and saved."""
    # Validation
    validation: float | Literal["test"]
    """Share of train that is held out to choose the best epoch; the tutorial looks at test instead."""
    patience: int | None
    """Epochs without a better validation loss before stopping early."""
    mean_over: Literal["rows", "batches"]
    """How an epoch's loss and accuracy are averaged."""

    def network_settings(self, vocab_size: int) -> NetworkSettings:
        """The network that the recipe trains."""
        sizes = self.embedding_dim, self.hidden_dim
        return NetworkSettings(vocab_size, *sizes, self.pooling, self.words_per_step, self.dropout)

    def text_settings(self, pad_id: int) -> TextSettings:
        """The part of the recipe that serving must repeat."""
        return TextSettings(self.max_length, self.keep, pad_id, self.pad_to_max_length)


TUTORIAL = Recipe(
    name="tutorial",
    tokenizer="bert-base-uncased",
    vocab_size=30_522,
    max_length=200,
    keep="head",
    pad_to_max_length=True,
    embedding_dim=128,
    hidden_dim=128,
    words_per_step=1,
    pooling="final_step",
    dropout=0.0,
    word_dropout=0.0,
    half_embedding=False,
    learning_rate=1e-3,
    batch_size=64,
    epochs=10,
    bucket_by_length=False,
    clip_norm=None,
    average_decay=None,
    validation="test",
    patience=None,
    mean_over="batches",
)
"""The tutorial that this project grew from, exactly: a reference that is never improved."""

DEFAULT = Recipe(
    name="default",
    tokenizer="corpus",
    vocab_size=30_000,
    max_length=400,
    keep="tail",
    pad_to_max_length=False,
    embedding_dim=64,
    hidden_dim=64,
    words_per_step=1,
    pooling="max_mean",
    dropout=0.5,
    word_dropout=0.1,
    half_embedding=True,
    learning_rate=2e-3,
    batch_size=64,
    epochs=12,
    bucket_by_length=True,
    clip_norm=1.0,
    average_decay=0.998,
    validation=0.1,
    patience=3,
    mean_over="rows",
)

RECIPES = {recipe.name: recipe for recipe in (DEFAULT, TUTORIAL)}
