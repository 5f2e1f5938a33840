"""Measures a rehearsal's `up` of the complete program, and an `up` without a change: seconds and resources.

The limits are multiples of the processor time of a process that imports boto3, a unit that is the same on every
machine. The wall-clock seconds include the simulated AWS, which is another process, and the platform's waits at the
rehearsal's pace, a hundredth of its stated seconds.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.limits import Ratio, has_missed, measure_seconds, time_boto3_process
from rehearsal.demo.console import ProgressStep
from rehearsal.demo.environment import DemoEnvironment, start_environment
from rehearsal.demo.flights_model import train
from rehearsal.engine import DeploymentSummary
from tidewatch.registry import ModelRegistry, parse_description

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out" / "bench" / "up.json"
IMAGE = "example.com/server@sha256:" + "0" * 64
MAX_FULL_RATIO = 44.0
MAX_UNCHANGED_RATIO = 22.0
"""Times a process that imports boto3."""
REPEATS = 3
VARIANTS = {
    "blue": {"version": "1", "weight": 95, "instances": 1},
    "green": {"version": "2", "weight": 5, "instances": 1},
}


def main() -> int:
    """Prints the figures and writes them to out/bench/up.json; returns 1 if a limit is missed."""
    with start_environment(ROOT) as env:
        figures = measure(env)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(vars(figures), indent=2, default=vars) + "\n")
    _print_figures(figures)
    return int(
        has_missed(
            figures.full_ratio.check_at_most(MAX_FULL_RATIO), figures.unchanged_ratio.check_at_most(MAX_UNCHANGED_RATIO)
        )
    )


@dataclass(frozen=True)
class UpFigures:
    """The figures of `up`."""

    resources: int
    """The resources of the complete program."""
    full_ratio: Ratio
    """The processor seconds of the complete program over those of a process that imports boto3."""
    full_s: float
    """The wall-clock seconds of the complete program."""
    unchanged_ratio: Ratio
    """The processor seconds of an `up` without a change, over the same."""
    unchanged_s: float
    """The wall-clock seconds of an `up` without a change."""
    changed_by_no_change: int
    """The number of steps that changed something in the runs without a change."""


def measure(env: DemoEnvironment) -> UpFigures:
    """Measures both kinds of `up`. The complete one is the sum of two, because a version needs the registry first."""
    first_boto3_seconds = time_boto3_process()
    first, second = deploy(env)
    unchanged_runs, boto3_seconds = list[_UpRun](), list[float]()
    for _ in range(REPEATS):
        boto3_seconds.append(time_boto3_process())
        unchanged_runs.append(_run_up(env))
    return UpFigures(
        resources=first.summary.op_counts["create"] + second.summary.op_counts["create"],
        full_ratio=Ratio.of([first.cpu + second.cpu], [min(first_boto3_seconds, *boto3_seconds)]),
        full_s=round(first.wall + second.wall, 2),
        unchanged_ratio=Ratio.of([run.cpu for run in unchanged_runs], boto3_seconds),
        unchanged_s=round(statistics.median(run.wall for run in unchanged_runs), 2),
        changed_by_no_change=sum(len(run.summary.changed_steps) for run in unchanged_runs),
    )


@dataclass(frozen=True)
class _UpRun:
    summary: DeploymentSummary
    cpu: float
    wall: float


def deploy(env: DemoEnvironment) -> tuple[_UpRun, _UpRun]:
    """Deploys the complete program with a canary; returns the two runs of `up` that it takes."""
    first = _run_up(env)
    _publish_versions(env)
    _write_variants(env)
    return first, _run_up(env)


def _run_up(env: DemoEnvironment) -> _UpRun:
    """Runs an `up` with its preview, as the CLI does."""
    summaries: list[DeploymentSummary] = []
    cpu, wall = measure_seconds(lambda: summaries.append(env.up(ProgressStep("bench"))))
    return _UpRun(summaries[0], cpu, wall)


def _publish_versions(env: DemoEnvironment) -> None:
    registry = ModelRegistry(env.get_client("s3"), env.outputs()["registry"]["bucket"], "flights")
    for version, weather in (("1", False), ("2", True)):
        model = train(version, env.paths.folder / version, with_weather=weather, image=IMAGE)
        registry.publish(
            version, model.artifact, parse_description(json.loads(model.lineage.read_text()), str(model.lineage))
        )


def _write_variants(env: DemoEnvironment) -> None:
    file = env.paths.stack_file
    lines = f"  tidewatch:variants: {json.dumps(VARIANTS)}\n  tidewatch:rollbackTo: blue\n"
    file.write_text(file.read_text().rstrip("\n") + "\n" + lines)


def _print_figures(figures: UpFigures) -> None:
    table = Table(
        "up in the rehearsal, with its preview", "times a process that imports boto3", "at most", "", "wall",
        title_justify="left", box=None,
    )  # fmt: skip
    complete = f"complete program, {figures.resources} resources"
    full_result, unchanged_result = (
        figures.full_ratio.check_at_most(MAX_FULL_RATIO),
        figures.unchanged_ratio.check_at_most(MAX_UNCHANGED_RATIO),
    )
    table.add_row(
        complete, f"{figures.full_ratio.median:.1f}", f"{MAX_FULL_RATIO:g}", full_result, f"{figures.full_s:.1f} s"
    )
    table.add_row(
        "no change",
        str(figures.unchanged_ratio),
        f"{MAX_UNCHANGED_RATIO:g}",
        unchanged_result,
        f"{figures.unchanged_s:.1f} s",
    )
    Console(width=120).print(table)


if __name__ == "__main__":
    raise SystemExit(main())
