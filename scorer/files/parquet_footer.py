"""What the footer of a Parquet file says of its columns, as far as Arrow does not pass it on.

Arrow reads intervals, variants, geometries and enumerations as the bytes and structs that they are stored in, and would
write them back as no more than that. So the annotations are copied from one footer to the other. A footer is a struct
of Thrift's compact protocol, with the schema as its second field:
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift and
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

__all__ = [
    "Element",
    "FooterFile",
    "annotated",
    "codec_of",
    "columns_of",
    "elements_of",
    "footer_of",
    "holds_128_bits",
    "name_of",
    "parquet_only",
]

Element = dict[int, tuple[int, bytes]]
"""One node of the schema: for each field its type on the wire and its bytes."""

_TAIL = 8
"""The footer's length and `PAR1`."""
_SCHEMA, _ROW_GROUPS = 2, 4
_CHUNKS, _CHUNK_METADATA, _CODEC = 1, 3, 4
_CODECS = {0: "none", 1: "snappy", 2: "gzip", 4: "brotli", 5: "lz4", 6: "zstd", 7: "lz4"}
_STORED_AS = (1, 2, 5)
"""A node's physical type, its width, and how many children it has."""
_NAME, _CHILDREN, _CONVERTED_TYPE, _LOGICAL_TYPE = 4, 5, 6, 10
_ANNOTATIONS = (_CONVERTED_TYPE, 7, 8, _LOGICAL_TYPE)  # in between are a decimal's scale and precision
_INTERVAL = b"\x2a"  # 21 as a zigzag varint
_VARIANT = b"\x0c\x20"  # a struct, the field 16
_BYTE, _DOUBLE, _BINARY, _LISTS, _STRUCT = 3, 7, 8, (9, 10), 12
_BOOLEANS, _VARINTS = (1, 2), (4, 5, 6)


def footer_of(file: pa.NativeFile) -> bytes:
    """The footer of an opened Parquet file; nothing if its length cannot be."""
    start = file.size() - _TAIL
    if start < 0:
        return b""
    file.seek(start)
    (length,) = struct.unpack("<I", file.read(_TAIL)[:4])
    if length > start:
        return b""
    file.seek(start - length)
    return bytes(file.read(length))


def elements_of(footer: bytes) -> list[Element]:
    """All nodes of the schema, each before its children; none if the footer is not as it should be."""
    try:
        start, end = _schema_span(footer)
        return list(_elements(footer[start:end]))
    except (IndexError, ValueError, RecursionError):
        return []


def codec_of(footer: bytes) -> str | None:
    """The codec of the first column, if there is one that says so.

    Arrow knows it as well, but ends the process where a column is encrypted.
    """
    try:
        group = _list_of(footer, _place_of(_ROW_GROUPS, footer, 0))[2]
        chunk = _list_of(footer, _place_of(_CHUNKS, footer, group))[2]
        codec = _place_of(_CODEC, footer, _place_of(_CHUNK_METADATA, footer, chunk))
        return _CODECS.get(_zigzag(footer[codec : codec + 10]))
    except (IndexError, ValueError, RecursionError):
        return None


def columns_of(elements: Sequence[Element]) -> list[list[Element]]:
    """The nodes of each column, after that of the file."""
    columns, at = [], 1
    while at < len(elements):
        end = _end_of_node(elements, at)
        columns.append(list(elements[at:end]))
        at = end
    return columns


def name_of(column: Sequence[Element]) -> str:
    """The name of a column."""
    content = column[0][_NAME][1]
    return content[_varint(content, 0)[1] :].decode(errors="replace")


def parquet_only(column: Sequence[Element]) -> str | None:
    """What a column holds that Arrow has no values for, and so no other format."""
    for element in column:
        if element.get(_CONVERTED_TYPE, (0, b""))[1] == _INTERVAL:
            return "intervals"
        if element.get(_LOGICAL_TYPE, (0, b""))[1].startswith(_VARIANT):
            return "variants"
    return None


def holds_128_bits(column: Sequence[Element]) -> bool:
    """Some values are 16 bytes of which the footer does not say what they are; in files of Polars, integers."""
    sixteen = {1: (5, b"\x0e"), 2: (5, b"\x20")}  # FIXED_LEN_BYTE_ARRAY, as a zigzag varint, of 16
    return any(sixteen.items() <= one.items() and not {*_ANNOTATIONS} & {*one} for one in column)


def annotated(footer: bytes, originals: Sequence[Element]) -> bytes:
    """A footer with the annotations of `originals`, whose columns come first in it, where these are stored alike."""
    start, end = _schema_span(footer)
    root, *_ = elements = list(_elements(footer[start:end]))
    columns = columns_of(elements)
    for written, original in zip(columns, columns_of(originals), strict=False):
        if len(written) == len(original):
            written[:] = map(_with_annotations, written, original)
    nodes = b"".join(map(_encoded, (root, *(node for column in columns for node in column))))
    return footer[:start] + _list_header(len(elements)) + nodes + footer[end:]


class FooterFile:
    """What a writer takes for its file: the annotations of `originals` get into the footer when it ends."""

    closed = False

    def __init__(self, file: pa.NativeFile, originals: Sequence[Element]) -> None:
        self._file, self._originals = file, originals
        self._tail: list[bytes] | None = None

    def write(self, data: Any) -> int:
        """Pass `data` on, or hold it back when `end` was called."""
        if self._tail is None:
            self._file.write(data)
        else:
            self._tail.append(bytes(data))
        return len(data)

    def tell(self) -> int:
        """Bytes that were written."""
        return int(self._file.tell()) + sum(map(len, self._tail or []))

    def flush(self) -> None:
        """Nothing is held back that may be written."""

    def close(self) -> None:
        """The file itself is closed by whoever opened it."""

    def hold(self) -> None:
        """What comes now ends with the footer."""
        self._tail = []

    def end(self) -> None:
        """Write what was held back."""
        tail = b"".join(self._tail or [])
        (length,) = struct.unpack("<I", tail[-_TAIL:-4])
        footer = annotated(tail[-_TAIL - length : -_TAIL], self._originals)
        self._file.write(tail[: -_TAIL - length] + footer + struct.pack("<I", len(footer)) + tail[-4:])


def _end_of_node(elements: Sequence[Element], at: int) -> int:
    """The place after a node and all below it."""
    waiting = 1
    while waiting:
        children = elements[at].get(_CHILDREN)
        waiting += _zigzag(children[1]) - 1 if children else -1
        at += 1
    return at


def _with_annotations(written: Element, original: Element) -> Element:
    if any(written.get(field) != original.get(field) for field in _STORED_AS):
        return written
    kept = {field: value for field, value in written.items() if field not in _ANNOTATIONS}
    return kept | {field: value for field, value in original.items() if field in _ANNOTATIONS}


def _place_of(wanted: int, data: bytes, at: int) -> int:
    """Where a field of the struct begins; raises `ValueError` if it has none of this number."""
    field = 0
    while data[at]:
        field, kind, at = _field_header(data, at, field)
        if field == wanted:
            return at
        at = at if kind in _BOOLEANS else _skipped(data, at, kind)
    raise ValueError(f"no field {wanted}")


def _schema_span(footer: bytes) -> tuple[int, int]:
    """Where the list of nodes begins and ends."""
    start = _place_of(_SCHEMA, footer, 0)
    return start, _skipped(footer, start, _LISTS[0])


def _elements(data: bytes) -> Iterator[Element]:
    count, _, at = _list_of(data, 0)
    for _ in range(count):
        fields = list(_fields(data, at))
        yield {field: (kind, data[start:end]) for field, kind, start, end in fields}
        at = (fields[-1][3] if fields else at) + 1


def _encoded(element: Element) -> bytes:
    before, pieces = 0, []
    for field, (kind, content) in sorted(element.items()):
        pieces += [bytes([(field - before) << 4 | kind]), content]
        before = field
    return b"".join([*pieces, b"\0"])


def _list_header(count: int) -> bytes:
    if count < 15:
        return bytes([count << 4 | _STRUCT])
    header = bytearray([15 << 4 | _STRUCT])
    while count > 0x7F:
        header.append(count & 0x7F | 0x80)
        count >>= 7
    return bytes([*header, count])


def _fields(data: bytes, at: int) -> Iterator[tuple[int, int, int, int]]:
    """Number, type, begin and end of each field of a struct."""
    field = 0
    while data[at]:
        field, kind, start = _field_header(data, at, field)
        at = start if kind in _BOOLEANS else _skipped(data, start, kind)
        yield field, kind, start, at


def _field_header(data: bytes, at: int, before: int) -> tuple[int, int, int]:
    """Number and type of a field after the one numbered `before`, and where its value begins."""
    step, kind = data[at] >> 4, data[at] & 15
    if step:
        return before + step, kind, at + 1
    number, at = _varint(data, at + 1)
    return (number >> 1) ^ -(number & 1), kind, at


def _skipped(data: bytes, at: int, kind: int) -> int:
    """The place after a value."""
    if kind in _VARINTS:
        return _varint(data, at)[1]
    if kind == _BINARY:
        length, at = _varint(data, at)
        return at + length
    if kind == _STRUCT:
        for *_, end in _fields(data, at):
            at = end
        return at + 1
    if kind in _LISTS:
        count, inner, at = _list_of(data, at)
        for _ in range(count):
            at = _skipped(data, at, inner)
        return at
    if kind in (*_BOOLEANS, _BYTE):  # in a list a boolean takes a byte
        return at + 1
    if kind == _DOUBLE:
        return at + 8
    raise ValueError(f"a field of the type {kind}, which no footer has")


def _list_of(data: bytes, at: int) -> tuple[int, int, int]:
    """How many values of which type a list has, and where they begin."""
    count, kind = data[at] >> 4, data[at] & 15
    if count < 15:
        return count, kind, at + 1
    count, at = _varint(data, at + 1)
    return count, kind, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while data[at] & 0x80:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
    return value | data[at] << shift, at + 1


def _zigzag(data: bytes) -> int:
    number, _ = _varint(data, 0)
    return (number >> 1) ^ -(number & 1)
