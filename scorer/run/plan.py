"""Which inputs a run reads and which outputs it writes: units of work, planned before any is begun.

An engine takes the units one by one, or gives them to several machines: each knows its inputs, its output and the
options that hold for it, and none depends on another.
"""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from scorer.errors import InputError
from scorer.files.compression import unpacked
from scorer.files.format import EXTENSIONS, WORKBOOK, Format, format_of, plain_name
from scorer.files.inputs import Input, start_of
from scorer.files.jsonl import line_ranges
from scorer.files.outputs import Output
from scorer.files.pipes import is_pipe
from scorer.files.places import Place, asked, input_at, is_same, output_at, shown
from scorer.files.signatures import marked_encoding
from scorer.files.source import arrow_errors
from scorer.run.options import RunOptions
from scorer.system.atomic import require_place

__all__ = ["Plan", "Unit", "are_there", "inputs_of", "is_small", "plan_run"]

_WHOLE = 64 << 20
"""Bytes of a file that is never split: it need not be looked into to plan."""
_SMALL = 1 << 20


@dataclass(frozen=True, slots=True)
class Unit:
    """One output, and the inputs whose rows it takes, one after the other."""

    inputs: tuple[Input, ...]
    options: RunOptions
    """Those of the run, with this unit's output as theirs."""
    size: int
    """Bytes of its inputs, about."""

    @property
    def is_small(self) -> bool:
        """Threads of its own are not worth their while; several like it are, side by side."""
        return is_small(self.size)

    @property
    def name(self) -> str:
        """What messages call its output."""
        return shown(self.options.output)

    @property
    def output(self) -> Output:
        """Where its rows go; the folder is there."""
        return output_at(self.options.output)

    def is_there(self) -> bool:
        """Its output is; the folder need not be."""
        place = self.options.output
        return not (isinstance(place, Path) and not place.parent.exists()) and self.output.exists()

    def make_folder(self) -> None:
        """Make the folder of its output, where folders have to be made."""
        if isinstance(self.options.output, Path):
            self.options.output.parent.mkdir(parents=True, exist_ok=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """All units of a run that has an output for each input."""

    name: str
    """What messages call the folder of the outputs."""
    work_folder: Path
    """Where on this machine it is kept which of them are finished."""
    units: tuple[Unit, ...]


def is_small(size: int | None) -> bool:
    """Bytes that are scored in less time than it takes to open, finish and note a file a few times."""
    return size is not None and 0 < size <= _SMALL


def are_there(units: Sequence[Unit], folder: Place) -> list[bool]:
    """Whether the output of each unit is; a store is asked for all names in their `folder`, not for each."""
    if isinstance(folder, Path):
        return asked(Unit.is_there, units)
    from scorer.files.remote import present  # nothing of it is needed for files of this machine

    return present(folder, [str(unit.options.output) for unit in units])


def plan_run(options: RunOptions) -> Plan:
    """A unit for each input of `options`, in a folder of outputs that are called as their inputs are.

    Folders and patterns become the files in them, by their names. Raises `InputError` for an input that is not there
    or is named twice, and where no output can be.
    """
    places = list(_files_of(options))
    _refuse_twice(places)
    if nameless := next(filter(is_pipe, places), None):
        raise InputError(f"{nameless}: a pipe has no name for an output in a folder; name a file, without / at its end")
    root, units = _root_of(options), list[Unit]()
    for place, file in zip(places, asked(input_at, places), strict=True):
        name = _output_name(os.path.relpath(_path_of(place), root), options)
        output = options.output / name if isinstance(options.output, Path) else f"{options.output.rstrip('/')}/{name}"
        if any(is_same(output, other) for other in (place, *options.inputs)):
            raise InputError(f"{shown(output)}: is the input itself; name another output")
        named = place if isinstance(place, Path) else str(place)  # without what a listing said of it today
        own = replace(options, input=named, more_inputs=(), output=output, one_each=False, of_folder=True)
        _ = own.kind  # what cannot be written is refused before anything is
        units.append(Unit((file,), own, file.size or 0))
    units = [part for parts in asked(_split, units) for part in parts]
    _refuse_one_name([shown(unit.options.output) for unit in units])
    return Plan(f"{shown(options.output).rstrip('/')}/", _work_folder(options.output), tuple(units))


def inputs_of(options: RunOptions) -> list[Input]:
    """All inputs of a single output, in the order in which they are given, those of a folder or pattern by their names.

    Raises `InputError` for one that is not there, is named twice, or is the output.
    """
    places = list(_files_of(options))
    _refuse_twice(places)
    for place in places:
        if is_same(options.output, place):
            raise InputError(f"{shown(options.output)}: is the input itself; name another output")
    return asked(input_at, places)


def _split(unit: Unit) -> list[Unit]:
    """A unit, or one for each part of a large input, named in the order of its rows."""
    (file,), options = unit.inputs, unit.options
    parts = _parts(file, options) if unit.size > _WHOLE else []
    if len(parts) < 2:
        return [unit]
    whole = shown(options.output)
    ending = "".join(Path(whole).suffixes[-2:] if plain_name(whole) != whole else Path(whole).suffixes[-1:])
    names = [f"{whole.removesuffix(ending)}.part-{number:05d}{ending}" for number in range(len(parts))]
    places = [Path(name) if isinstance(options.output, Path) else name for name in names]
    return [
        Unit(unit.inputs, replace(options, output=place, part=part), unit.size // len(parts))
        for place, part in zip(places, parts, strict=True)
    ]


def _parts(file: Input, options: RunOptions) -> list[tuple[int, int]]:
    """Of a plain file that can be read in parts; none of what is damaged, which is told when it is its turn.

    JSON Lines that become columns are no such file, for their types are those of all lines, nor is CSV, where only
    whoever has read all that is before a line break knows whether it ends a row.
    """
    try:
        plain = unpacked(file)
        kind = options.input_format or format_of(plain.plain_name, file.name)
        if kind is Format.parquet:
            return _row_groups(file, options.part_rows)
        if (
            kind is options.kind is Format.jsonl
            and plain is file
            and not marked_encoding(start_of(file))
            and not options.keep_columns
        ):
            return line_ranges(file, options.part_rows)
    except InputError:
        pass
    return []


def _row_groups(file: Input, rows: int) -> list[tuple[int, int]]:
    """Those that follow each other, as many as have so many `rows`, or one that has more."""
    with arrow_errors(file.name, "not a Parquet file, or damaged"), file.open_random() as raw:
        metadata = pq.read_metadata(raw)
    ranges, first, seen = list[tuple[int, int]](), 0, 0
    for group in range(metadata.num_row_groups):
        seen += metadata.row_group(group).num_rows
        if seen >= rows or group == metadata.num_row_groups - 1:
            ranges.append((first, group + 1))
            first, seen = group + 1, 0
    return ranges


def _work_folder(folder: Place) -> Path:
    if isinstance(folder, Path):
        require_place(folder / "x" if folder.is_dir() else folder)
        return folder / ".scorer.run"
    work_folder = output_at(f"{folder.rstrip('/')}/.scorer").work_folder
    assert work_folder, "only a stream has none"
    return work_folder


def _path_of(place: Place) -> Path:
    """A place as a path from a root: of a URI, all but its scheme."""
    return place.absolute() if isinstance(place, Path) else Path("/", place.partition("://")[2])


def _files_of(options: RunOptions) -> Iterator[Place]:
    """The files that the inputs name; what this run writes is none of them, unless it is named itself."""
    for place in options.inputs:
        if is_pipe(place):
            yield place
        elif isinstance(place, str):
            from scorer.files.remote import matching_uris  # nothing of it is needed for files of this machine

            yield from matching_uris(place)
        elif place.is_dir():
            found = list(_files_in(place, options))
            if not found:
                endings = "" if options.input_format else f" ({', '.join([*EXTENSIONS, WORKBOOK])})"
                raise InputError(f"{place}: has no files of reviews{endings}")
            yield from found
        elif glob.has_magic(str(place)) and not place.exists():
            matches = sorted(map(Path, glob.glob(str(place), recursive=True)))  # noqa: PTH207 - Path's takes no root
            if not matches:
                raise InputError(f"{place}: no file has such a name")
            for match in matches:
                yield from _files_in(match, options) if match.is_dir() else [match]
        else:
            yield place


def _files_in(folder: Path, options: RunOptions) -> Iterator[Path]:
    """All files in a folder and those in it whose names tell a format, but hidden ones (`.…`, `_…`, Excel's `~$…`)."""
    written = _path_of(options.output)
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        folders[:] = sorted(name for name in folders if _is_shown(name) and (here / name).absolute() != written)
        for path in (here / name for name in sorted(names) if _is_shown(name)):
            known = options.input_format or Path(plain_name(path.name)).suffix.lower() in EXTENSIONS
            if (known or path.suffix.lower() in (".zip", WORKBOOK)) and path.absolute() != written:
                yield path


def _is_shown(name: str) -> bool:
    return not name.startswith((".", "_", "~$"))


def _root_of(options: RunOptions) -> Path:
    """The folder below which outputs are called as their inputs are: the deepest that holds all of them.

    A folder that names the value of a partition, as in `country=DE`, is never left out.
    """
    roots = []
    for place in options.inputs:
        parts = _path_of(place).parts
        is_folder = place.is_dir() if isinstance(place, Path) else place.endswith("/")
        named = next((n for n, part in enumerate(parts[1:], 1) if "=" in part or glob.has_magic(part)), None)
        roots.append(Path(*parts[:named]) if named else Path(*parts) if is_folder else Path(*parts[:-1]))
    return Path(os.path.commonpath(roots))


def _output_name(name: str, options: RunOptions) -> str:
    """What the output for the input `name` is called: the same, with the ending of its format if that is asked for.

    A workbook's is called as the CSV that it is read as.
    """
    if Path(name).suffix.lower() == WORKBOOK:
        name = f"{name[: -len(WORKBOOK)]}.csv"
    if options.output_format is None:
        return name
    stem = plain_name(name)
    if Path(stem).suffix.lower() in EXTENSIONS:
        stem = stem[: -len(Path(stem).suffix)]
    return f"{stem}.{options.output_format}"


def _refuse_twice(places: Sequence[Place]) -> None:
    """Raise `InputError` for a file that two inputs lead to: its rows would be there twice."""
    seen = set[str]()
    for place in places:
        real = os.path.realpath(place) if isinstance(place, Path) else place
        if real in seen:
            raise InputError(f"{shown(place)}: is among the inputs twice; name it once")
        seen.add(real)


def _refuse_one_name(outputs: Sequence[str]) -> None:
    """Raise `InputError` where two inputs differ in nothing but their format, and have become one output."""
    seen = set[str]()
    for output in outputs:
        if output in seen:
            raise InputError(f"{output}: two inputs would be written there; give them different names")
        seen.add(output)
