"""Labelled reviews, a table for each split with the columns `text`, `label` and `source`: looked at, and made ids."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorer.evaluation.labels import LabelReading
from scorer.files.format import CsvOptions
from scorer.tokens.encoder import RaggedIds, TextEncoder
from trainer.data.ragged import joined, rows_of

__all__ = [
    "DataOptions",
    "EncodedReviews",
    "column_of",
    "encode_reviews",
    "encode_texts",
    "joined_reviews",
    "sources_of",
    "split_digest",
    "unsaid",
]


@dataclass(frozen=True)
class DataOptions:
    """Where labelled reviews come from, and how they are written."""

    names: tuple[str, ...] = ("imdb",)
    """Files or folders of this machine, or ids of Hugging Face datasets."""
    text_column: str | None = None
    """None looks for the usual names, as `scorer` does."""
    label_column: str | None = None
    """None looks for the usual names."""
    source_column: str | None = None
    """Names each row's source; None: the column `source` where there is one, else each of `names` is a source."""
    labels: LabelReading | None = None
    """What labels mean; None goes by what they are."""
    subset: str | None = None
    """Which configuration of Hugging Face datasets."""
    csv: CsvOptions = field(default_factory=CsvOptions)

    def __str__(self) -> str:
        return ", ".join(map(repr, self.names))


@dataclass(frozen=True)
class EncodedReviews:
    """Ids, labels and weights of one split; labels are 0 or 1, or a teacher's probability of positive.

    `labels` float32 [rows]; soft ones may be [rows, prefixes], one after every `network.PREFIX_WORDS` words: NaN
    where nothing is known, the last known one is the whole review's. `weights` float32 [rows], 1 on average.
    """

    ids: RaggedIds
    labels: NDArray[np.float32]
    weights: NDArray[np.float32]
    truth: NDArray[np.float32] | None = None
    """What people said of each review, float32 [rows]: NaN where they did not; None: the labels."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def true_labels(self) -> NDArray[np.float32]:
        """What people said, [rows]; NaN where they did not."""
        return self.labels if self.truth is None else self.truth

    def take(self, rows: NDArray[np.int64]) -> "EncodedReviews":
        """The chosen rows, in the order given."""
        return EncodedReviews(rows_of(self.ids, rows), self.labels[rows], self.weights[rows], self.true_labels[rows])


def unsaid(rows: int) -> NDArray[np.float32]:
    """What people said of so many reviews that have no label: NaN, [rows]."""
    return np.full(rows, np.nan, np.float32)


def joined_reviews(*parts: EncodedReviews) -> EncodedReviews:
    """The rows of all parts, one part after another; labels are [rows] in all of them, or [rows, prefixes]."""
    labels, weights, truth = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("labels", "weights", "true_labels")
    )
    return EncodedReviews(joined([part.ids for part in parts]), labels, weights, truth)


def column_of(split: pa.Table, name: str) -> pa.Array:
    """One column of a split, in its order."""
    return split[name].combine_chunks()


def sources_of(split: pa.Table) -> NDArray[np.str_]:
    """The name of each row's source: [rows]."""
    return np.asarray(column_of(split, "source").to_pylist(), np.str_)


def encode_reviews(split: pa.Table, encoder: TextEncoder, weights: NDArray[np.float32]) -> EncodedReviews:
    """Tokenise a labelled split."""
    return EncodedReviews(
        encode_texts(split, encoder), column_of(split, "label").to_numpy().astype(np.float32), weights
    )


def encode_texts(split: pa.Table, encoder: TextEncoder) -> RaggedIds:
    """Tokenise a split with the very code that serves."""
    return encoder.encode(column_of(split, "text"))


def split_digest(split: pa.Table) -> str:
    """A digest of all rows in their order: equal data, equal fingerprint, on any machine."""
    digest = hashlib.sha256()
    columns = (column_of(split, name).to_pylist() for name in ("text", "label", "source"))
    for text, label, source in zip(*columns, strict=True):
        digest.update(f"{label}\t{source}\t{len(text)}\t{text}\n".encode())
    return digest.hexdigest()
