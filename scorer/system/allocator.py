"""Memory that is free goes back to the system, instead of waiting to be used again in pieces."""

import ctypes
from contextlib import suppress

import pyarrow as pa

__all__ = ["return_freed_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGE = 1 << 20
_SPARE = 8 << 20


def return_freed_memory() -> None:
    """Let arrays of a megabyte and more have memory of their own, which ends with them: in Arrow and in numpy.

    Each window's arrays are about as large as the last one's. Allocators that keep what is freed end up with a third
    more than was ever in use, and with a little more the longer a run takes. Arrow's own keeps most, so the C
    library's takes its place; that of GNU would raise its bound with every large array that is freed. This is for the
    whole process, so it is for commands to call, not for the library.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(AttributeError, OSError, TypeError):  # another C library than GNU's
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_TRIM_THRESHOLD, _SPARE)
