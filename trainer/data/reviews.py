"""Labelled reviews of one or several sources, by Hugging Face `datasets`: loaded, checked, split, made ids."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scorer.tokens.encoder import RaggedIds, TextEncoder
from trainer.errors import TrainerError

__all__ = [
    "DataOptions",
    "EncodedReviews",
    "column_of",
    "encode_reviews",
    "encode_texts",
    "hold_out",
    "load_split",
    "load_splits",
    "sources_of",
    "split_digest",
]

_LOCAL_FORMATS = {".parquet": "parquet", ".csv": "csv", ".jsonl": "json", ".json": "json"}
_SPLITS = ("train", "test", "unsupervised")


@dataclass(frozen=True)
class DataOptions:
    """Where labelled reviews come from."""

    names: tuple[str, ...] = ("imdb",)
    """Hugging Face dataset ids, or local folders or files of Parquet, CSV or JSONL."""
    text_column: str = "text"
    label_column: str = "label"
    source_column: str | None = None
    """Names each row's source; None: the column `source` where there is one, else each of `names` is a source."""

    def __str__(self) -> str:
        return ", ".join(self.names)


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


def load_splits(data: DataOptions) -> dict[str, datasets.Dataset]:
    """All splits by name, each with the columns `text`, `label` and `source`.

    Raises `TrainerError` when the data cannot be found, or a column, text or label is not as it must be.
    """
    datasets.disable_progress_bars()
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False  # it would report the load of a local folder too
    parts: dict[str, list[datasets.Dataset]] = {}
    for name, source in zip(data.names, _source_names(data.names), strict=True):
        loaded = _load_local(Path(name)) if Path(name).exists() else _load_from_hub(name)
        for split in _SPLITS:
            if split in loaded:
                checked = _checked(loaded[split], f"{name}: split {split}", data, source, split != "unsupervised")
                parts.setdefault(split, []).append(checked)
    return {split: datasets.concatenate_datasets(found) for split, found in parts.items()}


def load_split(data: DataOptions, name: str) -> datasets.Dataset:
    """One split; raises `TrainerError` naming those there are when it is not among them."""
    splits = load_splits(data)
    if name not in splits:
        raise TrainerError(f"{data}: no split {name!r}; it has {', '.join(splits) or 'none'}")
    return splits[name]


def hold_out(split: datasets.Dataset, share: float, seed: int) -> tuple[datasets.Dataset, datasets.Dataset]:
    """Two parts of `split`, chosen by `seed`: the rest, and a `share` of it held out.

    Of every label of every source as many are held out as its share is, but for one. Raises `TrainerError` where
    nothing, or all, would be held out.
    """
    rows = len(split)
    order = np.random.default_rng(seed).permutation(rows)
    cells = 2 * np.unique(sources_of(split), return_inverse=True)[1] + column_of(split, "label").to_numpy()
    order = order[np.argsort(cells[order], kind="stable")]  # cell by cell, shuffled inside
    reached = np.floor(np.arange(rows + 1) * share + 0.5)
    held_out = np.diff(reached) > 0  # every so manieth row, whatever the cells' sizes
    if not 0 < held_out.sum() < rows:
        raise TrainerError(f"--validation {share} of {rows} rows holds out nothing, or all; use 0.1 or so")
    table = split.with_format("arrow")[:]
    parts = [datasets.Dataset(table.take(np.sort(order[chosen]))) for chosen in (~held_out, held_out)]
    return parts[0], parts[1]


def column_of(split: datasets.Dataset, name: str) -> pa.Array:
    """One column of a split, in its order; the split's own look-up takes a hundred times as long for it."""
    return split.select_columns([name]).with_format("arrow")[:][name].combine_chunks()


def sources_of(split: datasets.Dataset) -> NDArray[np.str_]:
    """The name of each row's source: [rows]."""
    return np.asarray(column_of(split, "source").to_pylist(), np.str_)


def encode_reviews(split: datasets.Dataset, encoder: TextEncoder, weights: NDArray[np.float32]) -> EncodedReviews:
    """Tokenise a labelled split."""
    return EncodedReviews(
        encode_texts(split, encoder), column_of(split, "label").to_numpy().astype(np.float32), weights
    )


def encode_texts(split: datasets.Dataset, encoder: TextEncoder) -> RaggedIds:
    """Tokenise a split by batched `map`, with the very code that serves."""

    def encode(batch: pa.Table) -> pa.Table:
        ids = encoder.encode(batch["text"].combine_chunks())
        return pa.table({"input_ids": pa.LargeListArray.from_arrays(ids.offsets, ids.values)})

    encoded = split.with_format("arrow").map(
        encode,
        batched=True,
        batch_size=4096,
        remove_columns=split.column_names,
        keep_in_memory=True,
        new_fingerprint=split_digest(split),  # datasets would pickle the whole encoder to make one
    )
    rows = encoded[:]["input_ids"].combine_chunks()
    return RaggedIds(
        values=rows.flatten().to_numpy().astype(np.int32),
        offsets=rows.offsets.to_numpy().astype(np.int64),
        truncated=np.zeros(len(rows), np.bool_),
    )


def split_digest(split: datasets.Dataset) -> str:
    """A digest of all rows in their order: equal data, equal fingerprint, on any machine."""
    digest = hashlib.sha256()
    columns = (column_of(split, name).to_pylist() for name in ("text", "label", "source"))
    for text, label, source in zip(*columns, strict=True):
        digest.update(f"{label}\t{source}\t{len(text)}\t{text}\n".encode())
    return digest.hexdigest()


def _load_local(path: Path) -> dict[str, datasets.Dataset]:
    files = _split_files(path)
    if not files:
        names = ", ".join(f"{split}.parquet" for split in _SPLITS)
        raise TrainerError(f"{path}: found no reviews; it should hold {names} (or .csv, .jsonl)")
    suffixes = {Path(file).suffix for found in files.values() for file in found}
    if len(suffixes) > 1:
        raise TrainerError(f"{path}: holds splits in different formats ({', '.join(sorted(suffixes))}); keep one")
    return _load(_LOCAL_FORMATS[suffixes.pop()], str(path), data_files=files)


def _split_files(path: Path) -> dict[str, list[str]]:
    """Files of each split: `train.csv`, `train-00000-of-00002.parquet`, … below a folder, or the one file."""
    if path.is_file():
        if path.suffix not in _LOCAL_FORMATS:
            raise TrainerError(f"{path}: not a Parquet, CSV or JSONL file by its name")
        return {next((split for split in _SPLITS if path.stem.startswith(split)), "train"): [str(path)]}
    found = sorted(file for file in path.rglob("*") if file.suffix in _LOCAL_FORMATS)
    by_split = {
        split: [str(f) for f in found if f.stem == split or f.stem.startswith(f"{split}-")] for split in _SPLITS
    }
    return {split: files for split, files in by_split.items() if files}


def _load_from_hub(name: str) -> dict[str, datasets.Dataset]:
    if ("/" in name and not name.count("/") == 1) or name.startswith("."):
        raise TrainerError(f"{name}: no such folder or file")
    return _load(
        name,
        name,
        hint="; without network pass a local folder: --data FOLDER with train.parquet, test.parquet",
    )


def _load(builder: str, name: str, hint: str = "", **options: Any) -> dict[str, datasets.Dataset]:
    try:
        return dict(datasets.load_dataset(builder, **options))
    except Exception as error:  # hub, network, parser and generator errors share no base
        cause = str(error.__cause__ or error).strip().splitlines()[0]
        raise TrainerError(f"cannot load dataset {name!r}: {cause}{hint}") from error


def _source_names(names: tuple[str, ...]) -> list[str]:
    """What to call rows without a source: by folder or file, without what only tells the split or the owner."""
    paths = [Path(name) for name in names]
    found = [_without_suffix(path.parent if path.stem in _SPLITS and path.parent.name else path) for path in paths]
    return [name if found.count(name) == 1 else f"{name} {i}" for i, name in enumerate(found, 1)]


def _without_suffix(path: Path) -> str:
    return path.stem if path.suffix in _LOCAL_FORMATS else path.resolve().name


def _checked(split: datasets.Dataset, where: str, data: DataOptions, source: str, labelled: bool) -> datasets.Dataset:
    """The columns `text`, `label` and `source` of a split, every row as it must be; without labels they are -1."""
    columns = {data.text_column: "--text-column"}
    if labelled:
        columns[data.label_column] = "--label-column"
    if data.source_column is not None:
        columns[data.source_column] = "--source-column"
    for column, option in columns.items():
        if column not in split.column_names:
            found = ", ".join(split.column_names)
            raise TrainerError(f"{where} has no column {column!r}; name one with {option}: {found}")
    if len(split) == 0:
        raise TrainerError(f"{where} has no rows")
    table = split.with_format("arrow")[:]
    texts = _texts(table[data.text_column], where)
    labels = _labels(table[data.label_column], where) if labelled else pa.repeat(pa.scalar(-1), len(split))
    return datasets.Dataset(pa.table({"text": texts, "label": labels, "source": _sources(table, data, source, where)}))


def _texts(texts: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        raise TrainerError(f"{where}: the text column is {texts.type}, not text; name another with --text-column")
    if texts.null_count:
        raise TrainerError(f"{where}: row {_first(pc.is_null(texts))} has no text; remove such rows")
    return texts.cast(pa.large_string())


def _labels(labels: pa.ChunkedArray, where: str) -> pa.ChunkedArray:
    for value in labels.unique().to_pylist():
        if value not in (0, 1, "0", "1"):
            row = _first(pc.is_null(labels) if value is None else pc.equal(labels, value))
            raise TrainerError(
                f"{where}: row {row} has the label {value!r}; labels must be 0 (negative) or 1 (positive)"
            )
    if len(labels.unique()) == 1:
        raise TrainerError(f"{where}: every label is {labels[0].as_py()}; both classes are needed")
    return labels.cast(pa.int64())


def _sources(table: pa.Table, data: DataOptions, source: str, where: str) -> pa.ChunkedArray:
    column = data.source_column or "source"
    if column not in table.column_names:
        return pa.chunked_array([pa.repeat(pa.scalar(source), len(table))])
    if table[column].null_count:
        raise TrainerError(f"{where}: row {_first(pc.is_null(table[column]))} has no {column}; name its source")
    return table[column].cast(pa.string())


def _first(flags: pa.ChunkedArray) -> int:
    """Index of the first true flag, counted from 0."""
    return int(pc.index(flags, True).as_py())
