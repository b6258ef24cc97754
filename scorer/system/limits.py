"""What this process may take: CPUs, and memory, so that a gigantic or hostile file ends the command, not the machine.

Two guards of memory, both Linux's. A thread watches and ends the process with one line when it grows beyond the
bound; what has been finished stays on disk. And the kernel refuses what is far beyond it at once: Python, numpy, Arrow
and onnxruntime report that as an error, while Rust code aborts, which is why the thread has to come first.
"""

import math
import os
import re
import resource
import sys
import threading
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["available_cpus", "available_memory", "limited_memory", "memory_size", "taken_memory"]

_SHARE = 0.8
"""Of the memory that is there, where nobody says how much may be taken."""
_FAR_BEYOND = 4  # times the bound: arrays that double their size claim more than they fill
_RESERVED = 2 << 30  # address space that allocators and thread stacks claim and never fill
_SECONDS_BETWEEN_LOOKS = 0.02
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_STATISTICS = Path("/proc/self/statm")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def available_cpus() -> int:
    """CPUs by affinity and by container quota, at least 1; onnxruntime's own count knows no quota."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _CGROUP_QUOTA.read_text().split()
    except (OSError, ValueError):
        return affinity
    return affinity if quota == "max" else max(1, min(affinity, math.ceil(int(quota) / int(period))))


def memory_size(text: str) -> int:
    """Bytes from words such as `800MB` or `1.5G`; an error of `argparse` for others."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", text.strip().lower())
    if not match or not (size := int(float(match[1]) * _UNITS[match[2]])):
        raise ArgumentTypeError(f"{text!r} is not a size such as 800MB or 4GB")
    return size


def available_memory() -> int | None:
    """Bytes that can be taken now, by the machine's count and the container's; None where the system does not say."""
    try:
        free = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
        sizes = [int(free[1]) << 10] if free else []
    except OSError:
        return None
    with suppress(OSError, ValueError):  # no container, or one without a limit
        sizes.append(int(_CGROUP_LIMIT.read_text()))
    return min(sizes, default=None)


def taken_memory() -> int | None:
    """Bytes that this process has taken for itself; None where the system is not Linux."""
    try:
        _, resident, shared, *_ = map(int, _STATISTICS.read_bytes().split())
    except OSError:
        return None
    return (resident - shared) * _PAGE


@contextmanager
def limited_memory(limit: int | None = None) -> Iterator[None]:
    """Bound what this process takes inside the block to `limit` bytes, by default to most of what is there.

    Growth beyond that ends the process with one line and code 1; a single allocation far beyond raises `MemoryError`.
    Without effect where the system is not Linux.
    """
    available = available_memory()
    limit = limit or (available and int(available * _SHARE))
    if not limit or not sys.platform.startswith("linux"):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    ceiling = _FAR_BEYOND * limit + _RESERVED
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling if hard < 0 else min(ceiling, hard), hard))
    done = threading.Event()
    threading.Thread(target=_watch, args=(limit, done), daemon=True).start()
    try:
        yield
    finally:
        done.set()
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _watch(limit: int, done: threading.Event) -> None:
    while not done.wait(_SECONDS_BETWEEN_LOOKS):
        if (taken_memory() or 0) > limit:
            with suppress(OSError):  # nobody may be listening
                os.write(2, f"scorer: {_words(limit)}\n".encode())
            os._exit(1)


def _words(limit: int) -> str:
    size = f"{limit / (1 << 30):.1f} GB" if limit >= 1 << 30 else f"{limit / (1 << 20):,.4g} MB"
    return f"needs more than {size} of memory; allow more with --memory-limit, or take less with --workers 1"
