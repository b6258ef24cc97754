"""One window of rows: its texts as the network needs them, or the scores that an earlier attempt gave them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorer.arrow.columns import ColumnPath, column_at
from scorer.arrow.decoding import decode_rows, decode_texts
from scorer.files.source import Source
from scorer.model.batches import Batch
from scorer.run.resume import FinishedWork, text_digest
from scorer.scoring import Prepared, Scorer, Scores

__all__ = ["Window", "decode_window", "prepare_window"]


@dataclass(frozen=True, slots=True)
class Window:
    """A few thousand rows, ready for the network."""

    rows: pa.RecordBatch
    digest: bytes
    """Of the texts, as `FinishedWork` knows them."""
    texts: Prepared | Scores
    """The texts, or their scores if an earlier attempt kept them."""

    @property
    def resumed(self) -> bool:
        """There is nothing left for the network to do."""
        return isinstance(self.texts, Scores)

    @property
    def batches(self) -> Sequence[Batch]:
        """What the network has to run."""
        return () if isinstance(self.texts, Scores) else self.texts.batches

    def scores(self, probabilities: Iterable[NDArray[np.float32]]) -> Scores:
        """Scores of all rows from those of `batches`, in their order."""
        return self.texts if isinstance(self.texts, Scores) else self.texts.scores(probabilities)


def prepare_window(
    rows: pa.RecordBatch, *, scorer: Scorer, source: Source, text_path: ColumnPath, work: FinishedWork
) -> Window:
    """Make rows of `source` ready, or find their scores in finished `work`; safe from several threads at once."""
    rows, texts, unreadable = decode_window(rows, source, text_path)
    digest = text_digest(texts, unreadable)
    return Window(rows, digest, work.find(digest) or scorer.prepare(texts, unreadable))


def decode_window(
    window: pa.RecordBatch, source: Source, text_path: ColumnPath
) -> tuple[pa.RecordBatch, pa.StringArray | pa.LargeStringArray, NDArray[np.bool_]]:
    """The rows as text, where the source is; their texts; and which rows cannot be read, bool [rows]."""
    if not source.is_text:
        return window, *decode_texts(column_at(window, text_path))
    window, unreadable = decode_rows(window)
    texts, _ = decode_texts(column_at(window, text_path))
    return window, texts, unreadable
