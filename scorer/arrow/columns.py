"""Which column holds the text: by its name, by the usual names, or by a path into structs."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from scorer.arrow.decoding import is_text
from scorer.errors import InputError
from scorer.system.terminal import listed, shortened

__all__ = ["ColumnPath", "column_at", "find_text_column"]

_USUAL_NAMES = (
    *("text", "review", "review_text", "reviewtext", "review_body", "content", "comment", "comments", "body"),
    *("sentence", "message"),
)

ColumnPath = tuple[int, ...]
"""The index of a column, then of a field in its struct, and so on."""


def find_text_column(file: str, schema: pa.Schema, name: str | None) -> ColumnPath:
    """The column that holds the text: `name`, else the first of the usual names that is there, in whatever case.

    `name` may lead into structs, as in `review.text`. Raises `InputError` when there is no such column, more than
    one, its values are not text, or the name of a column is not.
    """
    _require_readable_names(file, schema)
    names = schema.names
    chosen = _spelled_as_there(name, names) if name else _usual_name(names)
    if not names:
        raise InputError(f"{file}: has no columns")
    if chosen is None:
        raise InputError(f"{file}: no text column found; name one of its columns with --text-column: {listed(names)}")
    paths = list(_paths_to(chosen, schema))
    paths = [path for path in paths if len(path) == 1] or paths
    if len(paths) != 1:
        wrong = "more than one column" if paths else "no column"
        raise InputError(f"{file}: {wrong} {chosen!r}; its columns: {listed(names)}")
    kind = _type_at(schema, paths[0])
    if not is_text(kind):
        inside = f", such as {chosen}.{kind.field(0).name}" if pa.types.is_struct(kind) and kind.num_fields else ""
        raise InputError(
            f"{file}: column {chosen!r} is {shortened(str(kind))}, not text; name another with --text-column{inside}"
        )
    return paths[0]


def _usual_name(names: list[str]) -> str | None:
    spelled = (_spelled_as_there(usual, names) for usual in _USUAL_NAMES)
    return next((name for name in spelled if name in names), None)


def _spelled_as_there(name: str, names: list[str]) -> str:
    """`name`, or the one column that differs from it only by case and by spaces around it."""
    alike = [one for one in names if one.strip().casefold() == name.strip().casefold()]
    return name if name in names or len(alike) != 1 else alike[0]


def column_at(batch: pa.RecordBatch, path: ColumnPath) -> pa.Array:
    """A column of `batch`, or the field of a struct in it, null where the struct is."""
    column = batch.column(path[0])
    return pc.struct_field(column, path[1:]) if path[1:] else column


def _require_readable_names(file: str, schema: pa.Schema) -> None:
    """Raise `InputError` if a column, or a field in one, has a name that is not text."""
    try:
        list(_all_names(schema))
    except UnicodeDecodeError:
        raise InputError(f"{file}: the name of a column is not UTF-8; rename it") from None


def _all_names(fields: Iterable[pa.Field]) -> Iterator[str]:
    for field in fields:
        yield field.name
        if pa.types.is_nested(field.type):
            yield from _all_names(field.type.field(index) for index in range(field.type.num_fields))


def _paths_to(name: str, fields: Iterable[pa.Field]) -> Iterator[ColumnPath]:
    for index, field in enumerate(fields):
        if field.name == name:
            yield (index,)
        elif name.startswith(f"{field.name}.") and pa.types.is_struct(field.type):
            inside = _paths_to(name.removeprefix(f"{field.name}."), field.type.fields)
            yield from ((index, *path) for path in inside)


def _type_at(schema: pa.Schema, path: ColumnPath) -> pa.DataType:
    kind = schema.field(path[0]).type
    for index in path[1:]:
        kind = kind.field(index).type
    return kind
