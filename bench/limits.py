"""What a benchmark promises: ratios of runs made in turns, so that a slow or shared machine has the same ones."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

REQUIRED_MARGIN = 1.2
"""A promise has this much room in every run; with less it is not printed as one, though only a miss is a failure: the
machine may have done other work."""


class LimitResult(StrEnum):
    """How a promise came out: in every run with room, in every run, or not in all of them."""

    PROMISED = "promised"
    NEAR = "held, too near to be promised"
    MISSED = "missed"


@dataclass(frozen=True)
class Ratio:
    """One figure over another, of runs made in turns."""

    runs: tuple[float, ...]

    @classmethod
    def of(cls, upper: Sequence[float], lower: Sequence[float]) -> Ratio:
        """Turn by turn: both figures of one turn met the same machine."""
        return cls(tuple(round(up / low, 3) for up, low in zip(upper, lower, strict=True)))

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({min(self.runs):.2f} to {max(self.runs):.2f})"

    def check_at_least(self, limit: float) -> LimitResult:
        """How the promise came out that every run is above the limit."""
        return _classify_margin(min(self.runs) / limit)

    def check_at_most(self, limit: float) -> LimitResult:
        """How the promise came out that every run is below the limit."""
        return _classify_margin(limit / max(self.runs))


def _classify_margin(margin: float) -> LimitResult:
    return (
        LimitResult.PROMISED if margin >= REQUIRED_MARGIN else LimitResult.NEAR if margin >= 1 else LimitResult.MISSED
    )


def time_python(program: str) -> float:
    """The processor's seconds of a Python of its own that runs a program, its start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, env=_environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def time_boto3_process() -> float:
    """The processor's seconds of a fresh process that imports boto3: work of the kind that is measured here, and of
    nobody here. Its start is in it, which `import_seconds` leaves out."""
    return time_python("import boto3")


def time_import(module: str, folder: Path, before: str = "") -> float:
    """The processor's seconds to import a module of `folder` in a fresh process, after `before`, without its start."""
    program = f"{before}\nimport time\nbegan = time.process_time()\nimport {module}\nprint(time.process_time() - began)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, check=True, capture_output=True, text=True, env=_environment()
    )
    return float(done.stdout)


def _environment() -> dict[str, str]:
    """This process's, where compiled modules are kept, as where a program runs a second time."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def has_missed(*results: LimitResult) -> bool:
    """Whether one of these was missed."""
    return LimitResult.MISSED in results


def measure_seconds(work: Callable[[], object]) -> tuple[float, float]:
    """This process's processor seconds and the wall's, for some work."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall
