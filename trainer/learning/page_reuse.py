"""Memory that training frees and takes again a moment later."""

import ctypes

__all__ = ["keep_freed_memory"]

# glibc's malloc.h
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3


def keep_freed_memory() -> None:
    """Let this process keep large blocks that it frees, where the C library can (glibc).

    By default every array of some megabytes goes back to the system and comes back as new pages that must be zeroed;
    a training step does that for each. Keeping them saves the zeroing, and changes no number.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_MMAP_THRESHOLD, 1 << 30)
        mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)
        mallopt(_TOP_PAD, 1 << 26)
