"""What teachers read: reviews, texts made of them, and the trainer's own sentences, each as texts and as ids."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from scorer.tokens.encoder import RaggedIds, TextEncoder, TextSettings
from trainer.data.parting import fold_of_rows
from trainer.data.ragged import joined, tail
from trainer.data.reviews import (
    EncodedReviews,
    column_of,
    encode_reviews,
    encode_texts,
    joined_reviews,
    sources_of,
    unsaid,
)
from trainer.data.sentences import encode_sentences, split_sentences
from trainer.data.splits import Splits
from trainer.data.tokenizer import pad_id_of
from trainer.data.weights import balanced_rows, mean_by_source, weights_of
from trainer.recipes import Recipe, Teachers
from trainer.stages import Made, Output, StageProgress, Stages
from trainer.teachers.crossfit import ALL, Folds
from trainer.teachers.finetuning import LabelledTexts
from trainer.teachers.made_texts import MadeTexts, Originals, cut_crops, cut_parts, recombine, texts_from
from trainer.teachers.soft_labels import mix_hard, shaped_as

__all__ = ["Corpus"]

_SENTENCE_SHARE = 0.9  # of a sentence's true label, against no opinion
_SENTENCES_HELD_OUT = 0.1
_WHOLE_REVIEW = 1_000_000  # tokens: language model and linear teacher read long reviews to the end
_MADE_A_REVIEW = 10  # at most, of each kind of texts


class Corpus:
    """The parts `train`, `held_out`, `unlabelled` and `test` of the reviews, all `made` texts, and the sentences.

    Reviews are whole; `all` are those of train and, behind them, those without labels, which weigh `weights` [rows].
    Making texts of them is a stage of the fit.
    """

    def __init__(
        self, splits: Splits, tokenizer: Tokenizer, recipe: Recipe, teachers: Teachers, seed: int, stages: Stages
    ) -> None:
        self._recipe, self._teachers, self._seed, self._stages = recipe, teachers, seed, stages
        self._splits, self._tokenizer = splits, tokenizer
        text = recipe.text_settings(pad_id_of(tokenizer))
        self.encoder = TextEncoder(tokenizer.to_str(), text)
        unabridged = TextEncoder(tokenizer.to_str(), TextSettings(_WHOLE_REVIEW, "tail", text.pad_id))
        weights = weights_of(splits.train, recipe)
        self.train = encode_reviews(splits.train, unabridged, weights)
        self.held_out = encode_reviews(splits.validation, unabridged, weights_of(splits.validation, recipe))
        self.test = encode_texts(splits.test, unabridged) if splits.test else joined([])
        self.unlabelled, self.weights = joined([]), weights
        if splits.unlabelled:
            self.unlabelled = encode_texts(splits.unlabelled, unabridged)
            others = mean_by_source(weights, splits.train, splits.unlabelled)
            self.weights = np.concatenate([weights, others])
        self._parts = [part for part in (splits.train, splits.unlabelled) if part]
        self.all = joined([self.train.ids, self.unlabelled])
        self._learned_sentences, judged = split_sentences(_SENTENCES_HELD_OUT, seed)
        self.sentences = encode_sentences(self._learned_sentences, self.encoder)
        self.held_out_sentences = encode_sentences(judged, self.encoder)
        self.made = self._make_texts()
        self.made_texts = texts_from(self.made.tensors)
        self.made_ids = self.encoder.encode(self.made_texts)

    def texts_by_part(self) -> dict[str, pa.LargeStringArray]:
        """What is to be judged."""
        unlabelled = self._splits.unlabelled
        return {
            "train": column_of(self._splits.train, "text"),
            "held_out": column_of(self._splits.validation, "text"),
            "unlabelled": column_of(unlabelled, "text") if unlabelled else pa.array([], pa.large_string()),
            "made": self.made_texts,
        }

    def texts_to_finetune(self, among: NDArray[np.bool_] | slice = slice(None)) -> LabelledTexts:
        """Labelled reviews `among` all, and the trainer's sentences as one more source, balanced over both."""
        names = [f"reviews of {name}" for name in sources_of(self._splits.train)[among].tolist()]
        labels = self.train.labels[among]
        texts = column_of(self._splits.train, "text").take(pa.array(np.arange(len(self.train))[among]))
        if self._teachers.sentence_copies:  # as large as other sources at most: they must not outweigh the reviews
            sentences = self._learned_sentences.slice(0, len(names) // len(set(names)))
            texts = pa.concat_arrays([texts, sentences["text"].combine_chunks()])
            labels = np.concatenate([labels, self.sentences.labels[: len(sentences)]])
            names += ["sentences"] * len(sentences)
        sources = np.unique(names, return_inverse=True)[1]
        rule = self._recipe.source_weights, self._recipe.positive_weight
        rows = balanced_rows(sources, labels.astype(np.int64), *rule, self._teachers.teacher_texts, self._seed)
        return LabelledTexts(texts.take(pa.array(rows)).to_pylist(), labels[rows])

    def folds(self, number: int) -> Folds:
        """Folds of the reviews, equal texts in one, and of what is made of them."""
        sources = np.unique(self._sources(), return_inverse=True)[1]
        sides = np.concatenate([self.train.labels, np.full(len(self.unlabelled), 2)])
        cells = 3 * sources + sides.astype(np.int64)
        reviews = fold_of_rows(self._texts(), cells, number, self._seed)
        parents = self.made.tensors["parents"].numpy()
        apart = np.arange(len(parents)) % number  # made of several reviews, or of none
        parts = {
            "train": reviews[: len(self.train)],
            "held_out": np.full(len(self.held_out), ALL),
            "unlabelled": reviews[len(self.train) :],
            "made": np.where(parents < 0, apart, reviews[parents]),
        }
        return Folds(number, parts)

    def sources(self) -> dict[str, NDArray[np.int64]]:
        """The number of each text's source, by part; -1 for one without labels, or for none."""
        known = {name: number for number, name in enumerate(np.unique(sources_of(self._splits.train)).tolist())}

        def numbers(names: NDArray[np.str_]) -> NDArray[np.int64]:
            return np.array([known.get(name, -1) for name in names.tolist()], np.int64)

        reviews = numbers(self._sources())
        train, unlabelled = np.split(reviews, [len(self.train)])
        made = np.append(reviews, -1)[self.made.tensors["parents"].numpy()]  # of no review: the last
        held_out = numbers(sources_of(self._splits.validation))
        return {"train": train, "held_out": held_out, "unlabelled": unlabelled, "made": made}

    def abridged(self, ids: RaggedIds) -> RaggedIds:
        """What a network sees of each review; always its end."""
        return tail(ids, self._recipe.max_length)

    def abridged_reviews(self, reviews: EncodedReviews) -> EncodedReviews:
        """The same of `reviews`."""
        return replace(reviews, ids=self.abridged(reviews.ids))

    def with_sentences(self, reviews: EncodedReviews, copies: int) -> EncodedReviews:
        """`reviews`, whose labels are [rows] or [rows, prefixes], and so many copies of every sentence."""
        ids = self.abridged(self.sentences.ids)
        logits = mix_hard(torch.zeros(len(ids)), torch.from_numpy(self.sentences.labels), _SENTENCE_SHARE)
        labels = shaped_as(torch.from_numpy(reviews.labels), logits, ids.lengths).numpy()
        sentences = EncodedReviews(ids, labels, self.sentences.weights, unsaid(len(ids)))  # of no reviewer
        return joined_reviews(reviews, *[sentences] * copies)

    def words(self) -> list[str]:
        """The vocabulary by id; empty for padding and for unknown words."""
        special = (self.encoder.settings.pad_id, self.encoder.unknown_id)
        ids = range(self.encoder.vocab_size)
        return ["" if i in special else self._tokenizer.id_to_token(i) or "" for i in ids]

    def _make_texts(self) -> Output:
        """Crops, parts, recombined sentences and single words, as `MadeTexts.tensors`."""
        most, teachers = _MADE_A_REVIEW * len(self.all), self._teachers
        crops, parts, recombined = (min(n, most) for n in (teachers.crops, teachers.parts, teachers.recombined))
        words = self._frequent_words(teachers.single_words)

        def work(_: StageProgress) -> Made:
            originals = self._originals()
            made = {
                "crops": cut_crops(originals, crops, self._seed),
                "parts": cut_parts(originals, parts, self._seed),
                "recombined": recombine(originals, recombined, self._seed),
                "single_words": MadeTexts(words, [1.0] * len(words), [-1] * len(words)),
            }
            together = sum(made.values(), MadeTexts([], [], []))
            return together.tensors(), {kind: len(texts.texts) for kind, texts in made.items()}

        plan = f"{crops:,} crops, {parts:,} parts, {recombined:,} recombined texts, {len(words):,} words"
        settings = {"crops": crops, "parts": parts, "recombined": recombined, "words": len(words)}
        return self._stages.run("texts", plan, settings, [], work)

    def _originals(self) -> Originals:
        """All reviews, labelled or not."""
        sources = np.unique(self._sources(), return_inverse=True)[1]
        return Originals(self._texts().to_pylist(), self.weights, sources)

    def _texts(self) -> pa.LargeStringArray:
        return pa.concat_arrays([column_of(part, "text") for part in self._parts])

    def _sources(self) -> NDArray[np.str_]:
        return np.concatenate([sources_of(part) for part in self._parts])

    def _frequent_words(self, count: int) -> list[str]:
        counts = np.bincount(self.all.values, minlength=self.encoder.vocab_size)
        tokens = (self._tokenizer.id_to_token(int(i)) for i in np.argsort(-counts, kind="stable") if counts[i])
        return [token for token in tokens if token and token.isalpha()][:count]
