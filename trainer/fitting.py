"""Fitting: the way from a dataset to `best.pth`, one epoch after another."""

import copy
import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import datasets
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from trainer.checkpoint import (
    Checkpoint,
    EpochRecord,
    load_checkpoint,
    run_folder,
    save_checkpoint,
    tool_versions,
)
from trainer.corpus import learn_tokenizer, load_tokenizer, pad_id_of
from trainer.data import DataSource, EncodedReviews, encode_reviews, fingerprint, hold_out, load_splits
from trainer.errors import TrainerError
from trainer.evaluation import Evaluation, Mean, evaluate
from trainer.loader import training_batches, validation_batches
from trainer.network import SentimentLSTM
from trainer.recipes import DEFAULT, Recipe
from trainer.report import best_epoch, write_report

__all__ = ["FitObserver", "FitOptions", "FitResult", "fit"]


@dataclass(frozen=True)
class FitOptions:
    """What `trainer fit` is asked to do."""

    data: DataSource = field(default_factory=DataSource)
    recipe: Recipe = DEFAULT
    output: Path = Path("best.pth")
    seed: int = 0
    resume: bool = False
    """Continue the fit whose last state lies in the run folder."""
    force: bool = False
    """Replace an existing checkpoint."""


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
    recipe, last = options.recipe, _run_to_resume(options)
    observer.said(f"loading {options.data.name}")
    train, validation = _choose_validation(load_splits(options.data), options)
    data = _describe(train, validation, options)
    if last and (last.recipe, last.seed, last.data) != (recipe, options.seed, data):
        raise TrainerError(f"{options.output}: the fit to resume had another recipe, seed or data; repeat its options")
    observer.said(f"{len(train):,} reviews to train on, {len(validation):,} to validate on; tokenising")
    tokenizer = Tokenizer.from_str(last.tokenizer_json) if last else _make_tokenizer(recipe, train)

    session = _Session(options, tokenizer, data, last)
    reviews, held_out = encode_reviews(train, session.encoder), encode_reviews(validation, session.encoder)
    while not session.finished:
        session.run_epoch(reviews, held_out, observer)
    return FitResult(options.output, session.history)


class _Session:
    """The moving parts of one fit: network, optimizer, running average, history."""

    def __init__(
        self, options: FitOptions, tokenizer: Tokenizer, data: dict[str, Any], last: Checkpoint | None
    ) -> None:
        self._options, self._recipe, recipe = options, options.recipe, options.recipe
        torch.manual_seed(options.seed)
        settings = recipe.network_settings(tokenizer.get_vocab_size())
        self._network = SentimentLSTM(settings)
        self._optimizer = torch.optim.Adam(self._network.parameters(), recipe.learning_rate, fused=True)
        self._average = _running_average(self._network, recipe.average_decay)
        self._blank = Checkpoint(
            epoch=0,
            loss=math.inf,
            model_state_dict={},
            optimizer_state_dict={},
            network=settings,
            tokenizer_json=tokenizer.to_str(),
            text=recipe.text_settings(pad_id_of(tokenizer)),
            recipe=recipe,
            seed=options.seed,
            data=data,
            versions=tool_versions(),
        )
        self.encoder = self._blank.build_encoder()
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

    def run_epoch(self, train: EncodedReviews, validation: EncodedReviews, observer: FitObserver) -> None:
        """Train on every review once, validate, save."""
        epoch, started = len(self.history) + 1, time.perf_counter()
        observer.epoch_started(epoch, len(train))
        trained = self._train(train, epoch, observer)
        batches = validation_batches(validation, self._recipe, self._blank.text)
        served = self._served_network()
        validated = evaluate(served, batches, self._recipe.mean_over)
        seconds = time.perf_counter() - started
        record = EpochRecord(
            epoch, trained.loss, trained.accuracy, validated.loss, validated.accuracy, round(seconds, 2)
        )
        self.history.append(record)
        self._save(record, served)
        observer.epoch_ended(record, best_epoch(self.history) is record)

    def _train(self, train: EncodedReviews, epoch: int, observer: FitObserver) -> Evaluation:
        # Every epoch starts from a seed of its own, so a resumed fit need not know how far the last one drew.
        seed = self._options.seed * 10_007 + epoch
        torch.manual_seed(seed)
        self._network.train()
        mean = Mean(self._recipe.mean_over)
        for input_ids, mask, labels in training_batches(train, self._recipe, self._blank.text, seed):
            logits = self._network(self._drop_words(input_ids), mask)
            loss = binary_cross_entropy_with_logits(logits, labels)
            self._step(loss)
            mean.add(loss.item(), logits.detach(), labels)
            observer.batch_done(mean.result)
        return mean.result

    def _step(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise TrainerError(
                "the loss is no longer a number; fit again with a lower --learning-rate or --clip-norm 1"
            )
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self._recipe.clip_norm is not None:
            clip_grad_norm_(self._network.parameters(), self._recipe.clip_norm)
        self._optimizer.step()
        if self._average:
            self._average.update_parameters(self._network)

    def _drop_words(self, input_ids: Tensor) -> Tensor:
        if not self._recipe.word_dropout:
            return input_ids
        return input_ids.masked_fill(torch.rand(input_ids.shape) < self._recipe.word_dropout, self.encoder.unknown_id)

    def _served_network(self) -> SentimentLSTM:
        """A copy of the network as it is validated and saved: averaged and rounded, if the recipe says so."""
        served = copy.deepcopy(self._network)
        if self._average:
            served.load_state_dict(self._average.module.state_dict())
        if self._recipe.half_embedding:
            table = served.embedding.weight.data
            table.copy_(table.half())
        return served

    def _save(self, record: EpochRecord, served: SentimentLSTM) -> None:
        folder = run_folder(self._options.output)
        folder.mkdir(parents=True, exist_ok=True)
        current = replace(
            self._blank,
            epoch=record.epoch,
            loss=record.validation_loss,
            optimizer_state_dict=self._optimizer.state_dict(),
            history=self.history,
        )
        if best_epoch(self.history) is record:
            metrics = {"validation": {"loss": record.validation_loss, "accuracy": record.validation_accuracy}}
            best = replace(current, model_state_dict=served.state_dict(), metrics=metrics)
            save_checkpoint(best, self._options.output)
        average = self._average.state_dict() if self._average else None
        raw = self._network.state_dict()
        write_report(self.history, folder)
        save_checkpoint(replace(current, model_state_dict=raw, average_state_dict=average), folder / "last.pth")

    def _restore(self, last: Checkpoint) -> None:
        self._network.load_state_dict(last.model_state_dict)
        self._optimizer.load_state_dict(last.optimizer_state_dict)
        if self._average and last.average_state_dict:
            self._average.load_state_dict(last.average_state_dict)
        self.history = list(last.history)


def _running_average(network: SentimentLSTM, decay: float | None) -> AveragedModel | None:
    """An exponential moving average of the weights (Polyak averaging), if there is a decay."""
    average = get_ema_multi_avg_fn(decay) if decay else None  # type: ignore[no-untyped-call]
    return AveragedModel(network, multi_avg_fn=average) if decay else None


def _run_to_resume(options: FitOptions) -> Checkpoint | None:
    """The last state of an interrupted fit, if it is to be resumed; refuses to lose an existing checkpoint."""
    if options.resume:
        return load_checkpoint(run_folder(options.output) / "last.pth")
    if options.output.exists() and not options.force:
        raise TrainerError(
            f"{options.output}: exists already; continue its fit with --resume, name another with -o, or replace it "
            "with --force"
        )
    if not options.output.parent.is_dir():  # shows now, not after the first epoch
        raise TrainerError(f"{options.output}: the folder {options.output.parent} does not exist; make it first")
    return None


def _choose_validation(
    splits: dict[str, datasets.Dataset], options: FitOptions
) -> tuple[datasets.Dataset, datasets.Dataset]:
    """What to train on, and what to choose the best epoch by."""
    needed = ["train", "test"] if options.recipe.validation == "test" else ["train"]
    for name in needed:
        if name not in splits:
            raise TrainerError(f"{options.data.name}: no split {name!r}; it has {', '.join(splits) or 'none'}")
    if options.recipe.validation == "test":
        return splits["train"], splits["test"]
    return hold_out(splits["train"], options.recipe.validation, options.seed)


def _make_tokenizer(recipe: Recipe, train: datasets.Dataset) -> Tokenizer:
    if recipe.tokenizer == "corpus":
        return learn_tokenizer(train.data["text"], recipe.vocab_size)
    return load_tokenizer(recipe.tokenizer)


def _describe(train: datasets.Dataset, validation: datasets.Dataset, options: FitOptions) -> dict[str, Any]:
    """What a checkpoint keeps of its data: enough to know it again, none of its texts."""
    return {
        "name": Path(options.data.name).name,
        "train_reviews": len(train),
        "validation_reviews": len(validation),
        "fingerprint": fingerprint(train),
        "validation_fingerprint": fingerprint(validation),
    }
