"""An observer that listens to a fit, and stops it as Ctrl-C would."""

from collections.abc import Callable

from trainer.learning.checkpoint import EpochRecord
from trainer.learning.evaluation import Evaluation


class Watcher:
    """Keeps the lines that were said; raises `KeyboardInterrupt` at one that `stop` holds for, or after an epoch."""

    def __init__(self, stop: Callable[[str], bool] = lambda _: False, last_epoch: int | None = None) -> None:
        self._stop, self._last_epoch = stop, last_epoch
        self.lines: list[str] = []

    def said(self, line: str) -> None:
        self.lines.append(line)
        if self._stop(line):
            raise KeyboardInterrupt

    def planned(self, epochs: int) -> None:
        pass

    def epoch_started(self, epoch: int, reviews: int) -> None:
        pass

    def batch_done(self, mean: Evaluation) -> None:
        pass

    def epoch_ended(self, record: EpochRecord, is_best: bool) -> None:
        if record.epoch == self._last_epoch:
            raise KeyboardInterrupt
