"""Which column holds the text: by its name, by the usual names, or by a path into structs."""

import re
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from scorer.arrow.decoding import is_text
from scorer.errors import InputError
from scorer.system.nearest import did_you_mean
from scorer.system.terminal import listed, shortened

__all__ = [
    "ColumnPath",
    "choose_name",
    "column_at",
    "find_column",
    "find_text_column",
    "is_certain",
    "names_on",
    "type_at",
]

_USUAL_NAMES = (
    *("text", "review", "review_text", "review_body", "content", "comment", "comments", "body"),
    *("sentence", "message"),
)

ColumnPath = tuple[int, ...]
"""The index of a column, then of a field in its struct, and so on."""


def find_text_column(file: str, schema: pa.Schema, name: str | None) -> ColumnPath:
    """The column that holds the text: `name`, else the first of the usual names that is there, however it is spelled.

    `name` may lead into structs, as in `review.text`. Raises `InputError` when there is no such column, more than
    one, its values are not text, or the name of a column is not.
    """
    _require_readable_names(file, schema)
    path = find_column(file, schema, name, _USUAL_NAMES, "--text-column")
    kind = type_at(schema, path)
    if not is_text(kind):
        chosen = name or schema.field(path[0]).name
        inside = f", such as {chosen}.{kind.field(0).name}" if pa.types.is_struct(kind) and kind.num_fields else ""
        raise InputError(
            f"{file}: column {chosen!r} is {shortened(str(kind))}, not text; name another with --text-column{inside}"
        )
    return path


def choose_name(where: str, names: Sequence[str], name: str | None) -> str:
    """`name`, else the first of the usual names of a text column that is among `names`; raises `InputError`."""
    chosen = _chosen(names, name, _USUAL_NAMES)
    if chosen is None or chosen not in names:
        what = "no text column found" if chosen is None else f"no column {chosen!r}"
        raise InputError(f"{where}: {what}; its columns: {listed(names)}{_meant(names, name, _USUAL_NAMES)}")
    return chosen


def find_column(file: str, schema: pa.Schema, name: str | None, usual: Iterable[str], option: str) -> ColumnPath:
    """The column `name`, else the first of the `usual` names that is there; `option` is what names another.

    Raises `InputError` when there is no such column, or more than one.
    """
    names = schema.names
    chosen = _chosen(names, name, usual)
    if not names:
        raise InputError(f"{file}: has no columns")
    if chosen is None:
        kind = option.removeprefix("--").replace("-", " ")
        meant = _meant(names, None, usual)
        raise InputError(f"{file}: no {kind} found; name one of its columns with {option}: {listed(names)}{meant}")
    paths = list(_paths_to(chosen, schema))
    paths = [path for path in paths if len(path) == 1] or paths
    if len(paths) != 1:
        wrong = "more than one column" if paths else "no column"
        meant = "" if paths else _meant(list(_paths_of(schema)), chosen, usual)
        raise InputError(f"{file}: {wrong} {chosen!r}; its columns: {listed(names)}{meant}")
    return paths[0]


def is_certain(schema: pa.Schema, name: str | None) -> bool:
    """No further column could change what `find_text_column` finds."""
    kinds = (type_at(schema, path) for path in _paths_to(name or _USUAL_NAMES[0], schema))
    return any(is_text(kind) and not pa.types.is_null(kind) for kind in kinds)


def _chosen(names: Sequence[str], name: str | None, usual: Iterable[str]) -> str | None:
    """`name`, or the first of the `usual` ones that is there, as it is spelled there."""
    if name:
        return _spelled_as_there(name, names)
    return next((one for one in (_spelled_as_there(one, names) for one in usual) if one in names), None)


def _meant(names: Sequence[str], name: str | None, usual: Iterable[str]) -> str:
    """Which of `names` may be meant by `name`, or stands for one of the `usual` ones."""
    asked = [name] if name else list(usual)
    return next((words for one in asked if (words := did_you_mean(one, names))), "")


def _spelled_as_there(name: str, names: Sequence[str]) -> str:
    """`name`, or the one column that differs from it only by case, spaces, `_` and `-`: `Review Text`, `reviewText`."""
    alike = [one for one in names if _letters_of(one) == _letters_of(name)]
    return name if name in names or len(alike) != 1 else alike[0]


def _letters_of(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()


def column_at(batch: pa.RecordBatch, path: ColumnPath) -> pa.Array:
    """A column of `batch`, or the field of a struct in it, null where the struct is."""
    column = batch.column(path[0])
    return pc.struct_field(column, path[1:]) if path[1:] else column


def names_on(path: ColumnPath, fields: pa.Schema | pa.StructType) -> list[str]:
    """The names that lead along `path`."""
    field = fields.field(path[0])
    return [field.name, *(names_on(path[1:], field.type) if path[1:] else [])]


def _require_readable_names(file: str, schema: pa.Schema) -> None:
    """Raise `InputError` if a column, or a field in one, has a name that is not text."""
    try:
        list(_all_names(schema))
    except UnicodeDecodeError:
        raise InputError(f"{file}: the name of a column is not UTF-8; rename it") from None


def _all_names(fields: Iterable[pa.Field]) -> Iterator[str]:
    waiting = list(fields)
    while waiting:  # not by calling itself: some are nested deeper than Python's stack
        field = waiting.pop()
        yield field.name
        if pa.types.is_nested(field.type):
            waiting += [field.type.field(index) for index in range(field.type.num_fields)]


def _paths_to(name: str, fields: Iterable[pa.Field]) -> Iterator[ColumnPath]:
    for index, field in enumerate(fields):
        if field.name == name:
            yield (index,)
        elif name.startswith(f"{field.name}.") and pa.types.is_struct(field.type):
            inside = _paths_to(name.removeprefix(f"{field.name}."), field.type.fields)
            yield from ((index, *path) for path in inside)


def _paths_of(fields: Iterable[pa.Field]) -> Iterator[str]:
    """The names of all columns, and of what stands in structs, as one can ask for them."""
    for field in fields:
        yield field.name
        if pa.types.is_struct(field.type):
            yield from (f"{field.name}.{inside.name}" for inside in field.type.fields)


def type_at(schema: pa.Schema, path: ColumnPath) -> pa.DataType:
    """The type of a column, or of a field in its structs."""
    kind = schema.field(path[0]).type
    for index in path[1:]:
        kind = kind.field(index).type
    return kind
