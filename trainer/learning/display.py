"""How a fit shows itself: a live bar on a terminal, plain lines in a log."""

import time
from collections.abc import Callable
from dataclasses import asdict
from types import TracebackType

from scorer.system.live_line import LiveLine, clock
from scorer.system.terminal import printable
from trainer.learning.checkpoint import EpochRecord
from trainer.learning.evaluation import Evaluation

__all__ = ["FitDisplay"]


class FitDisplay:
    """Prints one line per epoch on stdout; in between a line that moves on stderr, if that is a terminal.

    With `say`, each line goes there instead, and an epoch's figures by their names; then nothing moves.
    """

    def __init__(self, say: Callable[..., None] | None = None) -> None:
        self._epochs, self._say, self._live = 0, say, LiveLine(self._line)
        self._epoch, self._reviews, self._begun = 0, 0, 0.0
        self._mean: Evaluation | None = None

    def __enter__(self) -> "FitDisplay":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def said(self, line: str) -> None:
        """Print a line."""
        self._tell(line)

    def _tell(self, line: str, **facts: object) -> None:
        if self._say:
            self._say(line, **facts)
            return
        self._live.stop()
        print(printable(line), flush=True)

    def planned(self, epochs: int) -> None:
        """Remember the number of epochs."""
        self._epochs = epochs

    def epoch_started(self, epoch: int, reviews: int) -> None:
        """Begin a line anew."""
        self._epoch, self._reviews, self._begun, self._mean = epoch, reviews, time.monotonic(), None

    def batch_done(self, mean: Evaluation) -> None:
        """Move it."""
        self._mean = mean
        if not self._say:
            self._live.start()

    def epoch_ended(self, record: EpochRecord, is_best: bool) -> None:
        """Print the epoch's line."""
        self._tell(
            f"epoch {record.epoch:>2}/{self._epochs}  "
            f"train loss {record.train_loss:.4f} accuracy {record.train_accuracy:.2%}  "
            f"validation loss {record.validation_loss:.4f} accuracy {record.validation_accuracy:.2%}  "
            f"{record.seconds:.0f} s{'  best' if is_best else ''}",
            **asdict(record),
        )

    def _line(self) -> tuple[float, list[list[str]]]:
        """The share of the epoch that is done, and what to say of it, at length and in short."""
        mean = self._mean
        assert mean
        seconds = max(time.monotonic() - self._begun, 1e-3)
        share, rate = mean.reviews / max(self._reviews, 1), mean.reviews / seconds
        left = f"{clock(seconds * (1 - share) / max(share, 1e-9))} left"
        epoch = f"epoch {self._epoch}/{self._epochs}"
        return share, [
            [epoch, f"loss {mean.loss:.4f}", f"accuracy {mean.accuracy:.1%}", f"{rate:,.0f} reviews/s", left],
            [epoch, f"loss {mean.loss:.3f}", f"{mean.accuracy:.1%}", left],
        ]
