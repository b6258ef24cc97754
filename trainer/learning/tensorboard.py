"""Figures of a fit for TensorBoard, by torch's own writer."""

from pathlib import Path
from types import TracebackType

from torch.utils.tensorboard import SummaryWriter

from trainer.learning.checkpoint import EpochRecord
from trainer.learning.evaluation import Evaluation
from trainer.learning.observer import FitObserver

__all__ = ["TensorBoard"]

_BATCHES_BETWEEN = 10
"""Two values of the running loss: more would fill the disk, not the eye."""


class TensorBoard:
    """Hears of a fit's progress, passes it on to another observer, and writes it to `folder`.

    Epochs are the steps of `loss/…`, `accuracy/…` and each source's figures; reviews that of `running/…`.
    """

    def __init__(self, observer: FitObserver, folder: Path) -> None:
        self._observer, self._writer = observer, SummaryWriter(str(folder))
        self._epoch = self._reviews = self._batches = 0

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def said(self, line: str) -> None:
        """Pass on a line."""
        self._observer.said(line)

    def planned(self, epochs: int) -> None:
        """Pass on how many epochs there will be."""
        self._observer.planned(epochs)

    def epoch_started(self, epoch: int, reviews: int) -> None:
        """Note where in the fit the epoch begins."""
        self._epoch, self._reviews, self._batches = epoch, reviews, 0
        self._observer.epoch_started(epoch, reviews)

    def batch_done(self, mean: Evaluation) -> None:
        """Write the means of the epoch so far, now and then."""
        self._batches += 1
        if self._batches % _BATCHES_BETWEEN == 0:
            step = (self._epoch - 1) * self._reviews + mean.reviews
            self._write({"running/loss": mean.loss, "running/accuracy": mean.accuracy}, step)
        self._observer.batch_done(mean)

    def epoch_ended(self, record: EpochRecord, is_best: bool) -> None:
        """Write the epoch's figures."""
        figures = {
            f"{kind}/{part}": getattr(record, f"{part}_{kind}")
            for kind in ("loss", "accuracy")
            for part in ("train", "validation")
        }
        for source, values in record.sources.items():
            figures |= {f"{source}/{name}": values[name] for name in ("balanced_accuracy", "ece")}
        self._write(figures | {"seconds": record.seconds}, record.epoch)
        self._writer.flush()
        self._observer.epoch_ended(record, is_best)

    def _write(self, figures: dict[str, float], step: int) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)
