"""Protobuf's wire format, as far as reading and extending an ONNX file needs it."""

from collections.abc import Iterator

__all__ = ["bytes_field", "read_fields"]

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED_64: 8, _FIXED_32: 4}


def bytes_field(number: int, payload: bytes) -> bytes:
    """A serialized field of bytes, text or another message."""
    return bytes([number << 3 | _BYTES]) + _varint(len(payload)) + payload


def read_fields(data: memoryview) -> Iterator[tuple[int, slice, memoryview | int]]:
    """Number, place, and value of each field of a message: its bytes, or the integer that it is.

    Raises `ValueError` or `IndexError` where `data` is no such message.
    """
    place = 0
    while place < len(data):
        start = place
        tag, place = _read_varint(data, place)
        if tag >> 32:
            raise ValueError("a field number beyond all others, which readers would cut")
        kind = tag & 7
        value: memoryview | int
        if kind == _VARINT:
            value, place = _read_varint(data, place)
        else:
            size, place = _read_varint(data, place) if kind == _BYTES else (_FIXED_SIZES[kind], place)
            value, place = data[place : place + size], place + size
        if place > len(data):
            raise ValueError("a field runs past the end")
        yield tag >> 3, slice(start, place), value


def _varint(number: int) -> bytes:
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def _read_varint(data: memoryview, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return number, place
        if shift > 63:
            raise ValueError("an integer of more than ten bytes")
