"""One window of rows: its texts, their scores, and the rows as they are to be written."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorer.columns import ColumnPath, column_at
from scorer.decoding import decode_rows, decode_texts
from scorer.resume import FinishedWork, text_digest
from scorer.scoring import ScoreColumns, Scorer, Scores
from scorer.sources import Source

__all__ = ["ScoredWindow", "decode_window", "score_window"]


@dataclass(frozen=True, slots=True)
class ScoredWindow:
    """A few thousand rows with their scores."""

    rows: pa.RecordBatch
    scores: Scores
    digest: bytes
    """Of the texts, as `FinishedWork` knows them."""
    resumed: bool
    """The scores are those of an earlier attempt."""


def score_window(
    window: pa.RecordBatch,
    *,
    scorer: Scorer,
    source: Source,
    text_path: ColumnPath,
    columns: ScoreColumns,
    work: FinishedWork,
) -> ScoredWindow:
    """Score a window of `source`, or find its scores in finished `work`; safe from several threads at once."""
    window, texts, unreadable = decode_window(window, source, text_path)
    digest = text_digest(texts, unreadable)
    known = work.find(digest)
    scores = known or scorer.score(texts, unreadable)
    return ScoredWindow(scorer.append_scores(window, scores, columns), scores, digest, known is not None)


def decode_window(
    window: pa.RecordBatch, source: Source, text_path: ColumnPath
) -> tuple[pa.RecordBatch, pa.StringArray | pa.LargeStringArray, NDArray[np.bool_]]:
    """The rows as text, where the source is; their texts; and which rows cannot be read, bool [rows]."""
    if not source.is_text:
        return window, *decode_texts(column_at(window, text_path))
    window, unreadable = decode_rows(window)
    texts, _ = decode_texts(column_at(window, text_path))
    return window, texts, unreadable
