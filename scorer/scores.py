"""What scoring says of rows: probabilities and statuses, and the columns that they become."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorer.arrow.metadata import with_fields

__all__ = ["ScoreColumns", "Scores", "Status", "scored_schema"]


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

    @property
    def first_error(self) -> int | None:
        """The first row whose bytes are not text, from 0; None if there is none."""
        errors = np.flatnonzero(self.status == Status.error)
        return int(errors[0]) if len(errors) else None


def scored_schema(schema: pa.Schema, columns: ScoreColumns) -> pa.Schema:
    """The output's schema: the input's fields and metadata, then the score columns."""
    return with_fields(schema, columns.fields)
