"""A rehearsal's `up` of the complete program, beside one that changes nothing: seconds and resources.

Promised is how many times a process that imports boto3 they take of this process's processor, which every machine has
alike. The wall's seconds beside them include the simulated AWS, a process of its own, and the platform's waiting at the
rehearsal's pace, a hundredth of its stated seconds.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.promises import Ratio, boto3_process, failed, own
from simulator.engine import Summary
from simulator.rehearsal.screen import Step
from simulator.rehearsal.stage import Stage, staged
from simulator.story.training import train
from tidewatch.registry import Registry, describe

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out" / "bench" / "up.json"
IMAGE = "example.com/server@sha256:" + "0" * 64
MOST_FULL = 44.0
MOST_SAME = 22.0
"""Times a process that imports boto3."""
REPEATS = 3
SLOTS = {"blue": {"version": "1", "weight": 95, "instances": 1}, "green": {"version": "2", "weight": 5, "instances": 1}}


def main() -> int:
    """Prints the figures and writes them to out/bench/up.json; 1 where a promise is missed."""
    with staged(ROOT) as stage:
        figures = measure(stage)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(vars(figures), indent=2, default=vars) + "\n")
    _show(figures)
    return int(failed(figures.full.at_most(MOST_FULL), figures.same.at_most(MOST_SAME)))


@dataclass(frozen=True)
class Figures:
    """resources: of the complete program. full, same: processor seconds over those of a process that imports boto3, of
    the complete program and of an `up` without a change; the wall's seconds beside them."""

    resources: int
    full: Ratio
    full_s: float
    same: Ratio
    same_s: float
    changed_by_no_change: int


def measure(stage: Stage) -> Figures:
    """The registry must be there before a version can be in it, so the complete `up` is two, added up."""
    yard = boto3_process()
    first, second = deploy(stage)
    same, yards = list[_Up](), list[float]()
    for _ in range(REPEATS):
        yards.append(boto3_process())
        same.append(_up(stage))
    return Figures(
        resources=first.done.changes["create"] + second.done.changes["create"],
        full=Ratio.of([first.cpu + second.cpu], [min(yard, *yards)]),
        full_s=round(first.wall + second.wall, 2),
        same=Ratio.of([one.cpu for one in same], yards),
        same_s=round(statistics.median(one.wall for one in same), 2),
        changed_by_no_change=sum(len(one.done.changed) for one in same),
    )


@dataclass(frozen=True)
class _Up:
    done: Summary
    cpu: float
    wall: float


def deploy(stage: Stage) -> tuple[_Up, _Up]:
    """The complete program with a canary: both `up`s that it takes."""
    first = _up(stage)
    _publish(stage)
    _declare(stage)
    return first, _up(stage)


def _up(stage: Stage) -> _Up:
    """An `up` with its preview, as the CLI makes it."""
    done: list[Summary] = []
    cpu, wall = own(lambda: done.append(stage.up(Step("bench"))))
    return _Up(done[0], cpu, wall)


def _publish(stage: Stage) -> None:
    registry = Registry(stage.client("s3"), stage.outputs()["registry"]["bucket"], "flights")
    for version, weather in (("1", False), ("2", True)):
        made = train(version, stage.home.folder / version, with_weather=weather, image=IMAGE)
        registry.publish(version, made.artifact, describe(json.loads(made.lineage.read_text()), str(made.lineage)))


def _declare(stage: Stage) -> None:
    file = stage.home.stack_file
    lines = f"  tidewatch:variants: {json.dumps(SLOTS)}\n  tidewatch:rollbackTo: blue\n"
    file.write_text(file.read_text().rstrip("\n") + "\n" + lines)


def _show(figures: Figures) -> None:
    table = Table(
        "up in the rehearsal, with its preview", "times a process that imports boto3", "at most", "", "wall",
        title_justify="left", box=None,
    )  # fmt: skip
    complete = f"complete program, {figures.resources} resources"
    full, same = figures.full.at_most(MOST_FULL), figures.same.at_most(MOST_SAME)
    table.add_row(complete, f"{figures.full.median:.1f}", f"{MOST_FULL:g}", full, f"{figures.full_s:.1f} s")
    table.add_row("no change", str(figures.same), f"{MOST_SAME:g}", same, f"{figures.same_s:.1f} s")
    Console(width=120).print(table)


if __name__ == "__main__":
    raise SystemExit(main())
