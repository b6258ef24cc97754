"""A text file in any encoding as a stream of UTF-8, in which what does not decode can still be found."""

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["Transcoded", "transcoded"]

_CHUNK_BYTES = 1 << 20
_NEVER_IN_UTF8 = b"\xff"
_MARK = "scorer.unreadable"


def transcoded(raw: BinaryIO, encoding: str) -> "Transcoded":
    """The bytes of `raw` as UTF-8; a byte 0xFF, which is no UTF-8, for each part that is not in `encoding`.

    A last line without a line break gets one: Arrow's CSV reader wants it where that line is the header.
    """
    return Transcoded(_Stream(_ended(_utf8(raw, encoding))), _CHUNK_BYTES)


class Transcoded(io.BufferedReader):
    """A stream of UTF-8 that knows how many quotes it has handed out by `read`."""

    quotes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Bytes as any stream gives them."""
        data = super().read(size)
        self.quotes += data.count(b'"')
        return data


def _utf8(raw: BinaryIO, encoding: str) -> Iterator[bytes]:
    chunks = iter(lambda: raw.read(_CHUNK_BYTES), b"")
    if codecs.lookup(encoding).name == "utf-8":
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(encoding)(_MARK)
    for chunk in chunks:
        yield decoder.decode(chunk).encode(errors=_MARK)
    yield decoder.decode(b"", final=True).encode(errors=_MARK)


def _ended(chunks: Iterator[bytes]) -> Iterator[bytes]:
    last = b"\n"
    for chunk in filter(None, chunks):
        yield chunk
        last = chunk[-1:]
    if last not in b"\r\n":
        yield b"\n"


def _mark(error: UnicodeError) -> tuple[str | bytes, int]:
    """Codec error handler: unreadable bytes become a lone surrogate, and that becomes 0xFF."""
    if isinstance(error, UnicodeDecodeError):
        return "\udcff", error.end
    assert isinstance(error, UnicodeEncodeError)
    return _NEVER_IN_UTF8, error.end


codecs.register_error(_MARK, _mark)


class _Stream(io.RawIOBase):
    """Chunks of bytes as a file; none of them is empty."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._held = self._held or memoryview(next(self._chunks, b""))
        taken, self._held = self._held[: len(buffer)], self._held[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)
