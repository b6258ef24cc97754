"""Damage by the numbers: one seed, one way to spoil a file."""

import random
import struct
from collections.abc import Callable

_EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1)
_WORDS = (
    b"\0",
    b"\xff\xff\xff\xff",
    b'"',
    b",",
    b"\n",
    b"\r\n",
    b"{",
    b"}",
    b"null",
    b"1e999",
    b"\xed\xa0\x80",
    b"PAR1",
)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """`content` after one to four kinds of damage, most of them small."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        rng.choice(_DAMAGES)(data, rng)
    return bytes(data)


def _place(data: bytearray, rng: random.Random) -> int:
    """Anywhere, but half of the time near the ends, where headers and footers are."""
    near = min(len(data), 600)
    return rng.choice((rng.randrange(len(data) + 1), rng.randrange(near + 1), len(data) - rng.randrange(near + 1)))


def _flip_bits(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 3, 20))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set_byte(data: bytearray, rng: random.Random) -> None:
    place = _place(data, rng)
    data[place : place + 1] = bytes([rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))])


def _set_length(data: bytearray, rng: random.Random) -> None:
    """Four bytes that may be a length become an extreme one."""
    place = _place(data, rng)
    data[place : place + 4] = struct.pack("<I", rng.choice(_EXTREMES))


def _set_varint(data: bytearray, rng: random.Random) -> None:
    """What may be a varint, as in Thrift and protobuf, becomes a long one."""
    place = _place(data, rng)
    data[place : place + 1] = bytes([0xFF] * rng.randrange(1, 10) + [rng.randrange(128)])


def _truncate(data: bytearray, rng: random.Random) -> None:
    del data[_place(data, rng) :]


def _delete(data: bytearray, rng: random.Random) -> None:
    place = _place(data, rng)
    del data[place : place + rng.choice((1, 1, 8, 100, 4000))]


def _insert(data: bytearray, rng: random.Random) -> None:
    place = _place(data, rng)
    data[place:place] = rng.choice((*_WORDS, rng.randbytes(rng.randrange(1, 50))))


def _splice(data: bytearray, rng: random.Random) -> None:
    """A part of the file over, or between, another part."""
    start, place = _place(data, rng), _place(data, rng)
    part = data[start : start + rng.choice((1, 4, 16, 200, 5000))]
    data[place : place + rng.choice((0, len(part)))] = part


_DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip_bits,
    _set_byte,
    _set_length,
    _set_varint,
    _truncate,
    _delete,
    _insert,
    _splice,
)
