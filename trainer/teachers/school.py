"""Distillation: from reviews to soft labels, stage by stage; the epochs then teach them to a small network.

    texts ─▶ linear ─▶ transformer ─▶ language-model ─▶ reader-1 ─▶ stack-1 ─▶ reader-2 ─▶ stack-2 ─▶ … soft labels

Linear teacher, transformer and the last reader make up the panel, and a stack says how much each one's word counts.
Recipes leave out the transformer, or language model and readers. The held-out reviews train none of this; they only
weigh the teachers against one another.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from trainer.data.reviews import EncodedReviews, joined_reviews, unsaid
from trainer.data.sentences import sentences_digest
from trainer.data.splits import Splits
from trainer.data.turns import Turns
from trainer.errors import TrainerError
from trainer.network.lstm import PREFIX_WORDS
from trainer.recipes import Recipe, Teachers
from trainer.stages import Made, Output, StageProgress, Stages
from trainer.teachers.by_source import fit_sources
from trainer.teachers.corpus import Corpus
from trainer.teachers.language_model import LanguageModelSettings, learn_language
from trainer.teachers.linear import linear_logits, word_ratios
from trainer.teachers.panel import Panel
from trainer.teachers.reader import first_reader, read_prefixes, self_trained_reader, train_reader
from trainer.teachers.soft_labels import mix_hard, prefix_labels, shaped_as
from trainer.teachers.stack import fit_stack
from trainer.teachers.transformer import Encoder, Transformer, load_transformer
from trainer.teachers.transformer_stages import TransformerStages

__all__ = ["Lesson", "teach"]

_VECTORS = "embedding.weight"
_HARD_SHARE = 0.5  # of the true label in what self-training learns
_LM_PASSES = 10  # at most, over a few reviews
_RATIO_SCALE = 2.0  # makes the log ratios of telling words as large as other numbers of their vectors, or larger
_COUNTED_A_MINUTE = 8e6  # words, by the linear teacher with its five folds, on two cores
_SPEED = 1e11  # floating-point operations a second of an ordinary core in bfloat16, to foretell minutes


@dataclass(frozen=True)
class Lesson:
    """What the network of a recipe learns from its teachers."""

    reviews: Turns
    """All reviews, texts made of them, and sentences, with soft labels; of prefixes as well if a reader gave them."""
    weights: dict[str, Tensor]
    """To start from: word vectors."""
    stages: dict[str, Any]
    """What each stage reached."""
    linear: dict[str, Tensor]
    """The linear teacher's logits [rows] by part, `test` and `held_out` among them, which taught it nothing."""


def teach(splits: Splits, tokenizer: Tokenizer, recipe: Recipe, seed: int, stages: Stages) -> Lesson:
    """Train the teachers of `recipe`, which has some, on `splits`, and let them label every review softly."""
    assert recipe.teachers is not None
    teachers = recipe.teachers
    # First of all: what is wrong shows at once, not after the stages before it.
    if teachers.lm_words:
        _check_prefixes(recipe)
    transformer = load_transformer(teachers.teacher, teachers.teacher_length) if teachers.teacher else None
    corpus = Corpus(splits, tokenizer, recipe, teachers, seed, stages)
    school = _School(corpus, recipe, teachers, seed, stages)
    alone = transformer is None and not teachers.lm_words
    panel, vectors = Panel((school.judge_by_ngrams(with_made=alone),)), school.first_vectors()
    if transformer:
        judge, vectors = school.judge_by_transformer(transformer, vectors)
        panel = panel.joined_by(judge)
    if teachers.lm_words:
        panel, stack, reader = school.teach_readers(panel)
        vectors = vectors if transformer and teachers.teacher_vectors else reader.tensors[_VECTORS]
    else:
        stack = school.weigh("stack", panel)
    panel = school.scale_sources(panel, stack, learned=_learned_train(teachers, transformer))
    reviews = school.label(teachers.hard_share, panel, stack, with_made=True)
    texts = corpus.with_sentences(reviews, teachers.sentence_copies)
    weighed = replace(texts, weights=texts.weights / texts.weights.mean())
    made = np.arange(len(reviews) - len(corpus.made_texts), len(reviews))
    turns = Turns(weighed, made, teachers.made_at_once or len(made))
    return Lesson(turns, {_VECTORS: vectors}, dict(stages.summaries), panel.judges[0].tensors)


def _learned_train(teachers: Teachers, transformer: Transformer | None) -> bool:
    """Whether some teacher judges training reviews that it has learned itself."""
    tuned = transformer is not None and isinstance(transformer.network, Encoder)
    return teachers.lm_words > 0 or (tuned and not teachers.teacher_folds)


def _check_prefixes(recipe: Recipe) -> None:
    """Raise `TrainerError` for a network that cannot learn what readers say of the beginnings of a text."""
    if recipe.pooling == "final_step":
        raise TrainerError("--pooling final_step: cannot judge beginnings of a text; use another, or --lm-words 0")
    if PREFIX_WORDS % recipe.words_per_step:
        raise TrainerError(
            f"--words-per-step {recipe.words_per_step}: readers judge a text after every {PREFIX_WORDS} words, no "
            "whole number of steps; use 1, 2, 4 or 8, or --lm-words 0"
        )


class _School:
    """One method for each step."""

    def __init__(self, corpus: Corpus, recipe: Recipe, teachers: Teachers, seed: int, stages: Stages) -> None:
        self._corpus, self._recipe, self._teachers = corpus, recipe, teachers
        self._seed, self._stages = seed, stages

    def judge_by_ngrams(self, with_made: bool) -> Output:
        """The linear teacher's logits [rows] of every part, and of the texts made of reviews if it is to judge them."""
        folds, strength = self._teachers.linear_folds, self._teachers.linear_strength
        parts = {
            "held_out": self._corpus.held_out.ids,
            "unlabelled": self._corpus.unlabelled,
            "test": self._corpus.test,
        }
        others = {name: (ids, np.full(len(ids), -1)) for name, ids in parts.items()}
        if with_made:
            others["made"] = self._corpus.made_ids, self._corpus.made.tensors["parents"].numpy()

        def work(_: StageProgress) -> Made:
            vocab_size = self._corpus.encoder.vocab_size
            return linear_logits(
                self._corpus.train, others, vocab_size, folds=folds, strength=strength, seed=self._seed
            )

        minutes = max(1, round(len(self._corpus.train.ids.values) / _COUNTED_A_MINUTE))
        plan = f"{folds} folds over {len(self._corpus.train):,} reviews, about {minutes} min"
        settings = {"folds": folds, "strength": strength}
        return self._stages.run("linear", plan, settings, [self._corpus.made] if with_made else [], work)

    def judge_by_transformer(self, teacher: Transformer, vectors: Tensor) -> tuple[Output, Tensor]:
        """Its logits [rows] of every part, and word vectors by it if they are wanted, else `vectors`."""
        self._stages.said(teacher.about)
        stages = TransformerStages(self._stages, self._teachers, self._seed)
        texts, given = self._corpus.texts_by_part(), (self._corpus.held_out, [self._corpus.made])
        tuned = list[Output]()
        if not isinstance(teacher.network, Encoder):
            judge = stages.judge(teacher, texts, *given)
        elif self._teachers.teacher_folds:
            folds = self._corpus.folds(self._teachers.teacher_folds)
            learned = [self._corpus.texts_to_finetune(folds.parts["train"] != fold) for fold in range(folds.number)]
            judge, *tuned = stages.judge_in_folds(teacher, learned, texts, folds, *given)
        else:
            tuned = [stages.finetune(teacher, self._corpus.texts_to_finetune())]
            judge = stages.judge(teacher, texts, self._corpus.held_out, [*tuned, self._corpus.made])
        if self._teachers.teacher_vectors:
            vectors = stages.vectors(teacher, self._corpus.words(), self._recipe.embedding_dim, tuned)
        return judge, vectors

    def teach_readers(self, panel: Panel) -> tuple[Panel, Output, Output]:
        """Language model and readers, of which the last one joins the panel; the stack of all; and that reader."""
        rounds = self._teachers.self_training_rounds
        reader = self._train_first(self._learn_language())
        whole_panel = panel.joined_by(self._read(1, reader, with_made=rounds == 0))
        stack = self.weigh("stack-1", whole_panel)
        for number in range(2, 2 + rounds):
            reader = self._train_on(number, reader, whole_panel, stack)
            # Earlier readers have no say any more: so like the last, a stack would set one against another.
            whole_panel = panel.joined_by(self._read(number, reader, with_made=number == 1 + rounds))
            stack = self.weigh(f"stack-{number}", whole_panel)
        return whole_panel, stack, reader

    def weigh(self, name: str, panel: Panel) -> Output:
        """How much each teacher's word counts."""
        labels, shares = torch.from_numpy(self._corpus.held_out.labels), torch.from_numpy(self._corpus.held_out.weights)

        def work(_: StageProgress) -> Made:
            return fit_stack(panel.opinions("held_out"), labels, shares)

        plan = f"weighing {len(panel.judges)} teachers on {len(labels):,} held-out reviews"
        return self._stages.run(name, plan, {}, panel.judges, work)

    def scale_sources(self, panel: Panel, stack: Output, *, learned: bool) -> Panel:
        """`panel`, its verdicts on each of several sources calibrated by reviews that no teacher learned.

        Those are the training reviews, of which each was judged by who did not learn it, or if they were `learned`
        the held-out ones.
        """
        part = "held_out" if learned else "train"
        reviews, sources = self._corpus.held_out if learned else self._corpus.train, self._corpus.sources()
        count = int(sources["train"].max()) + 1
        if count == 1:
            return panel
        truth = torch.from_numpy(reviews.labels), torch.from_numpy(reviews.weights)

        def work(_: StageProgress) -> Made:
            return fit_sources(panel.verdicts(stack, part), *truth, sources[part], count)

        plan = f"calibrating what is said of each source, on {len(reviews):,} reviews"
        scales = self._stages.run("sources", plan, {"part": part}, [*panel.judges, stack], work)
        return panel.scaled_by(scales, sources)

    def label(self, hard_share: float, panel: Panel, stack: Output, *, with_made: bool) -> EncodedReviews:
        """All reviews, and the texts made of them, with soft labels; of prefixes as well if there is a reader."""
        labelled, unlabelled = (panel.verdicts(stack, part) for part in ("train", "unlabelled"))
        logits = torch.cat([mix_hard(labelled, torch.from_numpy(self._corpus.train.labels), hard_share), unlabelled])
        ids = self._corpus.abridged(self._corpus.all)
        prefixes = panel.prefixes()
        if prefixes:
            labels = prefix_labels(torch.cat(prefixes), logits, torch.from_numpy(ids.lengths))
        else:
            labels = torch.sigmoid(logits)
        truth = np.concatenate([self._corpus.train.labels, unsaid(len(self._corpus.unlabelled))])
        reviews = EncodedReviews(ids, labels.numpy(), self._corpus.weights, truth)
        if not with_made:
            return reviews
        said, weights = panel.verdicts_on_made(stack), self._corpus.made.tensors["weights"].numpy()
        said = shaped_as(labels, said, self._corpus.made_ids.lengths)
        return joined_reviews(
            reviews, EncodedReviews(self._corpus.made_ids, said.numpy(), weights, unsaid(len(weights)))
        )

    def first_vectors(self) -> Tensor:
        """Random word vectors, but for their first number: how much more often good reviews hold the word."""
        seeded = torch.Generator().manual_seed(self._seed)
        vectors = torch.randn(self._corpus.encoder.vocab_size, self._recipe.embedding_dim, generator=seeded)
        vectors[:, 0] = word_ratios(self._corpus.train, self._corpus.encoder.vocab_size) * _RATIO_SCALE
        return vectors

    def _learn_language(self) -> Output:
        """Weights of the language model."""
        words = min(self._teachers.lm_words, _LM_PASSES * len(self._corpus.all.values))
        sizes = self._corpus.encoder.vocab_size, self._recipe.embedding_dim, self._teachers.teacher_hidden_dim
        settings = LanguageModelSettings(*sizes, words)
        plan = f"reading {words:,} words, {self._about(words)}"

        def work(progress: StageProgress) -> Made:
            return learn_language(self._corpus.all, settings, self._seed, progress)

        return self._stages.run("language-model", plan, asdict(settings), [], work)

    def _train_first(self, language_model: Output) -> Output:
        """Weights of a reader fine-tuned on hard labels."""
        recipe = first_reader(self._recipe, self._teachers)
        start = {name: values for name, values in language_model.tensors.items() if name.startswith("lstm.")}
        # The language model's last vector ends a review; readers need none.
        start[_VECTORS] = language_model.tensors[_VECTORS][: self._corpus.encoder.vocab_size]
        reviews = self._corpus.abridged_reviews(self._corpus.train)
        return self._train_reader("reader-1", recipe, start, reviews, [language_model], passes=2 * recipe.epochs)

    def _train_on(self, number: int, last: Output, panel: Panel, stack: Output) -> Output:
        """Weights of a reader that goes on from the last on soft labels."""
        recipe = self_trained_reader(self._recipe, self._teachers)
        reviews = self.label(_HARD_SHARE, panel, stack, with_made=False)
        upstream = [last, *panel.judges, stack]
        return self._train_reader(f"reader-{number}", recipe, last.tensors, reviews, upstream, passes=recipe.epochs)

    def _read(self, number: int, reader: Output, *, with_made: bool) -> Output:
        """A reader's logits [rows, prefixes] of every part, and of the texts made of reviews if wanted."""
        recipe = first_reader(self._recipe, self._teachers)
        parts = {
            "train": self._corpus.train.ids,
            "held_out": self._corpus.held_out.ids,
            "unlabelled": self._corpus.unlabelled,
        }
        if with_made:
            parts["made"] = self._corpus.made_ids

        def work(_: StageProgress) -> Made:
            weights = reader.tensors
            read = {
                part: read_prefixes(weights, recipe, self._corpus.encoder, self._corpus.abridged(ids))
                for part, ids in parts.items()
            }
            return read, {"texts": sum(map(len, parts.values()))}

        words = sum(len(ids.values) for ids in parts.values())
        plan = f"judging {words:,} words, {self._about(words / 2)}"  # no way back: a third of the work, less well used
        return self._stages.run(
            f"reading-{number}", plan, {}, [reader, *([self._corpus.made] if with_made else [])], work
        )

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
            "held_out": self._corpus.abridged_reviews(self._corpus.held_out),
            "sentences": self._corpus.held_out_sentences,
        }
        # Steps of a smaller batch size hold fewer sentences, so that each weighs more.
        copies = -(-self._teachers.sentence_copies * recipe.batch_size // self._recipe.batch_size)
        settings = {**asdict(recipe), "sentences": [copies, sentences_digest() if copies else None]}
        words = len(reviews.ids.values) * passes
        plan = f"{len(reviews):,} reviews, {recipe.epochs} epochs, {self._about(words)}"

        def work(progress: StageProgress) -> Made:
            texts = self._corpus.with_sentences(reviews, copies)
            return train_reader(recipe, self._corpus.encoder, start, texts, held_out, self._seed, progress)

        return self._stages.run(name, plan, settings, upstream, work)

    def _about(self, words: float) -> str:
        """How long it takes to train a large LSTM on so many words, in words."""
        hidden = self._teachers.teacher_hidden_dim
        operations = 6 * 4 * hidden * (hidden + self._recipe.embedding_dim)  # a word, forward and back
        return f"about {max(1, round(words * operations / _SPEED / 60))} min"
