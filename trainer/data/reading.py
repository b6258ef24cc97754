"""The reviews of one split as they are written, wherever they lie: texts, labels and sources of all rows.

Files of this machine are read anew each time by the very code that scores them, and nothing is kept of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from scorer.arrow.columns import ColumnPath, column_at, find_column
from scorer.errors import InputError
from scorer.evaluation.labels import USUAL_LABELS, label_key, label_keys, reading_of
from scorer.files.inputs import LocalInput
from scorer.files.opening import open_source
from scorer.files.source import Source
from trainer.data.layout import TRAIN, UNLABELLED, label_folders, texts_in
from trainer.data.reviews import DataOptions
from trainer.errors import TrainerError

__all__ = ["Rows", "joined_rows", "read_paths", "read_source", "reads_as_label"]


@dataclass(frozen=True)
class Rows:
    """Reviews of one split, not yet looked at."""

    texts: pa.ChunkedArray
    """large_string [rows]; null where there is none."""
    keys: list[str | None] | None
    """Labels as a `LabelReading` knows them, [rows]; None: there is no such column."""
    sources: list[str | None] | None = None
    """[rows]; None: the rows do not name theirs."""
    text_column: str | None = None
    """What it is called; None for folders of texts."""
    label_column: str | None = None
    skipped: int = 0
    """Lines that are no rows."""

    def __len__(self) -> int:
        return len(self.texts)


def read_paths(paths: Sequence[Path], split: str, data: DataOptions) -> Rows:
    """The rows of a split's files or folders of texts; raises `SentimentScorerError`, naming the file, where not."""
    return joined_rows(
        [_read_texts(path, split, data) if path.is_dir() else _read_file(path, split, data) for path in paths]
    )


def read_source(source: Source, split: str, data: DataOptions) -> Rows:
    """All rows of an opened source."""
    schema = source.schema
    label, origin = _label_path(source, split, data), _origin_path(source, data)
    texts: list[pa.Array] = []
    keys: list[str | None] = []
    sources: list[str | None] = []
    for window in source.windows():
        decoded = source.decode(window)
        if decoded.unreadable.any():
            row = sum(map(len, texts)) + int(decoded.unreadable.argmax())
            raise InputError(source.unreadable(row))
        texts.append(decoded.texts.cast(pa.large_string()))
        if label:
            keys += label_keys(decoded.rows, schema, label)
        if origin:
            sources += (None if one is None else str(one) for one in column_at(decoded.rows, origin).to_pylist())
    return Rows(
        pa.chunked_array(texts, pa.large_string()),
        keys if label else None,
        sources if origin else None,
        data.text_column or schema.field(source.text[0]).name,
        data.label_column or (schema.field(label[0]).name if label else None),
        source.skipped.lines,
    )


def joined_rows(parts: Sequence[Rows]) -> Rows:
    """The rows of all parts, one after another."""
    first = parts[0]
    if len({(part.keys is None, part.sources is None) for part in parts}) > 1:
        raise TrainerError(
            f"{first.label_column!r} or the source is a column of some files of a split and not of others"
        )
    return Rows(
        pa.chunked_array([chunk for part in parts for chunk in part.texts.chunks], pa.large_string()),
        None if first.keys is None else [key for part in parts for key in part.keys or ()],
        None if first.sources is None else [one for part in parts for one in part.sources or ()],
        first.text_column,
        first.label_column,
        sum(part.skipped for part in parts),
    )


def reads_as_label(name: str, data: DataOptions) -> bool:
    """A folder of this name holds texts of one label."""
    key = label_key(name) or ""
    if data.labels:
        return key in data.labels.meaning
    try:
        return bool(reading_of([key], name).meaning)
    except InputError:
        return False


def _read_file(path: Path, split: str, data: DataOptions) -> Rows:
    return read_source(open_source(LocalInput(path), data.text_column, None, data.csv), split, data)


def _read_texts(folder: Path, split: str, data: DataOptions) -> Rows:
    """A text for each file, labelled by the folder it lies in; without labels those of `folder` itself."""
    found: list[tuple[Path, str | None]]
    if split == UNLABELLED:
        found = [(path, None) for path in texts_in(folder)]
    else:
        labels = label_folders(folder, lambda name: reads_as_label(name, data))
        found = [(path, label_key(one.name)) for one in labels for path in texts_in(one)]
    texts = pa.array([_text_of(path, data.csv.encoding or "utf-8") for path, _ in found], pa.large_string())
    return Rows(pa.chunked_array([texts]), None if split == UNLABELLED else [key for _, key in found])


def _text_of(path: Path, encoding: str) -> str:
    try:
        return path.read_bytes().decode(encoding).removeprefix("\ufeff")
    except UnicodeError:
        raise InputError(f"{path}: not {encoding} text; name the file's encoding with --encoding") from None


def _label_path(source: Source, split: str, data: DataOptions) -> ColumnPath | None:
    """Where the labels are; only training reviews must have some."""
    if split == UNLABELLED:
        return None
    try:
        return find_column(source.name, source.schema, data.label_column, USUAL_LABELS, "--label-column")
    except InputError:
        if split == TRAIN:
            raise
        return None


def _origin_path(source: Source, data: DataOptions) -> ColumnPath | None:
    """Where the names of sources are, if anywhere."""
    if data.source_column is None and "source" not in source.schema.names:
        return None
    return find_column(source.name, source.schema, data.source_column or "source", (), "--source-column")
