"""The running process: a quick start, and memory that goes back to the system when it is free."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["made_to_stay", "return_freed_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGE = 2 << 20
_SPARE = 8 << 20


@contextmanager
def made_to_stay() -> Iterator[None]:
    """Look for no garbage meanwhile, and never again among what is there at its end; that took a tenth of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def return_freed_memory() -> None:
    """Let arrays of two megabytes and more have memory of their own, which ends with them: in Arrow and in numpy.

    Each window's arrays are about as large as the last one's. Allocators that keep what is freed end up with a third
    more than was ever in use, and with a little more the longer a run takes. Arrow's own keeps most, so the C
    library's takes its place; that of GNU would raise its bound with every large array that is freed. With a
    bound of one megabyte pages come and go for a tenth of the time; with one of four, memory grew with the file. This
    is for the whole process, so it is for commands to call, not for the library.
    """
    import pyarrow as pa  # here, because a quick start begins before it is imported

    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(AttributeError, OSError, TypeError):  # another C library than GNU's
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_TRIM_THRESHOLD, _SPARE)
