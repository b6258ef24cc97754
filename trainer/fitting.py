"""Fitting: the way from a dataset to `best.pth`, one epoch after another."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from scorer.report.page import write_page
from trainer.choosing import choose_recipe
from trainer.data.batches import validation_batches
from trainer.data.languages import Languages, languages_of
from trainer.data.reviews import DataOptions, column_of, sources_of
from trainer.data.splits import Splits, choose_splits
from trainer.data.tokenizer import make_tokenizer, pad_id_of
from trainer.learning.calibration import Calibration, as_it_comes, calibrate, cross_calibrated
from trainer.learning.checkpoint import (
    Checkpoint,
    EpochRecord,
    load_checkpoint,
    run_folder,
    save_checkpoint,
    tool_versions,
)
from trainer.learning.epochs import learn_epoch, passes_of
from trainer.learning.evaluation import (
    Evaluation,
    Prediction,
    figures_by_source,
    joined_predictions,
    losses_of,
    mean_of,
    predict,
)
from trainer.learning.judges import Judge
from trainer.learning.learner import Learner
from trainer.learning.observer import FitObserver
from trainer.learning.page import fit_page
from trainer.learning.page_reuse import keep_freed_memory
from trainer.learning.report import best_epoch, describe_fit, write_history
from trainer.learning.verdict import Verdict, describe_verdict, embedded_probabilities, reach_verdict
from trainer.material import Material, prepare
from trainer.network.lstm import SentimentLSTM
from trainer.recipes import DEFAULT, Recipe
from trainer.resuming import only_fit_of, refuse_another_fit, state_to_resume
from trainer.stages import Stages
from trainer.start import Start, load_start

__all__ = ["FitOptions", "FitResult", "describe_result", "fit"]

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
    for_few: Recipe | None = None
    """Instead of `recipe` where there are fewer than `FEW_REVIEWS` reviews to learn from."""
    languages: tuple[str, ...] = ()
    """ISO 639 codes of the languages of the reviews; empty: what they look like."""
    sentences_wanted: bool = False
    """The recipe's number of the trainer's English sentences holds for reviews of any language."""


@dataclass(frozen=True)
class FitResult:
    """Where the best epoch was saved, every epoch's figures, and how good it is."""

    checkpoint: Path
    history: list[EpochRecord]
    verdict: Verdict | None = None
    """None where no reviews are left that did not choose the epoch, as in the tutorial."""

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        told = {"checkpoint": str(self.checkpoint), "best_epoch": best_epoch(self.history).epoch}
        verdict = self.verdict.as_dict() if self.verdict else None
        return {**told, "history": [asdict(record) for record in self.history], "verdict": verdict}


def fit(options: FitOptions, observer: FitObserver) -> FitResult:
    """Fit a network and save its best epoch at `options.output`, and its run folder beside it.

    Raises `TrainerError` for data, recipe or a run to resume that cannot be used. Equal options on the same
    machine give equal numbers, interrupted and resumed or not.
    """
    with only_fit_of(options.output, resume=options.resume, force=options.force):
        return _fit(options, observer)


def describe_result(result: FitResult) -> list[str]:
    """What a fit reached, in lines for people."""
    judged = describe_verdict(result.verdict) if result.verdict else []
    return [*describe_fit(result.history), *judged, f"saved {result.checkpoint}"]


def _fit(options: FitOptions, observer: FitObserver) -> FitResult:
    keep_freed_memory()
    start = load_start(options.recipe.start) if options.recipe.start else None  # first, for data may take minutes
    observer.said(f"loading {options.data}")
    with state_to_resume(options.output, resume=options.resume) as last:
        splits = choose_splits(options.data, options.recipe, options.seed)
        for line in splits.told:
            observer.said(line)
        choice = options.recipe, start, options.for_few, options.sentences_wanted
        recipe, start = choose_recipe(*choice, splits, observer.said)
        options, data = replace(options, recipe=recipe), splits.describe(options.data)
        if last:
            refuse_another_fit(options.output, last, recipe.without_paths(), options.seed, data)
    observer.planned(recipe.epochs)
    languages = languages_of(column_of(splits.train, "text"), options.languages)
    observer.said(languages.told)
    observer.said(_sizes(splits))
    if start:
        observer.said(start.about)
    tokenizer = _tokenizer(last, start, recipe, splits)
    session = _Session(options, tokenizer, data, languages, last, start)
    weights = [recipe.source_weights, recipe.positive_weight]
    root = {"data": data, "tokenizer": tokenizer.to_str(), "seed": options.seed, "weights": weights}
    stages = _stages(options, root, observer)
    material = prepare(splits, tokenizer, session.encoder, recipe, start, options.seed, stages)
    session.learn_from(material)
    session.judge_start(material, observer)
    while not session.finished:
        session.run_epoch(material, observer)
    verdict = session.reach_verdict(material)
    _report(options.output, material.judge, session.history)
    return FitResult(options.output, session.history, verdict)


def _report(saved: Path, judge: Judge, history: list[EpochRecord]) -> None:
    """Write the page on the fit; the best epoch judges once more, because a resumed fit may not have seen it."""
    best = load_checkpoint(saved)
    page = fit_page(best, history, judge.judged(best), judge.texts, judge.sources, judge.reviews.ids.lengths)
    write_page(page, run_folder(saved) / "report.html")


def _tokenizer(last: Checkpoint | None, start: Start | None, recipe: Recipe, splits: Splits) -> Tokenizer:
    if last:
        return Tokenizer.from_str(last.tokenizer_json)
    return Tokenizer.from_str(start.tokenizer_json) if start else make_tokenizer(recipe, splits)


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
        self,
        options: FitOptions,
        tokenizer: Tokenizer,
        data: dict[str, Any],
        languages: Languages,
        last: Checkpoint | None,
        start: Start | None,
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
            languages=languages.codes,
            scripts=languages.scripts,
            versions=tool_versions(),
        )
        self.encoder = self._blank.build_encoder()
        self._learner = Learner(recipe, settings, self.encoder.unknown_id)
        self.history: list[EpochRecord] = []
        self._first: SentimentLSTM | None = None
        if start:
            self._learner.start_from(start.weights)
            self._first = self._learner.served_network()
        if last:
            self._restore(last)

    @property
    def finished(self) -> bool:
        """All epochs are done, or the patience is used up."""
        if not self.history:
            return False
        done = self.history[-1].epoch
        if done >= self._recipe.epochs:
            return True
        waited = done - best_epoch(self.history).epoch
        return self._recipe.patience is not None and waited >= self._recipe.patience

    def learn_from(self, material: Material) -> None:
        """Note what the stages reached; a network that has not begun takes over what they made for it."""
        self._blank = replace(self._blank, stages=material.stages)
        if not self.history and material.weights:
            self._learner.start_from(material.weights)

    def judge_start(self, material: Material, observer: FitObserver) -> None:
        """Judge the model that the fit goes on from, as epoch 0, if there is one and it has not been judged."""
        if self._first is None or self.history:
            return
        started = time.perf_counter()
        batches = validation_batches(material.reviews.all, self._recipe, self._blank.text)
        self._judge(0, mean_of(predict(self._first, batches), "rows"), started, material.judge, observer)

    def run_epoch(self, material: Material, observer: FitObserver) -> None:
        """Train on every review whose turn it is, judge, save."""
        epoch, started = (self.history[-1].epoch if self.history else 0) + 1, time.perf_counter()
        train = material.reviews.of(epoch, self._options.seed)
        observer.epoch_started(epoch, passes_of(self._recipe, len(train)) * len(train))
        fit = self._blank.text, self._options.seed, epoch
        trained = learn_epoch(self._learner, train, self._recipe, *fit, heard=observer.batch_done)
        self._judge(epoch, trained, started, material.judge, observer)

    def reach_verdict(self, material: Material) -> Verdict | None:
        """How good the best epoch is, kept in its checkpoint as well."""
        exam, best = material.exam, load_checkpoint(self._options.output)
        if exam is None:
            return None
        if exam.reviews:
            batches = validation_batches(exam.reviews, self._recipe, best.text)
            logits = joined_predictions(predict(best.build_network(), batches, best.temperature)).logits
        else:
            logits = material.judge.judged(best).logits
        others = {**embedded_probabilities(exam.texts), "linear model": torch.sigmoid(exam.linear).numpy()}
        verdict = reach_verdict(exam.judged_on, exam.labels, torch.sigmoid(logits).numpy(), others)
        metrics = {**best.metrics, "verdict": verdict.as_dict()}
        save_checkpoint(replace(best, metrics=metrics), self._options.output)
        return verdict

    def _judge(self, epoch: int, trained: Evaluation, started: float, judge: Judge, observer: FitObserver) -> None:
        """Judge the network as it is after an epoch, and save."""
        served = self._learner.served_network()
        predictions = judge.predictions(epoch, served)
        judged = joined_predictions(predictions)
        # The model that the fit went on from is calibrated already, and by more reviews.
        calibration = (calibrate if epoch else as_it_comes)(*judged[:3]) if self._recipe.calibrate else None
        if calibration:  # an epoch is as good as what would be served of it
            predictions = [one._replace(logits=calibration.of(one.logits)) for one in predictions]
        validated, calibrated = mean_of(predictions, self._recipe.mean_over), joined_predictions(predictions)
        figures = trained.loss, trained.accuracy, validated.loss, validated.accuracy
        seconds = round(time.perf_counter() - started, 2)
        noise = self._noise(judged, calibrated, judge) if epoch else 0.0
        record = EpochRecord(epoch, *figures, seconds, figures_by_source(calibrated, judge.sources), noise)
        self.history.append(record)
        self._save(record, served, calibration)
        observer.epoch_ended(record, best_epoch(self.history) is record)

    def _noise(self, judged: Prediction, calibrated: Prediction, judge: Judge) -> float:
        """How much of an epoch's gain in loss on the model that the fit went on from may be chance.

        It is the standard error of the gain, and what comes from reviews that judge the calibration fitted to them: of
        few reviews that is more than many fits gain.
        """
        if self._first is None:
            return 0.0
        honest = judged._replace(logits=cross_calibrated(*judged[:3])) if self._recipe.calibrate else judged
        losses = losses_of(honest)
        gains = losses_of(joined_predictions(judge.predictions(0, self._first))) - losses
        own = float((losses - losses_of(calibrated)).mean())
        return float(gains.std()) / math.sqrt(len(gains)) + max(0.0, own)

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
