"""Several inputs as one source: their columns held against each other, and their rows made alike."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from scorer.arrow.arrays import bools, bools_of
from scorer.arrow.metadata import with_fields, without_restated
from scorer.arrow.nested import leaf_types
from scorer.errors import InputError
from scorer.files.csv import CsvSource
from scorer.files.inputs import Input
from scorer.files.json_types import joined, mixed_path
from scorer.files.jsonl import JsonLinesSource, WholeLinesSource, lines_of
from scorer.files.parquet import ParquetLayout, ParquetSource
from scorer.files.rebatching import windows_of
from scorer.files.source import Decoded, Skipped, Source
from scorer.system.nearest import did_you_mean
from scorer.system.terminal import listed, shortened

__all__ = ["JoinedSource", "Part", "partition_of"]

_NULL = "__HIVE_DEFAULT_PARTITION__"
"""What Hive calls a folder of rows whose value is null."""
_UNREADABLE = pa.field("unreadable", pa.bool_())
_STRINGS = {pa.string(), pa.large_string(), pa.string_view()}


def partition_of(name: str) -> dict[str, str | None]:
    """The values that the folders of a file are called by, as in `country=DE/shop=3`, each as the string it is."""
    pairs = (folder.partition("=") for folder in Path(name).parts[:-1])
    return {unquote(key): None if value == _NULL else unquote(value) for key, sign, value in pairs if key and sign}


@dataclass
class Part:
    """One of the inputs; `open` reads it, as JSON Lines with values of these types if it is such."""

    file: Input
    open: Callable[[pa.StructType | None], Source]
    partition: Mapping[str, str | None] = field(default_factory=dict)
    _kept: Source | None = None

    def opened(self) -> Source:
        """The input; what it has found out is kept, but for Parquet, of which only so many files may be open."""
        source = self._kept or self.open(None)
        self._kept = None if isinstance(source, ParquetSource) else source
        return source

    def read_with(self, kinds: Mapping[str, pa.DataType]) -> Source:
        """JSON Lines whose values have these types from now on, as far as they have such names."""
        source = self.opened()
        assert isinstance(source, JsonLinesSource)
        self._kept = self.open(pa.struct([one.with_type(kinds[one.name]) for one in source.fields]))
        return self._kept

    @property
    def is_json(self) -> bool:
        """Its values have types that a pass over it has found."""
        return isinstance(self._kept, JsonLinesSource)

    @property
    def is_lines(self) -> bool:
        """Its lines are kept whole, whatever they hold."""
        return isinstance(self._kept, WholeLinesSource)

    def schema_of(self, source: Source) -> pa.Schema:
        """The columns of the input, then those of its partition; raises `InputError` where a name is both."""
        for key in self.partition:
            if key in source.schema.names:
                raise InputError(
                    f"{source.name}: its folder names a value of {key!r}, which is a column of the file too; "
                    "rename it, or end the output's name with / to keep folders and files apart"
                )
        return with_fields(source.schema, [pa.field(key, pa.string()) for key in self.partition])


class JoinedSource:
    """The rows of all parts, one after another, with the columns that they have in common.

    With `union` these are all that any of them has, null where there is none. Only those among `columns` are kept, in
    this order, if any are named. Raises `InputError` that names the first file and column that differs.
    """

    def __init__(
        self, parts: Sequence[Part], window_rows: int, *, union: bool = False, columns: Sequence[str] = ()
    ) -> None:
        self._parts, self._window_rows = parts, window_rows
        self._sizes = [part.file.size or 1 for part in parts]
        self.text_names = set[str]()
        self.row_count: int | None = 0
        schemas = list(self._opened_once())
        self.schema = _agreed(schemas, columns, union=union)
        self.layout = self._layout.of_columns(columns) if columns else self._layout
        self.skipped, self._rows, self._share = Skipped(), list[int](), 0.0

    def _opened_once(self) -> Iterator[tuple[str, pa.Schema]]:
        """Name and columns of each part, but of lines that are kept whole; JSON gets types that hold that of all."""
        kinds, found = dict[str, pa.DataType](), list[tuple[str, pa.Schema]]()
        for part in self._parts:
            source = part.opened()
            if part is self._parts[0]:
                self.name, self.text, self.read_schema = source.name, source.text, source.schema
                self.seen_delimiter = source.seen_delimiter if isinstance(source, CsvSource) else None
                self._layout = source.layout if isinstance(source, ParquetSource) else ParquetLayout()
            if isinstance(source, JsonLinesSource):
                _join_kinds(kinds, source)
            self.text_names.add(source.schema.names[source.text[0]])
            counted, own = self.row_count, source.row_count
            self.row_count = None if counted is None or own is None else counted + own
            found.append((source.name, part.schema_of(source)))
        for part, (name, schema) in zip(self._parts, found, strict=True):
            if part.is_json:
                source = part.read_with(kinds)
                yield name, part.schema_of(source)
            elif not part.is_lines or part is self._parts[0]:
                yield name, schema

    def windows(self) -> Iterator[pa.RecordBatch]:
        """All rows in order, and their texts; small files share a window."""
        self.skipped, self._rows, self._share = Skipped(), [], 0.0
        for (_, schema), blocks in groupby(self._blocks(), lambda block: (lines_of(block) is None, block.schema)):
            kinds = (kind for one in schema for kind in leaf_types(one.type))
            if any(map(pa.types.is_dictionary, kinds)):  # categories of two files cannot always be joined
                yield from blocks
            else:
                yield from windows_of(blocks, self._window_rows)

    def decode(self, window: pa.RecordBatch) -> Decoded:
        """The rows and texts of a window, which are decoded already."""
        *columns, texts, unreadable = window.columns
        schema = pa.schema(list(window.schema)[:-2], window.schema.metadata)
        return Decoded(pa.RecordBatch.from_arrays(columns, schema=schema), texts, bools_of(unreadable))

    def unreadable(self, row: int) -> str:
        """What to say of `row`, and of which file it is."""
        part = 0
        while row >= self._rows[part]:
            row, part = row - self._rows[part], part + 1
        return self._parts[part].opened().unreadable(row)

    def fraction_read(self) -> float:
        """How much of all files has been handed out, 0 to 1."""
        return self._share

    def _blocks(self) -> Iterator[pa.RecordBatch]:
        """The rows of each part, made alike, and two columns more: the texts, and where a row is not text."""
        before, total = 0, sum(self._sizes)
        for part, size in zip(self._parts, self._sizes, strict=True):
            source = part.opened()
            self._rows.append(0)
            for window in source.windows():
                decoded = source.decode(window)
                self._rows[-1] += window.num_rows
                self._share = (before + size * source.fraction_read()) / total
                rows = _alike(decoded.rows, self.schema, part.partition)
                fields = [*rows.schema, pa.field("text", decoded.texts.type), _UNREADABLE]
                yield pa.RecordBatch.from_arrays(
                    [*rows.columns, decoded.texts, bools(decoded.unreadable)],
                    schema=pa.schema(fields, rows.schema.metadata),
                )
            before += size
            self.skipped.join(source.skipped, source.name)


def _join_kinds(kinds: dict[str, pa.DataType], source: JsonLinesSource) -> None:
    for one in source.fields:
        kinds[one.name] = joined(kinds.get(one.name, pa.null()), one.type)
        if mixed_path([pa.field(one.name, kinds[one.name])]):
            raise InputError(f"{source.name}: {one.name!r} is of another kind than in the files before it; mend it")


def _agreed(schemas: Sequence[tuple[str, pa.Schema]], columns: Sequence[str], *, union: bool) -> pa.Schema:
    """The columns of an output of all these inputs."""
    (first, schema), *others = schemas
    if columns:
        others = [(name, _only(other, [one for one in columns if one in other.names])) for name, other in others]
        schema = _only(schema, [one for one in columns if one in schema.names])
    for name, other in others:
        schema = _joined(schema, other, first, name, union=union)
    if missing := [one for one in columns if one not in schema.names]:
        names = schemas[0][1].names
        meant = did_you_mean(missing[0], names)
        raise InputError(f"{first}: no column {missing[0]!r}; its columns: {listed(names)}{meant}")
    return _only(schema, columns) if columns else schema


def _only(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    for name in names:
        if list(names).count(name) > 1:
            raise InputError(f"--columns: {name!r} is named twice")
        if schema.names.count(name) > 1:
            raise InputError(f"more than one column is called {name!r}; leave it out of --columns")
    return without_restated(pa.schema([schema.field(name) for name in names], schema.metadata))


def _joined(schema: pa.Schema, other: pa.Schema, first: str, name: str, *, union: bool) -> pa.Schema:
    """`schema` with what `other` has of it and beyond; raises `InputError` where they differ more than they may."""
    if schema.names != other.names:
        _compare_names(name, other.names, first, schema.names, union=union)
        _compare_names(first, schema.names, name, other.names, union=union)
    fields = list(schema)
    for index, one in enumerate(other):
        place = index if schema.names == other.names else schema.get_field_index(one.name)
        if place >= 0:
            fields[place] = _common(fields[place], one, first, name)
    fields = [one.with_nullable(one.nullable or one.name not in other.names) for one in fields]
    new = [one.with_nullable(True) for one in other if one.name not in schema.names]
    return with_fields(pa.schema(fields, schema.metadata), new)


def _compare_names(name: str, names: Sequence[str], other: str, others: Sequence[str], *, union: bool) -> None:
    """Raise `InputError` where the file `name` has a column that it may not have because `other` has none."""
    if twice := [one for one in names if names.count(one) > 1]:
        raise InputError(f"{name}: more than one column is called {twice[0]!r}, and {other} has other columns")
    new = [one for one in names if one not in others]
    if new and not union:
        raise InputError(
            f"{name}: has a column {new[0]!r}, which {other} has not; give --union to write null there, or end the "
            "output's name with / for one output an input"
        )


def _common(one: pa.Field, other: pa.Field, first: str, name: str) -> pa.Field:
    """A field that holds the values of both as they are."""
    kinds = {one.type, other.type}
    if len(kinds) == 1 or pa.types.is_null(other.type):
        kind = one.type
    elif pa.types.is_null(one.type):
        kind = other.type
    elif kinds <= _STRINGS:
        kind = pa.large_string()
    else:
        raise InputError(
            f"{name}: column {one.name!r} is {shortened(str(other.type))}, but {shortened(str(one.type))} in {first}; "
            "make them the same, or end the output's name with / for one output an input"
        )
    return one.with_type(kind).with_nullable(one.nullable or other.nullable)


def _alike(rows: pa.RecordBatch, schema: pa.Schema, partition: Mapping[str, str | None]) -> pa.RecordBatch:
    """Rows with the columns of `schema`; whole lines keep what they have, and get those of their partition."""
    fixed = {key: pa.repeat(pa.scalar(value, pa.string()), rows.num_rows) for key, value in partition.items()}
    if (lines := lines_of(rows)) is not None:
        fields = [lines[0], *(pa.field(key, pa.string()) for key in fixed)]
        return pa.RecordBatch.from_arrays([lines[1], *fixed.values()], schema=pa.schema(fields))
    names, columns = [*rows.schema.names, *fixed], [*rows.columns, *fixed.values()]
    if names != schema.names:
        found = dict(zip(names, columns, strict=True))
        columns = [found.get(one.name, pa.nulls(rows.num_rows, one.type)) for one in schema]
    columns = [
        column if column.type == one.type else column.cast(one.type)
        for column, one in zip(columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
