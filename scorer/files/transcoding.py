"""A text file in any encoding as UTF-8, in which what does not decode can still be found."""

import codecs
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Self

from scorer.errors import InputError
from scorer.files.inputs import ByteStream, DerivedInput, Input

__all__ = ["CHUNK_BYTES", "TranscodedInput", "transcoded"]

CHUNK_BYTES = 1 << 20
_NEVER_IN_UTF8 = b"\xff"
_MARK = "scorer.unreadable"


class TranscodedInput(DerivedInput):
    """The text of `file`, which is in `encoding`, as UTF-8."""

    def __init__(self, file: Input, encoding: str) -> None:
        super().__init__(file, file.plain_name)
        self._encoding = encoding

    def open(self) -> ByteStream:
        """Its bytes from the beginning."""
        raw = self._file.open()
        return _Chunks(raw, transcoded(self.name, raw, self._encoding))

    def open_random(self) -> Any:
        """Raise `InputError`: places in it are not those of the file."""
        raise InputError(f"{self.name}: is {self._encoding} text, which is read from its beginning only")


class _Chunks:
    """Chunks of bytes as a stream."""

    def __init__(self, raw: ByteStream, chunks: Iterator[bytes]) -> None:
        self._raw, self._chunks, self._held = raw, chunks, b""

    def read(self, size: int) -> bytes:
        while len(self._held) < size and (chunk := next(self._chunks, b"")):
            self._held += chunk
        found, self._held = self._held[:size], self._held[size:]
        return found

    def tell(self) -> int:
        return self._raw.tell()

    def close(self) -> None:
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def transcoded(name: str, raw: ByteStream, encoding: str, hold: Callable[[bytes], bytes] = bytes) -> Iterator[bytes]:
    """The bytes of `raw` as UTF-8 without a byte order mark, in chunks of which none is empty.

    A byte 0xFF, which is no UTF-8, stands for each part that is not in `encoding`. A last line without a line break
    gets one. `hold` is given each chunk of `raw` before. Raises `InputError` where `encoding` needs a byte order mark
    that the file does not have.
    """
    start = raw.read(CHUNK_BYTES)
    chunks = map(hold, chain([start], iter(lambda: raw.read(CHUNK_BYTES), b"")))
    try:
        yield from _ended(_unmarked(_utf8(chunks, encoding)))
    except UnicodeError as error:  # of decoders that know no error handler
        raise InputError(f"{name}: not {encoding} text: {error}{_advice(start, encoding)}") from None


def _utf8(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    if codecs.lookup(encoding).name == "utf-8":
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(encoding)(_MARK)
    for chunk in chunks:
        yield decoder.decode(chunk).encode(errors=_MARK)
    yield decoder.decode(b"", final=True).encode(errors=_MARK)


def _unmarked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield next(chunks, b"").removeprefix(codecs.BOM_UTF8)
    yield from chunks


def _ended(chunks: Iterator[bytes]) -> Iterator[bytes]:
    last = b"\n"
    for chunk in filter(None, chunks):
        yield chunk
        last = chunk[-1:]
    if last not in b"\r\n":
        yield b"\n"


def _advice(start: bytes, encoding: str) -> str:
    """Which byte order the file seems to have, for the encodings that come in two."""
    if codecs.lookup(encoding).name not in ("utf-16", "utf-32"):
        return ""
    order = "be" if start.startswith(b"\0") else "le"  # of text that begins with ASCII, as headers do
    return f"; try --encoding {encoding.lower()}-{order}"


def _mark(error: UnicodeError) -> tuple[str | bytes, int]:
    """Codec error handler: unreadable bytes become a lone surrogate, and that becomes 0xFF."""
    if isinstance(error, UnicodeDecodeError):
        return "\udcff", error.end
    assert isinstance(error, UnicodeEncodeError)
    return _NEVER_IN_UTF8, error.end


codecs.register_error(_MARK, _mark)
