"""A rehearsal's `up` of the complete program, beside one that changes nothing: wall seconds and resources.

The simulated platform's waiting is in the first figure: at the rehearsal's pace, a hundredth of its stated seconds.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from simulator.engine import Summary
from simulator.rehearsal.screen import Step
from simulator.rehearsal.stage import Stage, staged
from simulator.story.training import train
from tidewatch.registry import Registry, describe

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out" / "bench" / "up.json"
IMAGE = "example.com/server@sha256:" + "0" * 64
LIMIT_FULL_S = 15.0
LIMIT_SAME_S = 4.0
REPEATS = 3
SLOTS = {"blue": {"version": "1", "weight": 95, "instances": 1}, "green": {"version": "2", "weight": 5, "instances": 1}}


def main() -> int:
    """Prints the figures and writes them to out/bench/up.json; 1 where one is above its limit."""
    with staged(ROOT) as stage:
        figures = measure(stage)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n")
    _show(figures)
    return 0 if figures["full_s"] < LIMIT_FULL_S and figures["no_change_s"] < LIMIT_SAME_S else 1


def measure(stage: Stage) -> dict[str, Any]:
    """The registry must be there before a version can be in it, so the complete `up` is two, added up."""
    empty, first_s, served, second_s = deploy(stage)
    same = [_up(stage) for _ in range(REPEATS)]
    return {
        "resources": empty.changes["create"] + served.changes["create"],
        "full_s": round(first_s + second_s, 2),
        "no_change_s": round(sorted(seconds for _, seconds in same)[REPEATS // 2], 2),
        "changed_by_no_change": sum(len(done.changed) for done, _ in same),
    }


def deploy(stage: Stage) -> tuple[Summary, float, Summary, float]:
    """The complete program with a canary: what both `up`s did, and their wall seconds."""
    empty, first_s = _up(stage)
    _publish(stage)
    _declare(stage)
    return empty, first_s, *_up(stage)


def _up(stage: Stage) -> tuple[Summary, float]:
    """An `up` with its preview, as the CLI makes it."""
    began = time.perf_counter()
    return stage.up(Step("bench")), time.perf_counter() - began


def _publish(stage: Stage) -> None:
    registry = Registry(stage.client("s3"), stage.outputs()["registry"]["bucket"], "flights")
    for version, weather in (("1", False), ("2", True)):
        made = train(version, stage.home.folder / version, with_weather=weather, image=IMAGE)
        registry.publish(version, made.artifact, describe(json.loads(made.lineage.read_text()), str(made.lineage)))


def _declare(stage: Stage) -> None:
    file = stage.home.stack_file
    lines = f"  tidewatch:variants: {json.dumps(SLOTS)}\n  tidewatch:rollbackTo: blue\n"
    file.write_text(file.read_text().rstrip("\n") + "\n" + lines)


def _show(figures: dict[str, Any]) -> None:
    table = Table("up in the rehearsal, with its preview", "seconds", "limit", title_justify="left", box=None)
    complete = f"complete program, {figures['resources']} resources"
    table.add_row(complete, f"{figures['full_s']:.1f}", f"{LIMIT_FULL_S:g}")
    table.add_row("no change (median of 3)", f"{figures['no_change_s']:.1f}", f"{LIMIT_SAME_S:g}")
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
