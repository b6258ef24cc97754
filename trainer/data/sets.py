"""One or several sets of labelled reviews, each given by a name: found, read, and their labels understood."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scorer.errors import InputError
from scorer.evaluation.labels import LEFT_OUT, LabelReading, reading_of
from scorer.system.terminal import listed
from trainer.data.layout import (
    TRAIN,
    UNLABELLED,
    find_splits,
    is_data_file,
    is_saved_dataset,
    split_named,
    stem_of,
)
from trainer.data.reading import Rows, read_paths, reads_as_label
from trainer.data.reviews import DataOptions
from trainer.errors import TrainerError

__all__ = ["ReviewSet", "load_sets"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True)
class ReviewSet:
    """What one name of `--data` stands for."""

    splits: Mapping[str, pa.Table]
    """By name, each with the columns `text` large_string, `label` int64 and `source` string."""
    told: list[str] = field(default_factory=list)
    """How it was read, a line for each thing that users should know."""


def load_sets(data: DataOptions) -> list[ReviewSet]:
    """All sets of reviews; raises `SentimentScorerError` where one cannot be found, read or understood."""
    return [_load(name, source, data) for name, source in zip(data.names, _source_names(data.names), strict=True)]


def _load(name: str, source: str, data: DataOptions) -> ReviewSet:
    told: list[str] = []
    rows = _read_all(_places_of(name, data, told), data)
    reading = data.labels or _reading(rows, name)
    told += _described(rows, reading)
    splits = {split: _table(one, reading, split, source, f"{name!r}: split {split!r}") for split, one in rows.items()}
    if TRAIN in splits and not len(splits[TRAIN]):
        raise TrainerError(f"{name!r}: no training review has both a text and a label; labels were read as {reading}")
    told += [f"split {split!r} has no labelled reviews and is not used" for split in splits if not len(splits[split])]
    found = {split: table for split, table in splits.items() if len(table)}
    return ReviewSet(found, [f"{name!r}: {line}" for line in told])


def _places_of(name: str, data: DataOptions, told: list[str]) -> dict[str, Callable[[DataOptions], Rows]]:
    """How to read each split of the set `name`; adds to what is `told`."""
    path = Path(name)
    if not path.exists() or is_saved_dataset(path):
        return _datasets_of(name, data, told)
    layout = find_splits(path, lambda folder: reads_as_label(folder, data))
    if layout.left:
        told.append(f"not read: {listed([one.name + '/' * one.is_dir() for one in layout.left])}")
    for split, paths in layout.splits.items():
        if len(paths) > 1:
            told.append(f"split {split!r} is of {len(paths)} files, {paths[0].name!r} to {paths[-1].name!r}")
    return {split: partial(read_paths, paths, split) for split, paths in layout.splits.items()}


def _datasets_of(name: str, data: DataOptions, told: list[str]) -> dict[str, Callable[[DataOptions], Rows]]:
    if not Path(name).exists() and not _may_be_hub_id(name):
        raise TrainerError(f"{name!r}: no such folder or file")
    from trainer.data.hub import load_from_hub, load_saved, read_dataset  # takes a second, and files need none of it

    loaded = load_saved(Path(name)) if Path(name).exists() else load_from_hub(name, data.subset)
    called = {split: split_named(split) or (TRAIN if len(loaded) == 1 else None) for split in loaded}
    used = {split: own for own, split in reversed(called.items()) if split}  # of two by one name the first
    if left := [split for split in loaded if split not in used.values()]:
        told.append(f"not read: {listed(left)}")
    return {split: partial(read_dataset, f"{name}, split {own}", loaded[own], split) for split, own in used.items()}


def _may_be_hub_id(name: str) -> bool:
    """It is spelled as an id is, and neither ends as a file does nor lies in a folder that is there."""
    in_a_folder = "/" in name and Path(name).parent.is_dir()
    return bool(_HUB_ID.fullmatch(name)) and not is_data_file(Path(name)) and not in_a_folder


def _read_all(places: Mapping[str, Callable[[DataOptions], Rows]], data: DataOptions) -> dict[str, Rows]:
    """The rows of each split; the training split's label column is that of all."""
    rows = {TRAIN: places[TRAIN](data)} if TRAIN in places else {}
    if rows:
        data = replace(data, label_column=rows[TRAIN].label_column)
    return rows | {split: read(data) for split, read in places.items() if split != TRAIN}


def _reading(rows: Mapping[str, Rows], name: str) -> LabelReading:
    """One reading for all splits, where that is possible; else by the training split's labels.

    Hugging Face writes -1 where a test split has no labels, so this is a label only where training reviews have it.
    """
    keys = {split: {key for key in one.keys or () if key is not None} for split, one in rows.items()}
    others = set().union(*keys.values())
    if TRAIN in keys:
        others -= {"-1"} - keys[TRAIN]
    column = next((one.label_column for one in rows.values() if one.label_column), None)
    where = f"{name!r}: column {column!r}" if column else repr(name)
    try:
        return reading_of(others, where)
    except InputError:
        return reading_of(keys.get(TRAIN, others), where)


def _described(rows: Mapping[str, Rows], reading: LabelReading) -> Iterator[str]:
    """How texts and labels were read, and how many rows have none."""
    labelled = {split: one for split, one in rows.items() if one.keys is not None}
    counts = Counter(key for one in labelled.values() for key in one.keys or () if key is not None)
    first = next(iter(rows.values()))
    columns = f"text is {first.text_column!r}, label {first.label_column!r}: " if first.label_column else "labels: "
    yield f"{columns}{reading.counted(counts)}"
    skipped = {
        "without text": sum(int(_is_blank(one.texts).sum()) for one in rows.values()),
        "without a label": sum((one.keys or []).count(None) for one in labelled.values()),
        "that are no rows": sum(one.skipped for one in rows.values()),
    }
    if any(skipped.values()):
        yield "skipped: " + ", ".join(f"{count:,} {what}" for what, count in skipped.items() if count)


def _table(rows: Rows, reading: LabelReading, split: str, source: str, where: str) -> pa.Table:
    """The rows that can be used: those with text and, unless it is the split that needs none, a label."""
    codes = {key: reading.code(key) for key in set(rows.keys or ())}
    labels = (
        np.full(len(rows), LEFT_OUT) if rows.keys is None else np.array([codes[key] for key in rows.keys], np.int64)
    )
    used = ~_is_blank(rows.texts)
    if split != UNLABELLED:
        used &= labels != LEFT_OUT
    sources: list[str | None] = [source] * len(rows) if rows.sources is None else rows.sources
    if None in sources:
        raise TrainerError(f"{where}: row {sources.index(None) + 1} has no source; name it, or another --source-column")
    columns = {"text": rows.texts, "label": labels, "source": pa.array(sources, pa.string())}
    return pa.table(columns).filter(pa.array(used)).combine_chunks()


def _is_blank(texts: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Where there is nothing to read, bool [rows]."""
    blank: NDArray[np.bool_] = pc.equal(pc.utf8_trim_whitespace(texts), "").fill_null(True).to_numpy()
    return blank


def _source_names(names: tuple[str, ...]) -> list[str]:
    """What to call rows without a source: by folder or file, without what only tells the split or the owner."""
    found = [_source_name(Path(name)) for name in names]
    return [name if found.count(name) == 1 else f"{name} {i}" for i, name in enumerate(found, 1)]


def _source_name(path: Path) -> str:
    if split_named(stem_of(path)) and path.parent.name:
        path = path.parent
    return stem_of(path) if is_data_file(path) else path.resolve().name
