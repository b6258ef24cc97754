"""What hears of a fit's progress: the terminal, a log, TensorBoard."""

from typing import Protocol

from trainer.learning.checkpoint import EpochRecord
from trainer.learning.evaluation import Evaluation

__all__ = ["FitObserver"]


class FitObserver(Protocol):
    """Hears of a fit's progress."""

    def said(self, line: str) -> None:
        """A line for the log."""

    def planned(self, epochs: int) -> None:
        """The fit will have `epochs` epochs at most."""

    def epoch_started(self, epoch: int, reviews: int) -> None:
        """Epoch `epoch` of `reviews` reviews begins."""

    def batch_done(self, mean: Evaluation) -> None:
        """One more batch; `mean` is of the epoch so far."""

    def epoch_ended(self, record: EpochRecord, is_best: bool) -> None:
        """The epoch is over, validated and saved."""
