"""A quick start: what a program imports and loads is no garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["made_to_stay"]


@contextmanager
def made_to_stay() -> Iterator[None]:
    """Look for no garbage meanwhile, and never again among what is there at its end; that took a tenth of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
