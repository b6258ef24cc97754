"""Recipes: every value that decides what a fit learns, named once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from scorer.tokens.encoder import TextSettings
from trainer.network.lstm import NetworkSettings, Pooling
from trainer.network.rounding import EmbeddingBits

__all__ = ["RECIPES", "Recipe", "Teachers", "recipe_from"]


@dataclass(frozen=True, kw_only=True)
class Teachers:
    """Sizes of the teachers whose soft labels a small network learns; each is also an option of `trainer fit`."""

    crops: int = 90_000
    """Stretches of a few sentences that are cut from the reviews, so that short texts are learned too."""
    sentence_copies: int = 4
    """How often an epoch repeats the short labelled English sentences that come with the trainer; 0 leaves them out."""
    linear_folds: int = 5
    """The linear teacher judges each training review by weights that never saw it."""
    linear_strength: float = 0.1
    """Inverse of the linear teacher's L2 penalty."""
    teacher_hidden_dim: int = 256
    """Size of the LSTM state of language model and readers."""
    lm_words: int = 88_000_000
    """Words that the language model reads, however often the same; 0: the linear teacher stands alone."""
    reader_epochs: int = 3
    """Passes of the first reader over the labelled reviews."""
    self_training_rounds: int = 3
    """How often a reader learns what linear teacher and last reader say together, and becomes the last reader."""
    self_training_epochs: int = 1
    """Passes of each round over labelled and unlabelled reviews."""
    hard_share: float = 0.3
    """Share of the true label in what the small network learns of a labelled review."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One complete set of choices; each is also an option of `trainer fit`. Defaults mean: not in this recipe."""

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
    """On pooled states."""
    vector_dropout: float = 0.0
    """On word vectors."""
    word_dropout: float
    """Share of training tokens replaced by the unknown word."""
    embedding_bits: EmbeddingBits
    """Bits of a number of the saved word vectors: eight make the sealed model a quarter as large as 32."""
    # Optimisation
    learning_rate: float
    embedding_rate: float = 1.0
    """Learning rate of the word vectors, as a share of the others'."""
    cosine: bool = False
    """Let the learning rate fall to zero along half a cosine (Loshchilov & Hutter 2017)."""
    warmup: float = 0.0
    """Share of the fit in which the learning rate rises to its value."""
    adam_beta2: float = 0.999
    """Decay of Adam's mean of squared gradients."""
    adversarial: float = 0.0
    """Size of the worst-case shift of a review's word vectors, in their standard deviations (Miyato et al. 2017)."""
    bfloat16: bool = False
    """Compute the LSTM in bfloat16 while training; validated and saved in float32 all the same."""
    batch_size: int
    """Most reviews of a step."""
    batch_tokens: int | None = None
    """Most padded tokens of a step, where reviews of similar lengths share one."""
    epochs: int
    bucket_by_length: bool
    """Train on batches of similar lengths; otherwise on plain shuffled ones."""
    clip_norm: float | None
    """Largest gradient norm of a step."""
    average_decay: float | None
    """Decay of the running average of the weights, which is what is validated and saved."""
    average_every: int = 1
    """Steps from one update of the running average to the next."""
    average_warmup: float = 0.0
    """Let the decay of update n be n / (n + this) at most, so that the first weights are soon forgotten."""
    # Validation
    validation: float | Literal["test"]
    """Share of train that is held out to choose the best epoch; the tutorial looks at test instead."""
    patience: int | None
    """Epochs without a better validation loss before stopping early."""
    mean_over: Literal["rows", "batches"]
    """How an epoch's loss and accuracy are averaged."""
    calibrate: bool = True
    """Fit a temperature to what validates, so that probabilities mean what they say."""
    # Teachers
    prefix_weight: float = 0.0
    """Weight of what teachers say of a review's beginnings, against 1 for the whole review."""
    teachers: Teachers | None = None
    """Whose soft labels are learned instead of hard ones; none in the tutorial."""

    def network_settings(self, vocab_size: int) -> NetworkSettings:
        """The network that the recipe trains."""
        sizes = self.embedding_dim, self.hidden_dim
        dropouts = self.dropout, self.vector_dropout
        return NetworkSettings(vocab_size, *sizes, self.pooling, self.words_per_step, *dropouts)

    def text_settings(self, pad_id: int) -> TextSettings:
        """The part of the recipe that serving must repeat."""
        return TextSettings(self.max_length, self.keep, pad_id, self.pad_to_max_length)


def recipe_from(fields: Mapping[str, Any]) -> Recipe:
    """The recipe whose `dataclasses.asdict` is `fields`."""
    teachers = fields.get("teachers")
    return Recipe(**{**fields, "teachers": Teachers(**teachers) if teachers else None})


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
    embedding_bits=32,
    learning_rate=1e-3,
    batch_size=64,
    epochs=10,
    bucket_by_length=False,
    clip_norm=None,
    average_decay=None,
    validation="test",
    patience=None,
    mean_over="batches",
    calibrate=False,
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
    pooling="last_max_mean",
    dropout=0.2,
    word_dropout=0.1,
    embedding_bits=8,
    learning_rate=3e-3,
    cosine=True,
    warmup=0.04,
    adam_beta2=0.99,
    bfloat16=True,
    batch_size=64,
    batch_tokens=12_000,
    epochs=6,
    bucket_by_length=True,
    clip_norm=1.0,
    average_decay=0.996,
    average_every=4,
    average_warmup=10,
    validation=0.1,
    patience=None,
    mean_over="rows",
    teachers=Teachers(lm_words=0, sentence_copies=0),
)
"""Minutes: a linear teacher labels all reviews softly, and a small network learns what it says."""

DISTILLED = replace(
    DEFAULT,
    name="distilled",
    embedding_dim=128,
    hidden_dim=48,
    word_dropout=0.2,
    epochs=14,
    embedding_rate=0.3,  # they come from a reader and know much already
    batch_size=256,
    prefix_weight=0.5,
    teachers=Teachers(),
)
"""Train big, score small: large teachers label all reviews softly, and a small network learns what they say."""

RECIPES = {recipe.name: recipe for recipe in (DEFAULT, TUTORIAL, DISTILLED)}
