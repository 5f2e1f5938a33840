"""The peak memory of a benchmark's process.

It uses only the standard library, so that every environment can load it.
"""

from __future__ import annotations

import resource
from pathlib import Path


def peak_memory_mib() -> float:
    """Returns the peak resident memory of this process, in MiB.

    It comes from /proc on Linux, where getrusage counts the parent's memory too.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
