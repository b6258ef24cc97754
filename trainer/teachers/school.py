"""Distillation: from reviews to soft labels, stage by stage; the epochs then teach them to a small network.

    language-model ─▶ reader-1 ─▶ reading-1 ─▶ stack-1 ─▶ reader-2 ─▶ reading-2 ─▶ stack-2 ─▶ … soft labels
                                                  ▲                                   ▲
                                               linear                              linear

The held-out reviews train none of this; they only weigh the teachers against one another.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from scorer.tokens.encoder import RaggedIds, TextEncoder, TextSettings
from trainer.data.ragged import joined, ragged, tail
from trainer.data.reviews import EncodedReviews, encode_reviews, encode_texts
from trainer.data.sentences import encode_sentences, sentences_fingerprint
from trainer.data.splits import Splits
from trainer.data.tokenizer import pad_id_of
from trainer.recipes import Recipe, Teachers
from trainer.stages import Made, Output, Progress, Stages
from trainer.teachers.crops import SENTENCE_ENDS, cut_crops
from trainer.teachers.language_model import LanguageModelSettings, learn_language
from trainer.teachers.linear import linear_logits, word_ratios
from trainer.teachers.reader import first_reader, read_prefixes, self_trained_reader, train_reader
from trainer.teachers.soft_labels import mix_hard, prefix_labels, whole, whole_labels
from trainer.teachers.stack import fit_stack, stacked

__all__ = ["Lesson", "teach"]

_VECTORS = "embedding.weight"
_HARD_SHARE = 0.5  # of the true label in what self-training learns
_SENTENCE_SHARE = 0.9  # of a sentence's true label, against no opinion
_SENTENCES_HELD_OUT = 0.1
_WHOLE_REVIEW = 1_000_000  # tokens: language model and linear teacher read long reviews to the end
_LM_PASSES = 10  # at most, over a small corpus
_CROPS_A_REVIEW = 3  # at most
_RATIO_SCALE = 2.0  # makes the log ratios of telling words as large as other numbers of their vectors, or larger
_SPEED = 1e11  # floating-point operations a second of an ordinary core in bfloat16, to foretell minutes


@dataclass(frozen=True)
class Lesson:
    """What the network of a recipe learns from its teachers."""

    reviews: EncodedReviews
    """Training reviews, unlabelled ones, crops and sentences, with soft labels of their prefixes."""
    weights: dict[str, Tensor]
    """To start from: the last reader's word vectors."""
    stages: dict[str, Any]
    """What each stage reached."""


def teach(splits: Splits, tokenizer: Tokenizer, recipe: Recipe, seed: int, stages: Stages) -> Lesson:
    """Train the teachers of `recipe`, which has some, on `splits`, and let them label every review softly."""
    assert recipe.teachers is not None
    school = _School(splits, tokenizer, recipe, recipe.teachers, seed, stages)
    linear = school.judge_by_ngrams()
    copies = recipe.teachers.sentence_copies
    if not recipe.teachers.lm_words:
        texts = school.with_sentences(school.label_by_ngrams(linear), copies)
        return Lesson(texts, {_VECTORS: school.first_vectors()}, dict(stages.summaries))
    crops = school.cut_crops()
    rounds = recipe.teachers.self_training_rounds
    reader = school.train_first(school.learn_language())
    reading = school.read(1, reader, crops if rounds == 0 else None)
    stack = school.weigh(1, linear, reading)
    for number in range(2, 2 + rounds):
        reader = school.train_on(number, reader, linear, reading, stack)
        # Earlier readers have no say any more: they are so like the last that a stack would set one against another.
        reading = school.read(number, reader, crops if number == 1 + rounds else None)
        stack = school.weigh(number, linear, reading)
    reviews = school.label(recipe.teachers.hard_share, linear, reading, stack, crops)
    texts = school.with_sentences(reviews, copies)
    return Lesson(texts, {_VECTORS: reader.tensors[_VECTORS]}, dict(stages.summaries))


class _School:
    """The reviews as ids, and one method for each step."""

    def __init__(
        self, splits: Splits, tokenizer: Tokenizer, recipe: Recipe, teachers: Teachers, seed: int, stages: Stages
    ) -> None:
        self._recipe, self._teachers, self._seed, self._stages = recipe, teachers, seed, stages
        text = recipe.text_settings(pad_id_of(tokenizer))
        self._encoder = TextEncoder(tokenizer.to_str(), text)
        unabridged = TextEncoder(tokenizer.to_str(), TextSettings(_WHOLE_REVIEW, "tail", text.pad_id))
        self._train = encode_reviews(splits.train, unabridged)
        self._held_out = encode_reviews(splits.validation, unabridged)
        self._unlabelled = encode_texts(splits.unlabelled, unabridged) if splits.unlabelled else joined([])
        self._all = joined([self._train.ids, self._unlabelled])
        self._sentences, self._held_out_sentences = encode_sentences(self._encoder, _SENTENCES_HELD_OUT, seed)
        self._ends = np.array([i for i in map(tokenizer.token_to_id, SENTENCE_ENDS) if i is not None], np.int64)

    def cut_crops(self) -> Output:
        """Ids of the crops: `values` end to end and `lengths`."""
        count = min(self._teachers.crops, _CROPS_A_REVIEW * len(self._all))
        longest = self._recipe.max_length

        def work(_: Progress) -> Made:
            crops = cut_crops(self._all, self._ends, count, longest, self._seed)
            tensors = {"values": torch.from_numpy(crops.values), "lengths": torch.from_numpy(crops.lengths)}
            return tensors, {"crops": len(crops), "words": len(crops.values)}

        return self._stages.run("crops", f"cutting {count:,}", {"count": count, "longest": longest}, [], work)

    def judge_by_ngrams(self) -> Output:
        """The linear teacher's logits [rows] of every part."""
        folds, strength = self._teachers.linear_folds, self._teachers.linear_strength
        others = {"held_out": self._held_out.ids, "unlabelled": self._unlabelled}

        def work(_: Progress) -> Made:
            vocab_size = self._encoder.vocab_size
            return linear_logits(self._train, others, vocab_size, folds=folds, strength=strength, seed=self._seed)

        plan = f"{folds} folds over {len(self._train):,} reviews, a few minutes for 25,000"
        return self._stages.run("linear", plan, {"folds": folds, "strength": strength}, [], work)

    def learn_language(self) -> Output:
        """Weights of the language model."""
        words = min(self._teachers.lm_words, _LM_PASSES * len(self._all.values))
        sizes = self._encoder.vocab_size, self._recipe.embedding_dim, self._teachers.teacher_hidden_dim
        settings = LanguageModelSettings(*sizes, words)
        plan = f"reading {words:,} words, {self._about(words)}"

        def work(progress: Progress) -> Made:
            return learn_language(self._all, settings, self._seed, progress)

        return self._stages.run("language-model", plan, asdict(settings), [], work)

    def train_first(self, language_model: Output) -> Output:
        """Weights of a reader fine-tuned on hard labels."""
        recipe = first_reader(self._recipe, self._teachers)
        start = {name: values for name, values in language_model.tensors.items() if name.startswith("lstm.")}
        # The language model's last vector ends a review; readers need none.
        start[_VECTORS] = language_model.tensors[_VECTORS][: self._encoder.vocab_size]
        reviews = EncodedReviews(self._abridged(self._train.ids), self._train.labels)
        return self._train_reader("reader-1", recipe, start, reviews, [language_model], passes=2 * recipe.epochs)

    def train_on(self, number: int, last: Output, linear: Output, reading: Output, stack: Output) -> Output:
        """Weights of a reader that goes on from the last on soft labels."""
        recipe = self_trained_reader(self._recipe, self._teachers)
        reviews = self.label(_HARD_SHARE, linear, reading, stack)
        upstream = [last, linear, reading, stack]
        return self._train_reader(f"reader-{number}", recipe, last.tensors, reviews, upstream, passes=recipe.epochs)

    def read(self, number: int, reader: Output, crops: Output | None = None) -> Output:
        """A reader's logits [rows, prefixes] of every part, and of the crops if given."""
        recipe = first_reader(self._recipe, self._teachers)
        parts = {
            "train": self._train.ids,
            "held_out": self._held_out.ids,
            "unlabelled": self._unlabelled,
            **({"crops": _ids(crops)} if crops else {}),
        }

        def work(_: Progress) -> Made:
            read = {
                part: read_prefixes(reader.tensors, recipe, self._encoder, self._abridged(ids))
                for part, ids in parts.items()
            }
            return read, {"texts": sum(map(len, parts.values()))}

        words = sum(len(ids.values) for ids in parts.values())
        plan = f"judging {words:,} words, {self._about(words / 2)}"  # no way back: a third of the work, less well used
        return self._stages.run(f"reading-{number}", plan, {}, [reader, crops] if crops else [reader], work)

    def weigh(self, number: int, linear: Output, reading: Output) -> Output:
        """How much each teacher's word counts."""
        labels = torch.from_numpy(self._held_out.labels)

        def work(_: Progress) -> Made:
            return fit_stack(_opinions("held_out", linear, reading), labels)

        plan = f"weighing linear teacher and reader on {len(labels):,} held-out reviews"
        return self._stages.run(f"stack-{number}", plan, {}, [linear, reading], work)

    def label(
        self,
        hard_share: float,
        linear: Output,
        reading: Output,
        stack: Output,
        crops: Output | None = None,
    ) -> EncodedReviews:
        """Training and unlabelled reviews, and crops if given, with soft labels of their prefixes.

        Crops, if given, are judged by the reader alone: the linear teacher knows words, and a short text turns on
        how they are put together.
        """
        labelled, unlabelled = (
            stacked(stack.tensors, _opinions(part, linear, reading)) for part in ("train", "unlabelled")
        )
        logits = torch.cat([mix_hard(labelled, torch.from_numpy(self._train.labels), hard_share), unlabelled])
        prefixes = torch.cat([reading.tensors[part] for part in ("train", "unlabelled")])
        ids = self._abridged(self._all)
        labels = prefix_labels(prefixes, logits, torch.from_numpy(ids.lengths))
        reviews = EncodedReviews(ids, labels.numpy())
        if not crops:
            return reviews
        scale = logits.std() / whole(prefixes).std()
        said = whole_labels(whole(reading.tensors["crops"]) * scale, crops.tensors["lengths"], labels.shape[1])
        return _joined(reviews, EncodedReviews(_ids(crops), said.numpy()))

    def first_vectors(self) -> Tensor:
        """Random word vectors, but for their first number: how much more often good reviews hold the word."""
        vectors = torch.randn(self._encoder.vocab_size, self._recipe.embedding_dim)
        vectors[:, 0] = word_ratios(self._train, self._encoder.vocab_size) * _RATIO_SCALE
        return vectors

    def label_by_ngrams(self, linear: Output) -> EncodedReviews:
        """Training and unlabelled reviews, where the linear teacher is the only one, with soft labels as a whole."""
        labels = torch.from_numpy(self._held_out.labels)
        stack, _ = fit_stack([linear.tensors["held_out"]], labels)
        labelled, unlabelled = (stacked(stack, [linear.tensors[part]]) for part in ("train", "unlabelled"))
        mixed = mix_hard(labelled, torch.from_numpy(self._train.labels), self._teachers.hard_share)
        labels = torch.sigmoid(torch.cat([mixed, unlabelled]))
        return EncodedReviews(self._abridged(self._all), labels.numpy())

    def with_sentences(self, reviews: EncodedReviews, copies: int) -> EncodedReviews:
        """`reviews`, whose labels are [rows] or [rows, prefixes], and so many copies of every sentence."""
        ids = self._abridged(self._sentences.ids)
        logits = mix_hard(torch.zeros(len(ids)), torch.from_numpy(self._sentences.labels), _SENTENCE_SHARE)
        labels = torch.sigmoid(logits)
        if reviews.labels.ndim == 2:
            labels = whole_labels(logits, torch.from_numpy(ids.lengths), reviews.labels.shape[1])
        return _joined(reviews, *[EncodedReviews(ids, labels.numpy())] * copies)

    def _train_reader(
        self,
        name: str,
        recipe: Recipe,
        start: dict[str, Tensor],
        reviews: EncodedReviews,
        upstream: Sequence[Output],
        passes: int,
    ) -> Output:
        held_out = {
            "held_out": EncodedReviews(self._abridged(self._held_out.ids), self._held_out.labels),
            "sentences": self._held_out_sentences,
        }
        # Steps of a smaller batch size hold fewer sentences, so that each weighs more.
        copies = -(-self._teachers.sentence_copies * recipe.batch_size // self._recipe.batch_size)
        settings = {**asdict(recipe), "sentences": [copies, sentences_fingerprint() if copies else None]}
        words = len(reviews.ids.values) * passes
        plan = f"{len(reviews):,} reviews, {recipe.epochs} epochs, {self._about(words)}"

        def work(progress: Progress) -> Made:
            texts = self.with_sentences(reviews, copies)
            return train_reader(recipe, self._encoder, start, texts, held_out, self._seed, progress)

        return self._stages.run(name, plan, settings, upstream, work)

    def _abridged(self, ids: RaggedIds) -> RaggedIds:
        """What a reader sees of each review; always its end."""
        return tail(ids, self._recipe.max_length)

    def _about(self, words: float) -> str:
        """How long it takes to train a large LSTM on so many words, in words."""
        hidden = self._teachers.teacher_hidden_dim
        operations = 6 * 4 * hidden * (hidden + self._recipe.embedding_dim)  # a word, forward and back
        return f"about {max(1, round(words * operations / _SPEED / 60))} min"


def _ids(crops: Output) -> RaggedIds:
    return ragged(crops.tensors["values"].numpy(), crops.tensors["lengths"].numpy())


def _joined(*parts: EncodedReviews) -> EncodedReviews:
    return EncodedReviews(joined([part.ids for part in parts]), np.concatenate([part.labels for part in parts]))


def _opinions(part: str, linear: Output, reading: Output) -> list[Tensor]:
    """Both teachers' logits [rows] of the whole texts of a part."""
    return [linear.tensors[part], whole(reading.tensors[part])]
