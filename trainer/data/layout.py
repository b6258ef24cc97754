"""Which files of a folder hold which split: by their names alone, and never two that merely look alike.

train.csv  Test.csv.gz  dev.jsonl           a file for each split
train-00000-of-00002.parquet  …             or several, numbered
train/part-0.csv                            or a folder
train/pos/1.txt  train/neg/2.txt            or a file for each text, in a folder for each label
reviews.csv                                 one file without splits
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scorer.errors import InputError
from scorer.files.format import format_of, plain_name
from scorer.system.terminal import listed
from trainer.errors import TrainerError

__all__ = [
    "TEST",
    "TRAIN",
    "UNLABELLED",
    "VALIDATION",
    "Layout",
    "find_splits",
    "is_data_file",
    "is_saved_dataset",
    "label_folders",
    "split_named",
    "stem_of",
    "texts_in",
]

TRAIN, VALIDATION, TEST, UNLABELLED = ("train", "validation", "test", "unsupervised")

_NAMES = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("validation", "valid", "val", "dev"), VALIDATION),
    **dict.fromkeys(("test", "testing"), TEST),
    **dict.fromkeys(("unsupervised", "unsup", "unlabelled", "unlabeled"), UNLABELLED),
}
_PROSE = ".txt"  # a text of its own, or a table if its name is a split's
_NUMBERED = re.compile(r"[-_.](?:part[-_.]?)?(\d+)(?:[-_.]of[-_.](\d+))?")
_DEEPEST = 3  # folders inside folders that are looked at


@dataclass(frozen=True)
class Layout:
    """Where the splits of a folder lie."""

    splits: Mapping[str, list[Path]]
    """Files of each; or folders of texts, which hold a folder for each label."""
    left: list[Path] = field(default_factory=list)
    """What else looks like data and is not read."""


def find_splits(path: Path, is_label: Callable[[str], bool]) -> Layout:
    """The splits at `path`, a file or a folder; `is_label` tells whether a folder of texts is named as a label is.

    Raises `TrainerError` where nothing is found, or more than one thing could be meant.
    """
    if path.is_file():
        return Layout({split_named(stem_of(path)) or TRAIN: [path]})
    layout = _layout(path, is_label, _DEEPEST)
    if layout is None:
        raise TrainerError(
            f"{str(path)!r}: found no reviews; it should hold train.parquet (or .csv, .jsonl, …), a single such file, "
            "or texts in folders pos and neg"
        )
    return layout


def split_named(name: str) -> str | None:
    """The split that a name such as `Train`, `dev` or `test-00001-of-00002` tells."""
    for known, split in _NAMES.items():
        rest = name.lower().removeprefix(known)
        if rest != name.lower() and (not rest or _NUMBERED.fullmatch(rest)):
            return split
    return None


def stem_of(path: Path) -> str:
    """A file's name without what tells its format and compression."""
    return Path(plain_name(path.name)).stem if is_data_file(path) else path.name


def is_data_file(path: Path) -> bool:
    """Its name is that of a format which can be read, compressed or not."""
    try:
        return bool(format_of(plain_name(path.name), path.name))
    except InputError:
        return False


def is_saved_dataset(path: Path) -> bool:
    """A folder that `save_to_disk` of Hugging Face's `datasets` wrote."""
    return (path / "dataset_dict.json").is_file() or (path / "state.json").is_file()


def _layout(folder: Path, is_label: Callable[[str], bool], depth: int) -> Layout | None:
    files, folders = _data_files(folder), _folders(folder)
    if texts := _text_splits(folder, TRAIN, is_label):
        return Layout(texts, [one for one in folders if not is_label(one.name) and [one] not in texts.values()])
    splits = _named_splits(files, folders, is_label)
    if not splits:
        splits = _unnamed(folder, [file for file in files if not _is_prose(file)])
    if splits:
        used = {path for paths in splits.values() for path in (*paths, *(path.parent for path in paths))}
        others = [one for one in (*files, *folders) if one not in used and not (one.is_file() and _is_prose(one))]
        return Layout(splits, [one for one in others if one.is_file() or _data_files(one)])
    return _only_one_below(folder, folders, is_label, depth) if depth else None


def _only_one_below(folder: Path, folders: list[Path], is_label: Callable[[str], bool], depth: int) -> Layout | None:
    below = {one.name: layout for one in folders if (layout := _layout(one, is_label, depth - 1))}
    if len(below) > 1:
        raise TrainerError(
            f"{str(folder)!r}: holds several sets of reviews: {listed(list(below))}; name one, or each by a --data"
        )
    return next(iter(below.values()), None)


def _named_splits(files: list[Path], folders: list[Path], is_label: Callable[[str], bool]) -> dict[str, list[Path]]:
    """The split that each file and folder names."""
    found: dict[str, dict[str, list[Path]]] = {}
    for file in files:
        if split := split_named(stem_of(file)):
            found.setdefault(split, {}).setdefault(_series(file), []).append(file)
    for folder in folders:
        if split := split_named(folder.name):
            for name, paths in _in_split_folder(folder, split, is_label).items():
                found.setdefault(name, {}).setdefault(f"{folder.name}/", []).extend(paths)
    return {split: _one_of(split, candidates) for split, candidates in found.items()}


def _in_split_folder(folder: Path, split: str, is_label: Callable[[str], bool]) -> dict[str, list[Path]]:
    if texts := _text_splits(folder, split, is_label):
        return texts
    files = _data_files(folder)
    return {split: files} if files else {}


def _one_of(split: str, candidates: Mapping[str, list[Path]]) -> list[Path]:
    """The files of a split, of which there is one series only, and a whole one."""
    if len(candidates) > 1:
        names = listed([str(paths[0]) for paths in candidates.values()])
        raise TrainerError(f"each could be the split {split!r}: {names}; keep one, or name the right files with --data")
    paths = next(iter(candidates.values()))
    numbers = [match.groups() for path in paths if (match := _NUMBERED.search(stem_of(path)))]
    totals = {int(total) for _, total in numbers if total}
    if totals and totals != {len(paths)}:
        raise TrainerError(
            f"{str(paths[0].parent)!r}: split {split!r} is of {max(totals)} files, and {len(paths)} are there"
        )
    return paths


def _unnamed(folder: Path, files: list[Path]) -> dict[str, list[Path]]:
    """The one file of a folder, or those that differ by a number only."""
    if len({_series(file) for file in files}) > 1:
        raise TrainerError(
            f"{str(folder)!r}: none of its files is called train: {listed([file.name for file in files])}; "
            "name one, or each by a --data"
        )
    return {TRAIN: files} if files else {}


def _series(file: Path) -> str:
    """What the parts of one split have in common: their names without their numbers."""
    return re.sub(r"\d+", "#", file.name, count=1)


def _text_splits(folder: Path, split: str, is_label: Callable[[str], bool]) -> dict[str, list[Path]]:
    """A folder with folders of texts, at least two of which are named as labels are; one more may have no labels."""
    if len(label_folders(folder, is_label)) < 2:
        return {}
    unlabelled = [one for one in _folders(folder) if split_named(one.name) == UNLABELLED]
    return {split: [folder], **({UNLABELLED: unlabelled} if unlabelled else {})}


def label_folders(folder: Path, is_label: Callable[[str], bool]) -> list[Path]:
    """Folders of texts that are named as labels are."""
    return [one for one in _folders(folder) if is_label(one.name) and next(texts_in(one), None) is not None]


def texts_in(folder: Path) -> Iterator[Path]:
    """Files of one text each, in the order of their names."""
    return (path for path in _visible(folder) if _is_prose(path))


def _is_prose(file: Path) -> bool:
    return file.suffix.lower() == _PROSE and split_named(stem_of(file)) is None


def _data_files(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if path.is_file() and is_data_file(path)]


def _folders(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if path.is_dir()]


def _visible(folder: Path) -> list[Path]:
    """What is in a folder but for what programs hide in it: `.ipynb_checkpoints`, `_SUCCESS`."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
