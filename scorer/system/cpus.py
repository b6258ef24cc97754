"""How many CPUs this process may really use."""

import math
import os
from pathlib import Path

__all__ = ["available_cpus"]

_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def available_cpus() -> int:
    """CPUs by affinity and by container quota, at least 1; onnxruntime's own count knows no quota."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _CGROUP_QUOTA.read_text().split()
    except (OSError, ValueError):
        return affinity
    return affinity if quota == "max" else max(1, min(affinity, math.ceil(int(quota) / int(period))))
