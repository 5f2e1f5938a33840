"""What every contestant tells of itself: seconds, memory, versions. Only the standard library."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.memory import peak_memory_mib


@dataclass(frozen=True)
class Spent:
    """Seconds of this process: of the processor (user and system, all threads), and on the wall."""

    cpu: float
    wall: float

    def __sub__(self, earlier: Spent) -> Spent:
        return Spent(self.cpu - earlier.cpu, self.wall - earlier.wall)

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.cpu + other.cpu, self.wall + other.wall)


def now() -> Spent:
    """The processor's seconds count from the start of the process: at the top of a program they are its imports."""
    return Spent(time.process_time(), time.perf_counter())


def write(
    out: Path, *, records: int, imports: Spent, phases: Mapping[str, Spent], versions: Mapping[str, str], **more: Any
) -> None:
    """Writes what a contestant measured: `phases` are the parts of its work, in order."""
    total = sum(phases.values(), Spent(0, 0))
    told = {
        "records": records,
        "import_cpu_s": round(imports.cpu, 3),
        "cpu_s": round(total.cpu, 3),
        "wall_s": round(total.wall, 3),
        "phases_cpu_s": {name: round(spent.cpu, 3) for name, spent in phases.items()},
        "peak_mib": round(peak_memory_mib(), 1),
        "versions": dict(versions),
        **more,
    }
    out.write_text(json.dumps(told, indent=2) + "\n")
