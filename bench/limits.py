"""Limits of benchmarks: ratios of alternating runs, so that a slow or shared machine gives the same ones."""

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
"""The room that a promised figure must have in every run.

With less it is printed as too near, but only a miss is a failure: the machine may have done other work.
"""


class LimitResult(StrEnum):
    """Whether a limit held in every run with the required margin, in every run, or not in every run."""

    PROMISED = "promised"
    NEAR = "held, too near to be promised"
    MISSED = "missed"


@dataclass(frozen=True)
class Ratio:
    """One figure divided by another, from alternating runs."""

    runs: tuple[float, ...]

    @classmethod
    def of(cls, upper: Sequence[float], lower: Sequence[float]) -> Ratio:
        """Pairs the runs turn by turn, because both figures of one turn had the same load on the machine."""
        return cls(tuple(round(up / low, 3) for up, low in zip(upper, lower, strict=True)))

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    def __str__(self) -> str:
        return f"{self.median:.2f} ({min(self.runs):.2f} to {max(self.runs):.2f})"

    def check_at_least(self, limit: float) -> LimitResult:
        """Returns whether every run is above the limit."""
        return _classify_margin(min(self.runs) / limit)

    def check_at_most(self, limit: float) -> LimitResult:
        """Returns whether every run is below the limit."""
        return _classify_margin(limit / max(self.runs))


def _classify_margin(margin: float) -> LimitResult:
    return (
        LimitResult.PROMISED if margin >= REQUIRED_MARGIN else LimitResult.NEAR if margin >= 1 else LimitResult.MISSED
    )


def time_python(program: str) -> float:
    """Returns the processor seconds of a new Python process that runs a program, including its start."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program], check=True, env=_environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def time_boto3_process() -> float:
    """Returns the processor seconds of a new process that imports boto3, including its start.

    It is a unit of measurement: similar work that does not depend on this project. time_import leaves the start out.
    """
    return time_python("import boto3")


def time_import(module: str, folder: Path, before: str = "") -> float:
    """Returns the processor seconds to import a module of `folder` in a new process, without its start.

    The process runs `before` first.
    """
    program = f"{before}\nimport time\nbegan = time.process_time()\nimport {module}\nprint(time.process_time() - began)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, check=True, capture_output=True, text=True, env=_environment()
    )
    return float(done.stdout)


def _environment() -> dict[str, str]:
    """Returns this process's environment with the bytecode cache on, as if the program ran a second time."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def has_missed(*results: LimitResult) -> bool:
    """Whether any of these was missed."""
    return LimitResult.MISSED in results


def measure_seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Returns the processor seconds and the wall-clock seconds that some work takes in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall
