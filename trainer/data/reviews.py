"""Labelled reviews, by Hugging Face `datasets`: loaded, checked, split and turned into ids."""

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
    "DataSource",
    "EncodedReviews",
    "encode_reviews",
    "encode_texts",
    "fingerprint",
    "hold_out",
    "load_split",
    "load_splits",
]

_LOCAL_FORMATS = {".parquet": "parquet", ".csv": "csv", ".jsonl": "json", ".json": "json"}
_SPLITS = ("train", "test", "unsupervised")


@dataclass(frozen=True)
class DataSource:
    """Where labelled reviews come from."""

    name: str = "imdb"
    """A Hugging Face dataset id, or a local folder or file of Parquet, CSV or JSONL."""
    text_column: str = "text"
    label_column: str = "label"


@dataclass(frozen=True)
class EncodedReviews:
    """Ids and labels, float32 [rows], of one split: 0 or 1, or a teacher's probability of positive.

    Soft labels may be [rows, prefixes], one after every `network.PREFIX_WORDS` words: NaN where nothing is known,
    the last known one is the whole review's.
    """

    ids: RaggedIds
    labels: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)


def load_splits(source: DataSource) -> dict[str, datasets.Dataset]:
    """All splits by name, each with the two columns `text` and `label`.

    Raises `TrainerError` when the data cannot be found, or a column, text or label is not as it must be.
    """
    datasets.disable_progress_bars()
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False  # it would report the load of a local folder too
    loaded = _load_local(Path(source.name)) if Path(source.name).exists() else _load_from_hub(source.name)
    return {name: _checked(split, name, source) for name, split in loaded.items() if name in _SPLITS}


def load_split(source: DataSource, name: str) -> datasets.Dataset:
    """One split; raises `TrainerError` naming those there are when it is not among them."""
    splits = load_splits(source)
    if name not in splits:
        raise TrainerError(f"{source.name}: no split {name!r}; it has {', '.join(splits) or 'none'}")
    return splits[name]


def hold_out(split: datasets.Dataset, share: float, seed: int) -> tuple[datasets.Dataset, datasets.Dataset]:
    """Two parts of `split`, chosen by `seed`: the rest, and a `share` of it held out."""
    if not 0 < share < 1 or round(len(split) * share) < 1:
        raise TrainerError(f"--validation {share} of {len(split)} rows holds out nothing, or all; use 0.1 or so")
    order = np.random.default_rng(seed).permutation(len(split))
    held_out = round(len(split) * share)
    return split.select(np.sort(order[held_out:])), split.select(np.sort(order[:held_out]))


def encode_reviews(split: datasets.Dataset, encoder: TextEncoder) -> EncodedReviews:
    """Tokenise a labelled split."""
    return EncodedReviews(encode_texts(split, encoder), np.asarray(split["label"], np.float32))


def encode_texts(split: datasets.Dataset, encoder: TextEncoder) -> RaggedIds:
    """Tokenise a split by batched `map`, with the very code that serves."""

    def encode(batch: pa.Table) -> pa.Table:
        ids = encoder.encode(pc.cast(batch["text"], pa.large_string()).combine_chunks())
        return pa.table({"input_ids": pa.LargeListArray.from_arrays(ids.offsets, ids.values)})

    encoded = split.with_format("arrow").map(
        encode,
        batched=True,
        batch_size=4096,
        remove_columns=split.column_names,
        keep_in_memory=True,
        new_fingerprint=fingerprint(split),  # datasets would pickle the whole encoder to make one
    )
    rows = encoded[:]["input_ids"].combine_chunks()
    return RaggedIds(
        values=rows.flatten().to_numpy().astype(np.int32),
        offsets=rows.offsets.to_numpy().astype(np.int64),
        truncated=np.zeros(len(rows), np.bool_),
    )


def fingerprint(split: datasets.Dataset) -> str:
    """A digest of all texts and labels in their order: equal data, equal fingerprint, on any machine."""
    digest = hashlib.sha256()
    for text, label in zip(split["text"], split["label"], strict=True):
        digest.update(f"{label}\t{len(text)}\t{text}\n".encode())
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


def _checked(split: datasets.Dataset, name: str, source: DataSource) -> datasets.Dataset:
    labelled = name != "unsupervised"
    columns = {"text": (source.text_column, "--text-column"), "label": (source.label_column, "--label-column")}
    for column, option in columns.values() if labelled else [columns["text"]]:
        if column not in split.column_names:
            found = ", ".join(split.column_names)
            raise TrainerError(f"{source.name}: split {name} has no column {column!r}; name one with {option}: {found}")
    if not labelled:  # a hub's placeholder, or no such column at all
        split = split.select_columns([source.text_column]).add_column(source.label_column, [-1] * len(split))
    split = split.select_columns([source.text_column, source.label_column])
    split = split.rename_columns({source.text_column: "text", source.label_column: "label"})
    if len(split) == 0:
        raise TrainerError(f"{source.name}: split {name} has no rows")
    _check_texts(split.data["text"], f"{source.name}: split {name}")
    if labelled:
        _check_labels(split.data["label"], f"{source.name}: split {name}")
    return split


def _check_texts(texts: pa.ChunkedArray, where: str) -> None:
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        raise TrainerError(f"{where}: the text column is {texts.type}, not text; name another with --text-column")
    if texts.null_count:
        raise TrainerError(f"{where}: row {_first(pc.is_null(texts))} has no text; remove such rows")


def _check_labels(labels: pa.ChunkedArray, where: str) -> None:
    for value in labels.unique().to_pylist():
        if value not in (0, 1, "0", "1"):
            row = _first(pc.is_null(labels) if value is None else pc.equal(labels, value))
            raise TrainerError(
                f"{where}: row {row} has the label {value!r}; labels must be 0 (negative) or 1 (positive)"
            )
    if len(labels.unique()) == 1:
        raise TrainerError(f"{where}: every label is {labels[0].as_py()}; both classes are needed")


def _first(flags: pa.ChunkedArray) -> int:
    """Index of the first true flag, counted from 0."""
    return int(pc.index(flags, True).as_py())
