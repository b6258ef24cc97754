"""Compressed files: known by their first bytes, unpacked and packed as they stream."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from scorer.errors import InputError
from scorer.files.format import PACKINGS, Packing, packing_of, plain_name
from scorer.files.inputs import ByteStream, DerivedInput, Input, start_of
from scorer.files.signatures import is_workbook
from scorer.files.workbook import WorkbookInput

__all__ = ["packed", "unpacked"]


_GZIP_LEVEL = 6
"""Arrow would take 9: 8 MB of CSV in 3.3 s instead of 0.7, to a file a thousandth smaller."""
_XZ_PRESET = 1
"""The library would take 6, ten and more times as slow on prose."""
_PIECE_BYTES = 1 << 16
"""Decompressors forget what they have unpacked of a piece when they meet damage in it."""
_APPLE = "__MACOSX/"
"""What macOS puts into archives beside each file."""


def unpacked(file: Input) -> Input:
    """What is inside a compressed file or a workbook, `file` itself if it is neither; its first bytes decide.

    Raises `InputError` where the name says otherwise, and for an archive that does not hold one file.
    """
    start = start_of(file)
    if is_workbook(start):
        return WorkbookInput(file)
    found = next((one for one in PACKINGS if re.match(one.signature, start)), None)
    named = packing_of(file.name)
    if named and named != found:
        raise InputError(f"{file.name}: is not compressed by {named.name}, as its name says")
    if found is None:
        return file
    return _ZippedInput(file) if found.name == "zip" else _PackedInput(file, found)


class _PackedInput(DerivedInput):
    """The bytes inside a compressed `file`."""

    def __init__(self, file: Input, packing: Packing) -> None:
        super().__init__(file, plain_name(file.name))
        self._packing = packing

    def open(self) -> ByteStream:
        """Its bytes from the beginning, unpacked as they are read."""
        raw = self._file.open()
        with _told(self.name, self._packing.name):
            return _Unpacking(self.name, self._packing.name, raw, self._reader(raw))

    def open_random(self) -> pa.NativeFile:
        """Raise `InputError`: only a plain file can be read from its end."""
        raise InputError(f"{self.name}: this format cannot be read while it is compressed; unpack it first")

    def _reader(self, raw: Any) -> Any:
        if self._packing.name == "xz":
            import lzma

            return lzma.LZMAFile(raw)
        return pa.CompressedInputStream(raw, self._packing.name)


class _ZippedInput(_PackedInput):
    """The bytes of the only file in a zip archive."""

    def __init__(self, file: Input) -> None:
        super().__init__(file, PACKINGS[-1])
        raw = file.open_random()
        with raw, _told(self.name, "zip"):
            self._member = self._only_file(raw)
        self.plain_name = Path(self._member).name

    def open(self) -> ByteStream:
        """Its bytes from the beginning."""
        raw = self._file.open_random()
        with _told(self.name, "zip"):
            return _Unpacking(self.name, "zip", raw, self._reader(raw))

    def _only_file(self, raw: Any) -> str:
        import zipfile

        infos = zipfile.ZipFile(raw).infolist()
        files = [one for one in infos if not one.is_dir() and not one.filename.startswith(_APPLE)]
        if len(files) != 1:
            names = ", ".join(one.filename for one in files[:3]) + (", …" if len(files) > 3 else "")
            what = f"{len(files):,} files ({names})" if files else "no file"
            raise InputError(f"{self.name}: is an archive of {what}, not of one; unpack it and name the folder")
        if files[0].flag_bits & 1:
            raise InputError(f"{self.name}: is encrypted; decrypt it first")
        return files[0].filename

    def _reader(self, raw: Any) -> Any:
        import zipfile

        return zipfile.ZipFile(raw).open(self._member)


class _Unpacking:
    """An opened compressed file; each of its errors is an `InputError` that names it."""

    def __init__(self, name: str, packing: str, raw: ByteStream, reader: Any) -> None:
        self._name, self._packing, self._raw, self._reader = name, packing, raw, reader
        self._failure: InputError | None = None

    def read(self, size: int) -> bytes:
        """The next `size` unpacked bytes, fewer at the end and before damage, which is told when it is reached."""
        pieces, left = list[bytes](), size
        try:
            while left and not self._failure and (piece := self._piece(min(left, _PIECE_BYTES))):
                pieces.append(piece)
                left -= len(piece)
        except InputError as error:
            self._failure = error
        if self._failure and not pieces:
            raise self._failure
        return b"".join(pieces)

    def _piece(self, size: int) -> bytes:
        with _told(self._name, self._packing):
            piece: bytes = self._reader.read(size)
            return piece

    def tell(self) -> int:
        """How many of the stored bytes are read."""
        return self._raw.tell()

    def close(self) -> None:
        """Close the file too."""
        self._reader.close()
        self._raw.close()

    def __enter__(self) -> "_Unpacking":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@contextmanager
def _told(name: str, packing: str) -> Iterator[None]:
    """Errors of a decompressor as one line; those of the system, which have a number, are passed on."""
    import lzma
    import zipfile
    import zlib
    from struct import error as struct_error

    damages = (lzma.LZMAError, zlib.error, zipfile.BadZipFile, struct_error)
    try:
        yield
    except MemoryError:  # Arrow's is one of its exceptions too
        raise
    except (*damages, OSError, EOFError, ValueError, RuntimeError) as error:  # Arrow's, and of archives, are values too
        if isinstance(error, OSError) and error.errno is not None:
            raise
        is_cut = isinstance(error, EOFError) or "Truncated" in str(error)
        what = (
            "is cut short: its compressed data has no end; get it anew"
            if is_cut
            else f"damaged {packing} data: {error}"
        )
        raise InputError(f"{name}: {what}") from error


def packed(name: str, file: Any) -> Any:
    """What compresses into `file` as the ending of `name` says, and closes it too; `file` itself where it says nothing.

    The same bytes become the same file: no time of writing is kept.
    """
    packing = packing_of(name)
    match packing.name if packing else None:
        case None:
            return file
        case "gzip":
            import gzip

            return _Closing(gzip.GzipFile("", "wb", _GZIP_LEVEL, file, 0), file)
        case "xz":
            import lzma

            return _Closing(lzma.LZMAFile(file, "wb", preset=_XZ_PRESET), file)
        case "zip":
            import zipfile

            archive = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
            info = zipfile.ZipInfo(Path(plain_name(name)).name)
            info.compress_type = zipfile.ZIP_DEFLATED
            return _Closing(archive.open(info, "w", force_zip64=True), archive, file)
        case arrows:
            return pa.CompressedOutputStream(file, arrows)


class _Closing:
    """A stream, and what is closed after it."""

    def __init__(self, stream: Any, *below: Any) -> None:
        self._stream, self._below = stream, below

    def write(self, data: Any) -> None:
        """Compress `data`, whatever holds its bytes."""
        self._stream.write(memoryview(data))

    def close(self) -> None:
        """End the stream, then the files below it."""
        for one in (self._stream, *self._below):
            one.close()
