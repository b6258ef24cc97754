"""Which format reads an input and writes an output. A new one is a file of this room and two lines here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa

from scorer.errors import InputError
from scorer.files.compression import unpacked
from scorer.files.csv import CsvSink, CsvSource
from scorer.files.format import TEXT_FORMATS, CsvOptions, Format, format_of
from scorer.files.inputs import Input, fetched, start_of
from scorer.files.ipc import IpcSink, IpcSource
from scorer.files.joining import JoinedSource
from scorer.files.jsonl import JsonLinesSink, JsonLinesSource, WholeLinesSource
from scorer.files.outputs import Output, opened
from scorer.files.parquet import ParquetLayout, ParquetSink, ParquetSource
from scorer.files.picking import PickedSource
from scorer.files.pipes import PipeInput
from scorer.files.rebatching import WINDOW_ROWS
from scorer.files.signatures import marked_encoding, refuse_foreign
from scorer.files.source import Sink, Source
from scorer.files.transcoding import TranscodedInput
from scorer.files.workbook import WorkbookInput

__all__ = ["keep", "layout_of", "open_sink", "open_source", "spelled_as"]


_LAYOUT = ParquetLayout()


def layout_of(source: Source, compression: str | None) -> ParquetLayout:
    """How rows of `source` are written as Parquet: as they were if that is what they come from.

    `compression` None keeps the codec.
    """
    layout = source.layout if isinstance(source, (ParquetSource, JoinedSource)) else _LAYOUT
    return replace(layout, compression=compression) if compression else layout


def spelled_as(source: Source, csv: CsvOptions) -> CsvOptions:
    """How rows of `source` are written as CSV where nothing else is said: with the delimiter that was seen in them."""
    while isinstance(source, PickedSource):
        source = source.source
    seen = source.seen_delimiter if isinstance(source, (CsvSource, JoinedSource)) else None
    return replace(csv, delimiter=seen) if seen else csv


def open_source(
    file: Input,
    text_column: str | None = None,
    kind: Format | None = None,
    csv_options: CsvOptions | None = None,
    *,
    written_as: Format | None = None,
    window_rows: int = WINDOW_ROWS,
    part: tuple[int, int] | None = None,
    columns: Sequence[str] = (),
    json_fields: pa.StructType | None = None,
) -> Source:
    """Open a file of reviews; raises `InputError` if it is not of its format, or has no such column of text.

    `text_column` may lead into structs, as in `review.text`; None looks for the usual names. `kind` None goes by the
    name. `written_as` is the format of the output, None for what is only read: lines of JSON that become such again are
    not taken apart, CSV that becomes such again keeps what is not even two quotes, and what becomes text is checked to
    be UTF-8. Windows have at most `window_rows` rows. Of `columns`, if any are named, a source may leave out all others
    but that of texts; `json_fields` are the types of a JSON Lines file's values, where they are known already. `part`
    are the row groups of Parquet, or the bytes of JSON Lines that become such again, which alone are read: the first of
    them, and the one after the last.
    """
    stored, file = file, unpacked(fetched(file))
    kind, csv = kind or format_of(file.plain_name, file.name), csv_options or CsvOptions()
    if isinstance(file, WorkbookInput):
        csv = replace(csv, delimiter=",", encoding="utf-8", quote='"', escape=None)
    if kind in TEXT_FORMATS and csv.is_utf8 and (marked := marked_encoding(start_of(file))):
        file, csv = TranscodedInput(file, marked), replace(csv, encoding="utf-8")
    is_utf8 = kind is Format.jsonl or (kind is Format.csv and csv.encoding is not None and csv.is_utf8)
    refuse_foreign(file.name, start_of(file), kind, is_utf8=is_utf8)
    match kind:
        case Format.parquet:
            return ParquetSource(file, text_column, window_rows, written_as or Format.parquet, part, columns)
        case Format.arrow | Format.arrows:
            return IpcSource(file, text_column, window_rows, written_as or kind)
        case Format.csv:
            return CsvSource(file, text_column, csv, window_rows, keep_nothing=written_as is Format.csv)
        case Format.jsonl:
            if written_as is Format.jsonl and not columns:
                return WholeLinesSource(file, text_column, window_rows, part)
            keep(stored)
            return JsonLinesSource(file, text_column, window_rows, only_read=written_as is None, fields=json_fields)


def keep(file: Input) -> None:
    """Have all of `file` kept if it comes through a pipe: it will be read more than once."""
    if isinstance(file, PipeInput):
        file.keep()


@contextmanager
def open_sink(
    output: Output,
    kind: Format,
    schema: pa.Schema,
    csv_options: CsvOptions,
    layout: ParquetLayout = _LAYOUT,
) -> Iterator[Sink]:
    """A sink whose file appears at its place only when the block ends without an error.

    It is compressed as its name says. Raises `InputError` when the schema, or a value, cannot be written so.
    """
    with opened(output) as file:
        try:
            sink = _sink(output.name, file, kind, schema, csv_options, layout)
            yield sink
            with output.naming():
                sink.close()
        except MemoryError:  # Arrow's is one of its exceptions too
            raise
        except pa.ArrowException as error:
            raise InputError(f"{output.name}: cannot be written as {kind}: {error}") from error


def _sink(
    name: str, file: pa.NativeFile, kind: Format, schema: pa.Schema, csv_options: CsvOptions, layout: ParquetLayout
) -> Sink:
    match kind:
        case Format.parquet:
            return ParquetSink(file, schema, layout)
        case Format.arrow | Format.arrows:
            return IpcSink(file, schema, kind)
        case Format.csv:
            formulas = csv_options.escape_formulas
            return CsvSink(file, schema, csv_options.of_output(name), escape_formulas=formulas)
        case Format.jsonl:
            return JsonLinesSink(file, schema)
