"""The pure function at the centre: a record batch in, the same rows with their sentiment out."""

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scorer.arrow.arrays import bools, bools_of, integers_of, numbers, strings
from scorer.model.batches import Batch, plan_batches
from scorer.model.network import Network, open_model
from scorer.model.sealed import SealedModel
from scorer.tokens.encoder import TextEncoder

__all__ = ["Prepared", "ScoreColumns", "Scorer", "Scores", "Status", "scored_schema"]


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


@dataclass(frozen=True, slots=True)
class Prepared:
    """A column of texts as the network needs it: each different text once, in batches that may be run in any order."""

    batches: list[Batch]
    places: NDArray[np.integer]
    """For every text, which of the different ones it is: [rows]."""
    status: NDArray[np.uint8]
    """Of every text, uint8 [rows]."""

    def scores(self, probabilities: Iterable[NDArray[np.float32]]) -> Scores:
        """All scores from those of each batch, float32 [batch], in the order of `batches`."""
        distinct = np.full(int(self.places.max(initial=-1)) + 1, np.nan, np.float32)
        for batch, probability in zip(self.batches, probabilities, strict=True):
            distinct[batch.rows] = probability
        return Scores(distinct[self.places], self.status)


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
        prepared = self.prepare(texts, unreadable)
        return prepared.scores(map(self.probabilities, prepared.batches))

    def prepare(
        self, texts: pa.StringArray | pa.LargeStringArray, unreadable: NDArray[np.bool_] | None = None
    ) -> Prepared:
        """All of `score` that comes before the network."""
        if unreadable is not None and unreadable.any():
            texts = pc.if_else(bools(unreadable), pa.scalar(None, texts.type), texts)
        distinct = texts.dictionary_encode(null_encoding="encode")
        places = integers_of(distinct.indices)
        ids = self._encoder.encode(distinct.dictionary)
        status = np.where(ids.truncated, Status.truncated, Status.ok).astype(np.uint8)
        status[ids.lengths == 0] = Status.empty
        status[bools_of(distinct.dictionary.is_null())] = Status.null
        status = status[places]
        if unreadable is not None:
            status[unreadable] = Status.error
        return Prepared(list(plan_batches(ids, self._encoder.settings)), places, status)

    def probabilities(self, batch: Batch) -> NDArray[np.float32]:
        """P(positive) of each row of a batch, float32 [batch]."""
        return self._network.probabilities(*batch.padded())

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
