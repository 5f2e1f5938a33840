"""What every contestant measures of itself: seconds, memory, versions. It uses only the standard library."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.memory import peak_memory_mib


@dataclass(frozen=True)
class TimeSpent:
    """The seconds that this process used."""

    cpu: float
    """The processor seconds, user and system, of all threads."""
    wall: float
    """The wall-clock seconds."""

    def __sub__(self, earlier: TimeSpent) -> TimeSpent:
        return TimeSpent(self.cpu - earlier.cpu, self.wall - earlier.wall)

    def __add__(self, other: TimeSpent) -> TimeSpent:
        return TimeSpent(self.cpu + other.cpu, self.wall + other.wall)


def read_clocks() -> TimeSpent:
    """Returns both clocks.

    The processor's counts from the start of the process, so at the top of a program it has its imports.
    """
    return TimeSpent(time.process_time(), time.perf_counter())


def write_measurement(
    out: Path,
    *,
    records: int,
    imports: TimeSpent,
    phases: Mapping[str, TimeSpent],
    versions: Mapping[str, str],
    **more: Any,
) -> None:
    """Writes what a contestant measured; `phases` are the parts of its work, in order."""
    total = sum(phases.values(), TimeSpent(0, 0))
    document = {
        "records": records,
        "import_cpu_s": round(imports.cpu, 3),
        "cpu_s": round(total.cpu, 3),
        "wall_s": round(total.wall, 3),
        "phases_cpu_s": {name: round(spent.cpu, 3) for name, spent in phases.items()},
        "peak_mib": round(peak_memory_mib(), 1),
        "versions": dict(versions),
        **more,
    }
    out.write_text(json.dumps(document, indent=2) + "\n")
