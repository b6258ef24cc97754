"""Tensors to a file: written aside, so that a crash or a full disk leaves the previous file as it was."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from scorer.system.atomic import write_aside

__all__ = ["save"]


def save(content: Mapping[str, Any], path: Path) -> None:
    """Write what `torch.load(weights_only=True)` can read; raises `OSError` that names `path`."""
    with write_aside(path) as partial, partial.open("wb") as file:
        try:
            torch.save(dict(content), file)
        except RuntimeError as error:
            # What the system says, of a full disk for instance, torch hides behind a word on a file that ends early.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            raise
