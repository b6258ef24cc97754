"""One window of rows: its texts as the network needs them, or the scores that an earlier attempt gave them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorer.files.source import Source
from scorer.model.batches import Batch
from scorer.run.resume import FinishedWork, text_digest
from scorer.scores import Scores
from scorer.scoring import Prepared, Scorer

__all__ = ["Window", "prepare_window"]


@dataclass(frozen=True, slots=True)
class Window:
    """A few thousand rows, ready for the network."""

    rows: pa.RecordBatch
    digest: bytes
    """Of the texts, as `FinishedWork` knows them."""
    kept: Scores | None
    """Their scores, if an earlier attempt kept them."""
    prepared: Prepared | None
    """The texts, if not."""

    @property
    def resumed(self) -> bool:
        """There is nothing left for the network to do."""
        return self.kept is not None

    @property
    def batches(self) -> Sequence[Batch]:
        """What the network has to run."""
        return self.prepared.batches if self.prepared else ()

    def scores(self, log_odds: Iterable[NDArray[np.float64]]) -> Scores:
        """Scores of all rows from those of `batches`, in their order."""
        if self.kept:
            return self.kept
        assert self.prepared
        return self.prepared.scores(log_odds)


def prepare_window(
    rows: pa.RecordBatch, *, scorer: Scorer, source: Source, work: FinishedWork, explain: bool
) -> Window:
    """Make rows of `source` ready, or find their scores in finished `work`; safe from several threads at once.

    With `explain` the strongest ones are found as well.
    """
    decoded = source.decode(rows)
    digest = text_digest(decoded.texts, decoded.unreadable)
    kept = work.find(digest)
    if kept and explain and kept.strongest is None:  # of an attempt with other options
        kept = None
    prepared = None if kept else scorer.prepare(decoded.texts, decoded.unreadable, explain=explain)
    return Window(decoded.rows, digest, kept, prepared)
