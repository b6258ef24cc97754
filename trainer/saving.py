"""Tensors to a file: written aside, so that a crash or a full disk leaves the previous file as it was."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch

from scorer.system.atomic import write_aside

__all__ = ["save", "write_tensors"]


def save(content: Mapping[str, Any], path: Path) -> None:
    """Write what `torch.load(weights_only=True)` can read; raises `OSError` that names `path`."""
    with write_aside(path) as partial, partial.open("wb") as file:
        write_tensors(content, file)


def write_tensors(content: Mapping[str, Any], file: BinaryIO) -> None:
    """Write to an open file; raises the system's own `OSError`, which torch would hide behind one of its writer."""
    guarded = _Remembering(file)
    try:
        torch.save(dict(content), cast(BinaryIO, guarded))
    except RuntimeError:
        if guarded.error is None:
            raise
        raise guarded.error from None


class _Remembering:
    """A file that keeps the error that a write ended with."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self._file.flush()
