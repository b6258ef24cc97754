"""Fitting: the way from a dataset to `best.pth`, one epoch after another."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from trainer.data.batches import training_batches, validation_batches
from trainer.data.reviews import DataOptions, EncodedReviews, column_of, encode_reviews, sources_of
from trainer.data.splits import Splits, choose_splits
from trainer.data.tokenizer import make_tokenizer, pad_id_of
from trainer.data.weights import weights_of
from trainer.learning.calibration import Calibration, calibrate
from trainer.learning.checkpoint import (
    Checkpoint,
    EpochRecord,
    load_checkpoint,
    run_folder,
    save_checkpoint,
    tool_versions,
)
from trainer.learning.evaluation import (
    Evaluation,
    Mean,
    figures_by_source,
    joined_predictions,
    mean_of,
    predict,
)
from trainer.learning.learner import Learner
from trainer.learning.page import write_fit_page
from trainer.learning.page_reuse import keep_freed_memory
from trainer.learning.report import best_epoch, write_history
from trainer.network.lstm import SentimentLSTM
from trainer.network.rounding import round_vectors
from trainer.recipes import DEFAULT, Recipe
from trainer.resuming import only_fit_of, refuse_another_fit, state_to_resume
from trainer.seeds import epoch_seed
from trainer.stages import Stages
from trainer.teachers.school import Lesson, teach

__all__ = ["FitObserver", "FitOptions", "FitResult", "fit"]

_BIAS = "head.bias"


@dataclass(frozen=True)
class FitOptions:
    """What `trainer fit` is asked to do."""

    data: DataOptions = field(default_factory=DataOptions)
    recipe: Recipe = DEFAULT
    output: Path = Path("best.pth")
    seed: int = 0
    resume: bool = False
    """Continue the fit whose last state lies in the run folder."""
    force: bool = False
    """Replace an existing checkpoint."""
    save_every: float = 180.0
    """Seconds after which a long stage keeps its state: seldom enough that writing costs nothing that shows."""
    speak_every: float = 60.0
    """Seconds after which a long stage says how far it is."""


@dataclass(frozen=True)
class FitResult:
    """Where the best epoch was saved, and every epoch's figures."""

    checkpoint: Path
    history: list[EpochRecord]


class FitObserver(Protocol):
    """Hears of a fit's progress."""

    def said(self, line: str) -> None:
        """A line for the log."""

    def epoch_started(self, epoch: int, reviews: int) -> None:
        """Epoch `epoch` of `reviews` reviews begins."""

    def batch_done(self, mean: Evaluation) -> None:
        """One more batch; `mean` is of the epoch so far."""

    def epoch_ended(self, record: EpochRecord, is_best: bool) -> None:
        """The epoch is over, validated and saved."""


def fit(options: FitOptions, observer: FitObserver) -> FitResult:
    """Fit a network and save its best epoch at `options.output`, and its run folder beside it.

    Raises `TrainerError` for data, recipe or a run to resume that cannot be used. Equal options on the same
    machine give equal numbers, interrupted and resumed or not.
    """
    with only_fit_of(options.output, resume=options.resume, force=options.force):
        return _fit(options, observer)


def _fit(options: FitOptions, observer: FitObserver) -> FitResult:
    recipe = options.recipe
    keep_freed_memory()
    observer.said(f"loading {options.data}")
    with state_to_resume(options.output, resume=options.resume) as last:
        splits = choose_splits(options.data, recipe, options.seed)
        data = splits.describe(options.data)
        if last:
            refuse_another_fit(options.output, last, recipe.without_paths(), options.seed, data)
    observer.said(_sizes(splits))
    tokenizer = Tokenizer.from_str(last.tokenizer_json) if last else make_tokenizer(recipe, splits)

    session = _Session(options, tokenizer, data, last)
    if recipe.teachers:
        weights = [recipe.source_weights, recipe.positive_weight]
        root = {"data": data, "tokenizer": tokenizer.to_str(), "seed": options.seed, "weights": weights}
        lesson = teach(splits, tokenizer, recipe, options.seed, _stages(options, root, observer))
        session.learn_from(lesson)
        reviews = lesson.reviews
    else:
        reviews = encode_reviews(splits.train, session.encoder, weights_of(splits.train, recipe))
    held_out = encode_reviews(splits.validation, session.encoder, weights_of(splits.validation, recipe))
    sources = sources_of(splits.validation)
    while not session.finished:
        session.run_epoch(reviews, held_out, sources, observer)
    _report(options.output, splits, held_out, session.history)
    return FitResult(options.output, session.history)


def _report(saved: Path, splits: Splits, held_out: EncodedReviews, history: list[EpochRecord]) -> None:
    """Write the page on the fit; the best epoch judges once more, because a resumed fit may not have seen it."""
    best = load_checkpoint(saved)
    batches = validation_batches(held_out, best.recipe, best.text)
    judged = joined_predictions(predict(best.build_network(), batches, best.temperature))
    texts, sources = column_of(splits.validation, "text"), sources_of(splits.validation)
    page = run_folder(saved) / "report.html"
    write_fit_page(best, history, judged, texts, sources, held_out.ids.lengths, page)


def _sizes(splits: Splits) -> str:
    unlabelled = "" if splits.unlabelled is None else f", {len(splits.unlabelled):,} without labels"
    train, validation = len(splits.train), len(splits.validation)
    sources = len(np.unique(sources_of(splits.train)))
    several = f" of {sources} sources" if sources > 1 else ""
    return f"{train:,} reviews to train on{several}, {validation:,} to validate on{unlabelled}; tokenising"


def _stages(options: FitOptions, root: Mapping[str, Any], observer: FitObserver) -> Stages:
    folder, paces = _stages_folder(options), (options.save_every, options.speak_every)
    return Stages(folder, root, observer.said, *paces, resume=options.resume)


class _Session:
    """The moving parts of one fit: what learns, and the history."""

    def __init__(
        self, options: FitOptions, tokenizer: Tokenizer, data: dict[str, Any], last: Checkpoint | None
    ) -> None:
        self._options, self._recipe, recipe = options, options.recipe, options.recipe
        torch.manual_seed(options.seed)
        settings = recipe.network_settings(tokenizer.get_vocab_size())
        self._blank = Checkpoint(
            epoch=0,
            loss=math.inf,
            model_state_dict={},
            optimizer_state_dict={},
            network=settings,
            tokenizer_json=tokenizer.to_str(),
            text=recipe.text_settings(pad_id_of(tokenizer)),
            recipe=recipe.without_paths(),
            seed=options.seed,
            data=data,
            versions=tool_versions(),
        )
        self.encoder = self._blank.build_encoder()
        self._learner = Learner(recipe, settings, self.encoder.unknown_id)
        self.history: list[EpochRecord] = []
        if last:
            self._restore(last)

    @property
    def finished(self) -> bool:
        """All epochs are done, or the patience is used up."""
        if len(self.history) >= self._recipe.epochs:
            return True
        waited = len(self.history) - best_epoch(self.history).epoch if self.history else 0
        return self._recipe.patience is not None and waited >= self._recipe.patience

    def learn_from(self, lesson: Lesson) -> None:
        """Note what the teachers reached; a network that has not begun takes over their word vectors."""
        self._blank = replace(self._blank, stages=lesson.stages)
        if not self.history:
            self._learner.start_from(lesson.weights)

    def run_epoch(
        self, train: EncodedReviews, validation: EncodedReviews, sources: NDArray[np.str_], observer: FitObserver
    ) -> None:
        """Train on every review once, validate, save; `sources` [rows] are those of `validation`."""
        epoch, started = len(self.history) + 1, time.perf_counter()
        observer.epoch_started(epoch, len(train))
        trained = self._train(train, epoch, observer)
        batches = validation_batches(validation, self._recipe, self._blank.text)
        served = self._served_network()
        predictions = predict(served, batches)
        judged = joined_predictions(predictions)
        calibration = calibrate(*judged[:3]) if self._recipe.calibrate else None
        if calibration:  # an epoch is as good as what would be served of it
            predictions = [one._replace(logits=calibration.of(one.logits)) for one in predictions]
        validated, calibrated = mean_of(predictions, self._recipe.mean_over), joined_predictions(predictions)
        figures = trained.loss, trained.accuracy, validated.loss, validated.accuracy
        seconds = round(time.perf_counter() - started, 2)
        record = EpochRecord(epoch, *figures, seconds, figures_by_source(calibrated, sources))
        self.history.append(record)
        self._save(record, served, calibration)
        observer.epoch_ended(record, best_epoch(self.history) is record)

    def _train(self, train: EncodedReviews, epoch: int, observer: FitObserver) -> Evaluation:
        # Every epoch starts from a seed of its own, so a resumed fit need not know how far the last one drew.
        seed = epoch_seed(self._options.seed, epoch)
        torch.manual_seed(seed)
        mean = Mean(self._recipe.mean_over)
        for batch in training_batches(train, self._recipe, self._blank.text, seed):
            done = (mean.reviews + len(batch.labels)) / len(train)
            loss, logits, _ = self._learner.step(batch, (epoch - 1 + done) / self._recipe.epochs)
            mean.add(loss.item(), logits, batch.truth, batch.weights)
            observer.batch_done(mean.result)
        return mean.result

    def _served_network(self) -> SentimentLSTM:
        """The network as it is validated and saved: averaged and rounded, if the recipe says so."""
        served = self._learner.served_network()
        table = served.embedding.weight.data
        table.copy_(round_vectors(table, self._recipe.embedding_bits))
        return served

    def _save(self, record: EpochRecord, served: SentimentLSTM, calibration: Calibration | None) -> None:
        folder = run_folder(self._options.output)
        folder.mkdir(parents=True, exist_ok=True)
        state = self._learner.state_dict()
        current = replace(
            self._blank,
            epoch=record.epoch,
            loss=record.validation_loss,
            optimizer_state_dict=state["optimizer"],
            history=self.history,
        )
        if best_epoch(self.history) is record:
            figures = {"loss": record.validation_loss, "accuracy": record.validation_accuracy}
            metrics = {"validation": {**figures, "sources": record.sources}}
            best = replace(current, model_state_dict=served.state_dict(), metrics=metrics)
            if calibration:
                shifted = _shifted(served.state_dict(), calibration)
                best = replace(best, model_state_dict=shifted, calibration=asdict(calibration))
            save_checkpoint(best, self._options.output)
        write_history(self.history, folder)
        weights = {"model_state_dict": state["network"], "average_state_dict": state["average"]}
        save_checkpoint(replace(current, **weights, steps=state["steps"]), folder / "last.pth")

    def _restore(self, last: Checkpoint) -> None:
        self._learner.load_state_dict(
            {
                "network": last.model_state_dict,
                "optimizer": last.optimizer_state_dict,
                "average": last.average_state_dict,
                "steps": last.steps,
            }
        )
        self.history = list(last.history)


def _shifted(weights: dict[str, Tensor], calibration: Calibration) -> dict[str, Tensor]:
    """A network's weights with the shift of its calibrated logits in the bias."""
    return {**weights, _BIAS: weights[_BIAS] + calibration.shift * calibration.temperature}


def _stages_folder(options: FitOptions) -> Path:
    return run_folder(options.output) / "stages"
