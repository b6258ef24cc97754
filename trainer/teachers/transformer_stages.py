"""The stages of a transformer: it learns labels if it has no head for them, judges texts, and gives word vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa
import torch
from torch import Tensor

from trainer.data.reviews import EncodedReviews
from trainer.recipes import Teachers
from trainer.stages import Made, Output, StageProgress, Stages
from trainer.teachers.crossfit import Folds
from trainer.teachers.finetuning import FineTuning, LabelledTexts, finetune, learned_weights, step_size
from trainer.teachers.stack import accuracy_of
from trainer.teachers.transformer import Encoder, Transformer, read_texts, read_words

__all__ = ["TransformerStages"]

_VECTORS = "vectors"
_SHOWN = 12  # digits of a digest, enough to tell published weights apart


@dataclass(frozen=True)
class TransformerStages:
    """What all of them share."""

    stages: Stages
    teachers: Teachers
    seed: int

    def finetune(self, teacher: Transformer, learned: LabelledTexts, suffix: str = "") -> Output:
        """Weights of an encoder that learned labels; its network has them from here on."""
        rate = self.teachers.teacher_rate or step_size(teacher)
        choices = FineTuning(rate, self.teachers.teacher_epochs, self.teachers.teacher_batch)

        def work(progress: StageProgress) -> Made:
            return finetune(teacher, learned, choices, self.seed, progress)

        settings = {"teacher": teacher.digest, "texts": learned.digest, "room": teacher.room, **asdict(choices)}
        passes = "once" if choices.epochs == 1 else f"{choices.epochs} times"
        plan = f"learning {len(learned.texts):,} texts {passes}, step size {rate:g}; its first seconds tell how long"
        tuned = self.stages.run(f"teacher{suffix}", plan, settings, [], work)
        teacher.network.load_state_dict(tuned.tensors, strict=False)
        return tuned

    def judge(
        self,
        teacher: Transformer,
        parts: Mapping[str, pa.LargeStringArray],
        held_out: EncodedReviews,
        upstream: Sequence[Output],
        suffix: str = "",
    ) -> Output:
        """Logits [rows] of every part; `held_out` is what is true of the part of that name."""
        texts = [text for part in parts.values() for text in part.to_pylist()]

        def work(progress: StageProgress) -> Made:
            logits = read_texts(teacher, texts, self.teachers.teacher_pieces, progress)
            read = dict(zip(parts, torch.split(logits, [len(part) for part in parts.values()]), strict=True))
            accuracy = accuracy_of(read["held_out"], *_truth_of(held_out))
            summary = {"texts": len(texts), "held_out_accuracy": accuracy, "weights": teacher.digest[:_SHOWN]}
            # Copies, because a part of a tensor would be saved with all of it.
            return {name: values.clone() for name, values in read.items()}, summary

        settings = {"teacher": teacher.digest, "room": teacher.room, "pieces": self.teachers.teacher_pieces}
        plan = f"judging {len(texts):,} texts; its first seconds tell how long"
        return self.stages.run(f"teacher-reading{suffix}", plan, settings, upstream, work)

    def judge_in_folds(
        self,
        teacher: Transformer,
        learned: Sequence[LabelledTexts],
        texts: Mapping[str, pa.LargeStringArray],
        folds: Folds,
        held_out: EncodedReviews,
        upstream: Sequence[Output],
    ) -> tuple[Output, Output]:
        """Logits [rows] of every part by encoders that learned `learned[fold]` each; and the last one's weights."""
        assert isinstance(teacher.network, Encoder)
        untouched = {name: weights.clone() for name, weights in learned_weights(teacher.network).items()}
        reads = list[Output]()
        for fold, labelled in enumerate(learned):
            teacher.network.load_state_dict(untouched, strict=False)
            suffix = f"-{fold + 1}"
            tuned = self.finetune(teacher, labelled, suffix)
            reads.append(self.judge(teacher, folds.to_judge(texts, fold), held_out, [tuned, *upstream], suffix))

        def work(_: StageProgress) -> Made:
            joined = folds.joined([read.tensors for read in reads])
            accuracy = accuracy_of(joined["held_out"], *_truth_of(held_out))
            return joined, {"folds": len(reads), "held_out_accuracy": accuracy}

        plan = f"joining what {len(reads)} teachers said"
        return self.stages.run("teacher-reading", plan, {"folds": len(reads)}, reads, work), tuned

    def vectors(self, teacher: Transformer, words: Sequence[str], size: int, upstream: Sequence[Output]) -> Tensor:
        """A vector for each word, float32 [words, size]."""

        def work(_: StageProgress) -> Made:
            return {_VECTORS: read_words(teacher, words, size)}, {"vectors": len(words)}

        settings = {"teacher": teacher.digest, "size": size}
        made = self.stages.run("teacher-vectors", f"reading {len(words):,} words", settings, upstream, work)
        return made.tensors[_VECTORS]


def _truth_of(held_out: EncodedReviews) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(held_out.labels), torch.from_numpy(held_out.weights)
