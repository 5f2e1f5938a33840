"""How much memory a process of a benchmark took. Only the standard library: every environment can load it."""

from __future__ import annotations

import resource
from pathlib import Path


def peak_memory_mib() -> float:
    """The most memory this process had resident. On Linux from /proc: getrusage there counts the parent's too."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
