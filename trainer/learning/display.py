"""How a fit shows itself: a live bar on a terminal, plain lines in a log."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from scorer.system.terminal import printable
from trainer.learning.checkpoint import EpochRecord
from trainer.learning.evaluation import Evaluation

__all__ = ["FitDisplay"]


class FitDisplay:
    """Prints one line per epoch on stdout; in between a bar on stderr, if that is a terminal."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("loss {task.fields[loss]:.4f}  accuracy {task.fields[accuracy]:.1%}"),
            TextColumn("{task.fields[rate]:,.0f} reviews/s"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", visible=False, epoch="", loss=0.0, accuracy=0.0, rate=0.0)

    def __enter__(self) -> "FitDisplay":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def said(self, line: str) -> None:
        """Print a line above the bar."""
        self._bar.stop()
        print(printable(line), flush=True)
        self._bar.start()

    def epoch_started(self, epoch: int, reviews: int) -> None:
        """Start the bar anew."""
        self._bar.reset(self._task, total=reviews)
        self._bar.update(self._task, visible=True, epoch=f"{epoch}/{self._epochs}", loss=0.0, accuracy=0.0, rate=0.0)

    def batch_done(self, mean: Evaluation) -> None:
        """Move the bar."""
        rate = mean.reviews / max(self._bar.tasks[self._task].elapsed or 0.0, 1e-3)
        self._bar.update(self._task, completed=mean.reviews, loss=mean.loss, accuracy=mean.accuracy, rate=rate)

    def epoch_ended(self, record: EpochRecord, is_best: bool) -> None:
        """Print the epoch's line."""
        self._bar.update(self._task, visible=False)
        self.said(
            f"epoch {record.epoch:>2}/{self._epochs}  "
            f"train loss {record.train_loss:.4f} accuracy {record.train_accuracy:.2%}  "
            f"validation loss {record.validation_loss:.4f} accuracy {record.validation_accuracy:.2%}  "
            f"{record.seconds:.0f} s{'  best' if is_best else ''}"
        )
