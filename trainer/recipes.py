"""Recipes: every value that decides what a fit learns, named once.

Imports no torch: the help of `trainer fit` is made from here and has to answer at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from scorer.tokens.settings import TextSettings
from trainer.network.settings import EmbeddingBits, NetworkSettings, Pooling
from trainer.values import (
    AMOUNT,
    COPIES,
    COUNT,
    COUNT_OR_NONE,
    FOLDS,
    LAYERS,
    LENGTH,
    POSITIVE,
    SHARE,
    SHARE_BELOW_1,
    SHARE_WITHIN,
    SIZE,
    VOCABULARY,
    Value,
)

__all__ = ["FEW_REVIEWS", "NETWORK_VALUES", "RECIPES", "Recipe", "Teachers", "recipe_from"]

FEW_REVIEWS = 20_000
"""Below so many reviews to learn from, recipe default goes on from the embedded model: docs/SMALL_DATA.md says why."""

NETWORK_VALUES = (
    "tokenizer",
    "vocab_size",
    "max_length",
    "keep",
    "pad_to_max_length",
    "embedding_dim",
    "hidden_dim",
    "layers",
    "words_per_step",
    "pooling",
    "head_dim",
    "phrases",
)
"""What a fit that goes on from a model cannot choose: the model has them already."""


@dataclass(frozen=True, kw_only=True)
class Teachers:
    """Sizes of the teachers whose soft labels a small network learns; each is also an option of `trainer fit`."""

    teacher: Annotated[str | None, Value("A transformer that labels too: a hub id or a folder.")] = None
    teacher_texts: Annotated[int, Value("Texts that a transformer without a head for labels learns from.", COUNT)] = (
        40_000
    )
    teacher_epochs: Annotated[int, Value("Its passes over them.", COUNT)] = 1
    teacher_batch: Annotated[int, Value("Texts that it learns at once; a GPU wants some hundreds.", COUNT)] = 32
    teacher_folds: Annotated[
        int | None, Value("Parts of the reviews, each judged by such a one that learned the others; none: all.", FOLDS)
    ] = None
    teacher_rate: Annotated[float | None, Value("Its step size; none: by its width.", POSITIVE)] = None
    teacher_length: Annotated[int, Value("Tokens that a transformer reads at once, at most its own limit.", LENGTH)] = (
        128
    )
    teacher_pieces: Annotated[
        int, Value("Pieces of longer texts that it reads: 1 the end, 2 the beginning too.", COUNT)
    ] = 2
    teacher_vectors: Annotated[bool, Value("Begin with word vectors that the transformer gives.")] = True
    crops: Annotated[int, Value("Stretches of sentences of the reviews to label as well.", COUNT_OR_NONE)] = 90_000
    recombined: Annotated[
        int, Value("Texts made of sentences of different reviews to label as well.", COUNT_OR_NONE)
    ] = 0
    parts: Annotated[int, Value("Reviews of which some sentences are left out to label as well.", COUNT_OR_NONE)] = 0
    single_words: Annotated[int, Value("Frequent words to label as well, each alone.", COUNT_OR_NONE)] = 0
    made_at_once: Annotated[
        int | None, Value("Of all these texts those that an epoch learns, others in the next; none: all.", COUNT)
    ] = None
    sentence_copies: Annotated[
        int, Value("Times that an epoch repeats the trainer's own English sentences.", COPIES)
    ] = 2
    # Each training review is judged by linear weights that never saw it.
    linear_folds: Annotated[int, Value("Folds of the linear teacher.", FOLDS)] = 5
    linear_strength: Annotated[float, Value("Inverse of the linear teacher's L2 penalty.", POSITIVE)] = 0.1
    teacher_hidden_dim: Annotated[int, Value("Size of the state of language model and readers.", SIZE)] = 256
    lm_words: Annotated[
        int, Value("Words that the language model reads; 0: neither that nor readers.", COUNT_OR_NONE)
    ] = 88_000_000
    reader_epochs: Annotated[int, Value("Epochs of the first reader.", COUNT)] = 3
    self_training_rounds: Annotated[int, Value("Readers that learn from last reader and others.", COUNT_OR_NONE)] = 3
    self_training_epochs: Annotated[int, Value("Epochs of each of them.", COUNT)] = 1
    hard_share: Annotated[float, Value("Share of the true label in soft ones.", SHARE)] = 0.3


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One complete set of choices; each is also an option of `trainer fit`. Defaults mean: not in this recipe."""

    name: str
    # Text
    tokenizer: Annotated[str, Value("corpus: words of the reviews; or a hub id or folder for AutoTokenizer.")]
    vocab_size: Annotated[int, Value("Words that corpus keeps, the most frequent ones.", VOCABULARY)]
    max_length: Annotated[int, Value("Longest review in tokens.", LENGTH)]
    keep: Annotated[Literal["head", "tail"], Value("The end of longer reviews to keep; verdicts come last.")]
    pad_to_max_length: Annotated[bool, Value("Pad every review to the longest length.")]
    # Network
    embedding_dim: Annotated[int, Value("Size of a word vector.", SIZE)]
    hidden_dim: Annotated[int, Value("Size of the LSTM's state.", SIZE)]
    layers: Annotated[int, Value("LSTMs, one upon the other.", LAYERS)] = 1
    words_per_step: Annotated[int, Value("Words that the LSTM reads at each step.", LAYERS)]
    pooling: Annotated[Pooling, Value("What the head sees of the states.")]
    head_dim: Annotated[int, Value("Size of a layer between states and logit; 0: none.", COUNT_OR_NONE)] = 0
    phrases: Annotated[
        int, Value("Places of a table of pairs of words, best a prime number; 0: none.", COUNT_OR_NONE)
    ] = 0
    dropout: Annotated[float, Value("On pooled states.", SHARE_BELOW_1)]
    vector_dropout: Annotated[float, Value("On word vectors.", SHARE_BELOW_1)] = 0.0
    phrase_dropout: Annotated[float, Value("On weights of pairs of words.", SHARE_BELOW_1)] = 0.0
    word_dropout: Annotated[float, Value("Share of words hidden in training.", SHARE_BELOW_1)]
    # Eight bits make the sealed model a quarter as large as 32.
    embedding_bits: Annotated[EmbeddingBits, Value("Bits of a saved number of word vectors.")]
    # Optimisation
    learning_rate: Annotated[float, Value("Adam's step size.", POSITIVE)]
    embedding_rate: Annotated[float, Value("Step size of word vectors, a share of the others'.", AMOUNT)] = 1.0
    # Loshchilov & Hutter 2017
    cosine: Annotated[bool, Value("Let the step size fall to zero along half a cosine.")] = False
    warmup: Annotated[float, Value("Share of the fit in which the step size rises.", SHARE)] = 0.0
    adam_beta2: Annotated[float, Value("Decay of Adam's mean of squared gradients.", SHARE_BELOW_1)] = 0.999
    # In standard deviations of the vectors (Miyato et al. 2017)
    adversarial: Annotated[float, Value("Size of worst-case shifts of word vectors.", AMOUNT)] = 0.0
    # Validated and saved in float32 all the same.
    bfloat16: Annotated[bool, Value("Train the LSTM in bfloat16.")] = False
    batch_size: Annotated[int, Value("Most reviews per step.", COUNT)]
    batch_tokens: Annotated[int | None, Value("Most padded tokens per step.", COUNT)] = None
    epochs: Annotated[int, Value("Most passes over the training reviews.", COUNT)]
    least_steps: Annotated[
        int, Value("Steps of a fit at least: an epoch of few reviews passes over them again.", COUNT_OR_NONE)
    ] = 0
    bucket_by_length: Annotated[bool, Value("Batch reviews of similar lengths.")]
    clip_norm: Annotated[float | None, Value("Largest gradient norm of a step.", POSITIVE)]
    average_decay: Annotated[
        float | None, Value("Decay of the running average of the weights, which is what is saved.", SHARE_BELOW_1)
    ]
    average_every: Annotated[int, Value("Steps between updates of that average.", COUNT)] = 1
    # The decay of update n is n / (n + this) at most, so that the first weights are soon forgotten.
    average_warmup: Annotated[float, Value("Updates until that average has its full decay.", AMOUNT)] = 0.0
    # Weights
    source_weights: Annotated[
        Literal["sqrt", "equal", "size"], Value("How much a source weighs: the root of its size, alike, or its size.")
    ] = "size"
    positive_weight: Annotated[
        float | Literal["balanced"], Value("Weight of a positive label against a negative one.", POSITIVE)
    ] = 1.0
    # Validation
    validation: Annotated[float | Literal["test"], Value("Share of train to hold out, or test.", SHARE_WITHIN)]
    # A validation split that the data has judges instead.
    folds: Annotated[
        int | None, Value("Parts of few reviews, each judged by what learned the others; none: hold out.", FOLDS)
    ] = None
    test_share: Annotated[
        float | None,
        Value("Share of train, 2,000 rows at most, kept to test where no split is.", SHARE_WITHIN),
    ] = 0.2
    duplicates: Annotated[
        Literal["drop", "keep"], Value("Training texts that validation or test have too, or nearly.")
    ] = "drop"
    patience: Annotated[int | None, Value("Epochs without improvement before stopping.", COUNT)]
    mean_over: Annotated[Literal["rows", "batches"], Value("How epoch figures are averaged.")]
    calibrate: Annotated[bool, Value("Fit a temperature on what validates.")] = True
    # Teachers
    prefix_weight: Annotated[
        float, Value("Weight of soft labels of a review's beginnings, against 1 for the whole.", AMOUNT)
    ] = 0.0
    start: str | None = None
    """The model that the fit goes on from: `default`, the embedded one, or a .pth or .onnx file; None: no model."""
    teachers: Teachers | None = None
    """Whose soft labels are learned instead of hard ones; none in the tutorial."""

    def network_settings(self, vocab_size: int) -> NetworkSettings:
        """The network that the recipe trains."""
        sizes = self.embedding_dim, self.hidden_dim
        dropouts = self.dropout, self.vector_dropout
        further = self.layers, self.head_dim, self.phrases
        return NetworkSettings(vocab_size, *sizes, self.pooling, self.words_per_step, *dropouts, *further)

    def text_settings(self, pad_id: int) -> TextSettings:
        """The part of the recipe that serving must repeat."""
        return TextSettings(self.max_length, self.keep, pad_id, self.pad_to_max_length)

    def without_paths(self) -> "Recipe":
        """What a checkpoint and a card keep: of tokenizer and teacher in a local folder only the folder's name."""
        teachers = self.teachers and replace(self.teachers, teacher=_name_of(self.teachers.teacher))
        start = self.start and Path(self.start).name
        return replace(self, tokenizer=_name_of(self.tokenizer), start=start, teachers=teachers)


_Name = TypeVar("_Name", str, str | None)


def _name_of(folder_or_hub_id: _Name) -> _Name:
    if folder_or_hub_id and Path(folder_or_hub_id).is_dir():
        return Path(folder_or_hub_id).resolve().name
    return folder_or_hub_id


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
    duplicates="keep",
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
    head_dim=64,
    phrases=1_048_573,  # the largest prime below 2**20
    dropout=0.2,
    word_dropout=0.2,
    embedding_bits=8,
    learning_rate=3e-3,
    cosine=True,
    warmup=0.04,
    adam_beta2=0.99,
    bfloat16=True,
    batch_size=64,
    batch_tokens=12_000,
    epochs=6,
    least_steps=600,
    bucket_by_length=True,
    clip_norm=1.0,
    average_decay=0.996,
    average_every=4,
    average_warmup=10,
    source_weights="sqrt",
    positive_weight="balanced",
    validation=0.1,
    patience=None,
    mean_over="rows",
    teachers=Teachers(lm_words=0, sentence_copies=1),
)
"""Minutes: a linear teacher labels all reviews and parts of them softly, and a small network learns what it says."""

DISTILLED = replace(
    DEFAULT,
    name="distilled",
    embedding_dim=128,
    hidden_dim=48,
    epochs=14,
    embedding_rate=0.3,  # they come from a reader and know much already
    batch_size=256,
    prefix_weight=0.5,
    teachers=Teachers(),
)
"""Train big, score small: large teachers label all reviews softly, and a small network learns what they say."""

CONTINUED = replace(
    DEFAULT,
    name="continued",
    start="default",
    word_dropout=0.1,
    learning_rate=4e-3,
    warmup=0.1,
    bfloat16=False,  # seconds anyway, and every digit of what is known counts
    batch_size=32,
    epochs=10,
    least_steps=0,
    average_decay=0.99,
    average_every=1,
    folds=5,
    teachers=None,
)
"""Few reviews: a model that exists learns their labels and words; it is kept where that gains nothing."""

RECIPES = {recipe.name: recipe for recipe in (DEFAULT, TUTORIAL, DISTILLED, CONTINUED)}
