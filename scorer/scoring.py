"""The pure function at the centre: a record batch in, the same rows with their sentiment out."""

from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scorer.arrays import bools, bools_of, integers_of, numbers, strings
from scorer.batches import plan_batches
from scorer.model import Network, open_model
from scorer.sealed import SealedModel
from scorer.text import TextEncoder

__all__ = ["ScoreColumns", "Scorer", "Scores", "Status", "scored_schema"]


class Status(IntEnum):
    """What became of a row."""

    ok = 0
    truncated = 1
    empty = 2
    null = 3
    error = 4  # its bytes are not text


@dataclass(frozen=True, slots=True)
class ScoreColumns:
    """Which columns to append, and under which names."""

    prefix: str = ""
    status: bool = False

    @property
    def fields(self) -> list[pa.Field]:
        """The appended columns in their order."""
        fields = [pa.field(f"{self.prefix}sentiment_probability", pa.float32())]
        fields += [pa.field(f"{self.prefix}sentiment", pa.string())]
        return [*fields, pa.field(f"{self.prefix}sentiment_status", pa.string())] if self.status else fields


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of a column of texts.

    `probability` float32 [rows] is P(positive), NaN where `status`, uint8 [rows], is `empty`, `null` or `error`.
    """

    probability: NDArray[np.float32]
    status: NDArray[np.uint8]

    @property
    def unscored(self) -> NDArray[np.bool_]:
        """True where there was no text, bool [rows]."""
        return self.status >= Status.empty


class Scorer:
    """A loaded model with its tokenizer. Scoring is safe from several threads at once.

    >>> scorer = Scorer.open()
    >>> scorer.score(pa.array(["This movie was absolutely fantastic!"])).probability
    """

    def __init__(self, sealed: SealedModel, network: Future[Network]) -> None:
        self.sealed = sealed
        self._encoder = TextEncoder(sealed.tokenizer_json, sealed.card.text)
        self._network = network.result()
        self._labels = strings(sealed.card.labels)

    @classmethod
    def open(cls, path: Path | None = None) -> "Scorer":
        """Load the model at `path`, or the one that `find_model` finds; raises `ModelError`."""
        return cls(*open_model(path))

    def score(self, texts: pa.StringArray | pa.LargeStringArray, unreadable: NDArray[np.bool_] | None = None) -> Scores:
        """Score every text, each different one once. A text's score does not depend on its neighbours.

        Rows that are `unreadable`, bool [rows], are not looked at and have the status `error`.
        """
        if unreadable is None or not unreadable.any():
            return self._score_readable(texts)
        scores = self._score_readable(pc.if_else(bools(unreadable), pa.scalar(None, texts.type), texts))
        scores.status[unreadable] = Status.error
        return scores

    def _score_readable(self, texts: pa.StringArray | pa.LargeStringArray) -> Scores:
        distinct = texts.dictionary_encode(null_encoding="encode")
        scores = self._score_distinct(distinct.dictionary)
        rows = integers_of(distinct.indices)
        return Scores(scores.probability[rows], scores.status[rows])

    def _score_distinct(self, texts: pa.StringArray | pa.LargeStringArray) -> Scores:
        ids = self._encoder.encode(texts)
        probability = np.full(len(ids), np.nan, np.float32)
        for batch in plan_batches(ids, self._encoder.settings):
            probability[batch.rows] = self._network.probabilities(batch.input_ids, batch.attention_mask)
        status = np.where(ids.truncated, Status.truncated, Status.ok).astype(np.uint8)
        status[ids.lengths == 0] = Status.empty
        status[bools_of(texts.is_null())] = Status.null
        return Scores(probability, status)

    def labels(self, scores: Scores) -> pa.StringArray:
        """`negative` or `positive` by the model's threshold, null where there was no text."""
        positive = bools(scores.probability >= self.sealed.card.threshold, scores.unscored)
        return self._labels.take(positive.cast(pa.int8()))

    def append_scores(self, batch: pa.RecordBatch, scores: Scores, columns: ScoreColumns) -> pa.RecordBatch:
        """`batch` with its columns untouched and the score columns after them."""
        values = [numbers(scores.probability, scores.unscored), self.labels(scores)]
        if columns.status:
            values.append(strings(status.name for status in Status).take(numbers(scores.status)))
        schema = scored_schema(batch.schema, columns)
        return pa.RecordBatch.from_arrays([*batch.columns, *values], schema=schema)


def scored_schema(schema: pa.Schema, columns: ScoreColumns) -> pa.Schema:
    """The output's schema: the input's fields and metadata, then the score columns."""
    return pa.schema([*schema, *columns.fields], schema.metadata)
