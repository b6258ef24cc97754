"""The stages of a transformer: it learns labels if it has no head for them, judges texts, and gives word vectors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import torch
from torch import Tensor

from trainer.data.reviews import EncodedReviews
from trainer.recipes import Teachers
from trainer.stages import Made, Output, StageProgress, Stages
from trainer.teachers.finetuning import LabelledTexts, finetune, step_size
from trainer.teachers.stack import accuracy_of
from trainer.teachers.transformer import Transformer, read_texts, read_words

__all__ = ["TransformerStages"]

_VECTORS = "vectors"
_SHOWN = 12  # digits of a digest, enough to tell published weights apart


@dataclass(frozen=True)
class TransformerStages:
    """What all of them share."""

    stages: Stages
    teachers: Teachers
    seed: int

    def finetune(self, teacher: Transformer, learned: LabelledTexts) -> Output:
        """Weights of an encoder that learned labels; its network has them from here on."""
        rate = self.teachers.teacher_rate or step_size(teacher)

        def work(progress: StageProgress) -> Made:
            return finetune(teacher, learned, rate, self.seed, progress)

        settings = {"teacher": teacher.digest, "texts": learned.digest, "rate": rate, "room": teacher.room}
        plan = f"fine-tuning on {len(learned.texts):,} texts, step size {rate:g}; its first seconds tell how long"
        tuned = self.stages.run("teacher", plan, settings, [], work)
        teacher.network.load_state_dict(tuned.tensors, strict=False)
        return tuned

    def judge(
        self,
        teacher: Transformer,
        parts: Mapping[str, pa.LargeStringArray],
        held_out: EncodedReviews,
        upstream: Sequence[Output],
    ) -> Output:
        """Logits [rows] of every part; `held_out` is what is true of the part of that name."""
        texts = [text for part in parts.values() for text in part.to_pylist()]
        truth = torch.from_numpy(held_out.labels), torch.from_numpy(held_out.weights)

        def work(progress: StageProgress) -> Made:
            logits = read_texts(teacher, texts, self.teachers.teacher_pieces, progress)
            read = dict(zip(parts, torch.split(logits, [len(part) for part in parts.values()]), strict=True))
            accuracy = accuracy_of(read["held_out"], *truth)
            summary = {"texts": len(texts), "held_out_accuracy": accuracy, "weights": teacher.digest[:_SHOWN]}
            # Copies, because a part of a tensor would be saved with all of it.
            return {name: values.clone() for name, values in read.items()}, summary

        settings = {"teacher": teacher.digest, "room": teacher.room, "pieces": self.teachers.teacher_pieces}
        plan = f"judging {len(texts):,} texts; its first seconds tell how long"
        return self.stages.run("teacher-reading", plan, settings, upstream, work)

    def vectors(self, teacher: Transformer, words: Sequence[str], size: int, upstream: Sequence[Output]) -> Tensor:
        """A vector for each word, float32 [words, size]."""

        def work(_: StageProgress) -> Made:
            return {_VECTORS: read_words(teacher, words, size)}, {"vectors": len(words)}

        settings = {"teacher": teacher.digest, "size": size}
        made = self.stages.run("teacher-vectors", f"reading {len(words):,} words", settings, upstream, work)
        return made.tensors[_VECTORS]
