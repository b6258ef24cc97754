"""What scoring says of rows: probabilities and statuses, and the columns that they become."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorer.arrow.metadata import with_fields
from scorer.errors import UsageError

__all__ = ["WORDS_TYPE", "Decision", "ScoreColumns", "Scores", "Status", "Verdict", "WordCounts", "scored_schema"]

WORDS_TYPE = pa.list_(pa.struct([("word", pa.string()), ("effect", pa.float32())]))
"""Words of a text, the strongest first, and by how many nats the log-odds of positive fall without each."""

_MOST_UNKNOWN = 0.3
"""The embedded model does not know 0.4 to 1.5 % of the words of fourteen kinds of English reviews, at most 15 % of ten
reviews in a row; of other languages a third (French) to all, of identifiers half to all: docs/REVIEWS.md."""
_LEAST_UNKNOWN = 8
"""Of 226,059 English reviews, each looked at alone, 18 have both: they are in other languages, or no words."""


class Status(IntEnum):
    """What became of a row."""

    ok = 0
    truncated = 1
    empty = 2
    null = 3
    error = 4  # its bytes are not text


class Verdict(IntEnum):
    """What a probability is called."""

    negative = 0
    positive = 1
    unsure = 2


@dataclass(frozen=True, slots=True)
class Decision:
    """From which probability on a text is called positive, and what the labels are; None takes the model's.

    Raises `UsageError` for what cannot be.
    """

    threshold: float | None = None
    unsure: tuple[float, float] | None = None
    """From the first of these probabilities on, and below the second, a text is called neither."""
    positive_label: str | None = None
    negative_label: str | None = None

    def __post_init__(self) -> None:
        low, high = self.unsure or (0.0, 1.0)
        if not 0 <= low < high <= 1:
            raise UsageError(f"--unsure {low:g}:{high:g}: name two probabilities, the lower one first, as in 0.4:0.6")
        if self.unsure and self.threshold is not None:
            raise UsageError("--unsure says where verdicts part; leave out --threshold")
        if not all(label is None or _is_label(label) for label in (self.positive_label, self.negative_label)):
            raise UsageError("a label is text, of one character at least; see --positive-label and --negative-label")

    def cuts(self, threshold: float) -> tuple[float, float]:
        """Below the first probability a text is negative, from the second on positive; `threshold` is the model's."""
        if self.unsure:
            return self.unsure
        return (threshold, threshold) if self.threshold is None else (self.threshold, self.threshold)

    def labels(self, names: tuple[str, str]) -> list[str]:
        """The label of each `Verdict`; `names` are the model's for negative and positive."""
        labels = [self.negative_label or names[0], self.positive_label or names[1]]
        labels += [Verdict.unsure.name] if self.unsure else []
        if len(set(labels)) < len(labels):
            raise UsageError(f"labels have to differ, and are {', '.join(labels)}; see --positive-label")
        return labels

    def verdicts(self, probability: NDArray[np.float32], threshold: float) -> NDArray[np.int8]:
        """The `Verdict` on each probability, int8 [rows]; negative for NaN."""
        low, high = self.cuts(threshold)
        verdicts = (probability >= high).astype(np.int8)
        verdicts[(probability >= low) & (probability < high)] = Verdict.unsure
        return verdicts


def _is_label(label: str) -> bool:
    """Neither empty, which CSV reads as null, nor bytes that are no text."""
    try:
        return bool(label.encode())
    except UnicodeEncodeError:
        return False


@dataclass(frozen=True, slots=True)
class ScoreColumns:
    """Which columns to append, under which names, and what they say."""

    prefix: str = ""
    status: bool = False
    decision: Decision = Decision()
    explain: bool = False
    """The strongest words of each text, with their effects."""

    @property
    def fields(self) -> list[pa.Field]:
        """The appended columns in their order."""
        fields = [pa.field(f"{self.prefix}sentiment_probability", pa.float32())]
        fields += [pa.field(f"{self.prefix}sentiment", pa.string())]
        fields += [pa.field(f"{self.prefix}sentiment_words", WORDS_TYPE)] if self.explain else []
        return [*fields, pa.field(f"{self.prefix}sentiment_status", pa.string())] if self.status else fields


@dataclass(frozen=True, slots=True)
class WordCounts:
    """How many words and signs a model has read, and how many of them it does not know; alike texts count once."""

    read: int = 0
    unknown: int = 0

    def __add__(self, other: "WordCounts") -> "WordCounts":
        return WordCounts(self.read + other.read, self.unknown + other.unknown)

    @property
    def unknown_share(self) -> float:
        """Unknown ones among all, 0 where there are none."""
        return self.unknown / max(self.read, 1)

    @property
    def too_many_unknown(self) -> bool:
        """It is another language than the model's, or no text at all."""
        return self.unknown >= _LEAST_UNKNOWN and self.unknown_share >= _MOST_UNKNOWN


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of a column of texts.

    `probability` float32 [rows] is P(positive), NaN where `status`, uint8 [rows], is `empty`, `null` or `error`.
    """

    probability: NDArray[np.float32]
    status: NDArray[np.uint8]
    words: WordCounts = WordCounts()
    strongest: pa.ListArray | None = None
    """`WORDS_TYPE` [rows], empty where there is no text, if they were asked for."""

    @property
    def unscored(self) -> NDArray[np.bool_]:
        """True where there was no text, bool [rows]."""
        return self.status >= Status.empty

    @property
    def first_error(self) -> int | None:
        """The first row whose bytes are not text, from 0; None if there is none."""
        errors = np.flatnonzero(self.status == Status.error)
        return int(errors[0]) if len(errors) else None


def scored_schema(schema: pa.Schema, columns: ScoreColumns) -> pa.Schema:
    """The output's schema: the input's fields and metadata, then the score columns."""
    return with_fields(schema, columns.fields)
