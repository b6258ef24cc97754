"""Datasets that only Hugging Face `datasets` reads: those of the hub, and folders that its `save_to_disk` wrote."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import datasets
import pyarrow as pa
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import RepositoryNotFoundError

from scorer.arrow.columns import find_text_column
from scorer.files.source import Decoded, Skipped, decode_column
from trainer.data.reading import Rows, read_source
from trainer.data.reviews import DataOptions
from trainer.errors import TrainerError

__all__ = ["load_from_hub", "load_saved", "read_dataset"]

_PATIENCE = 10.0  # seconds for the hub's first answer


class _DatasetSource:
    """The rows of one split as a source, like those of files."""

    def __init__(self, name: str, split: datasets.Dataset, text_column: str | None) -> None:
        self.name, self.skipped, self._split = name, Skipped(), split
        self.schema: pa.Schema = split.features.arrow_schema
        self.row_count: int | None = len(split)
        self.text = find_text_column(name, self.schema, text_column)

    def windows(self) -> Iterator[pa.RecordBatch]:
        """All rows in order."""
        if len(self._split):
            yield from self._split.with_format("arrow")[:].to_batches()

    def decode(self, window: pa.RecordBatch) -> Decoded:
        """The rows and their texts."""
        return decode_column(window, self.text)

    def unreadable(self, row: int) -> str:
        """What to say of `row`."""
        return f"{self.name}: row {row + 1}: its text is not UTF-8"

    def fraction_read(self) -> float:
        """All of it lies there."""
        return 1.0


def read_dataset(name: str, dataset: datasets.Dataset, split: str, data: DataOptions) -> Rows:
    """The rows of one split; raises `InputError`, which calls it `name`, where a column is missing."""
    return read_source(_DatasetSource(name, dataset, data.text_column), split, data)


def load_saved(path: Path) -> Mapping[str, datasets.Dataset]:
    """The splits of a folder that `save_to_disk` wrote; one that has none is called `train`."""
    with _told(f"cannot read {str(path)!r}"):
        loaded = datasets.load_from_disk(str(path))
    return loaded if isinstance(loaded, Mapping) else {"train": loaded}


def load_from_hub(name: str, subset: str | None) -> Mapping[str, datasets.Dataset]:
    """All splits of a dataset of the hub, or of its copy in the cache of `datasets` where there is no network."""
    datasets.disable_progress_bars()
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    there = _ask_for(name)
    hint = "" if there else "; without network pass a local folder: --data FOLDER with train.parquet, test.parquet"
    with _told(f"cannot load dataset {name!r}", hint), _offline(not there):
        loaded: Mapping[str, datasets.Dataset] = datasets.load_dataset(name, subset)
    return loaded


def _ask_for(name: str) -> bool:
    """Whether the hub answers that it has the dataset; `datasets` itself would ask for half a minute."""
    if constants.is_offline_mode():
        return False
    try:
        HfApi().dataset_info(name, timeout=_PATIENCE)
    except RepositoryNotFoundError as error:
        raise TrainerError(
            f"{name!r}: no such folder or file, and no dataset of the Hugging Face hub that may be read"
        ) from error
    except Exception:  # of whichever library asks; a copy may be in the cache
        return False
    return True


@contextmanager
def _offline(wanted: bool) -> Iterator[None]:
    """Nothing is asked of the hub inside, if so `wanted`."""
    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    if wanted:
        constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before


@contextmanager
def _told(what: str, hint: str = "") -> Iterator[None]:
    """Whatever goes wrong as one line."""
    try:
        yield
    except Exception as error:  # hub, network, parser and generator errors share no base
        lines = str(error.__cause__ or error).strip().splitlines() or [type(error).__name__]
        if "Config name is missing" in lines[0]:
            lines, hint = [" ".join(lines[:2])], "; name one with --subset"
        raise TrainerError(f"{what}: {lines[0]}{hint}") from error
