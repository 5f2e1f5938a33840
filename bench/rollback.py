"""The rollback's own time, without the platform's seconds, and how fast the function is imported.

Own time is what the warm function's process took on the wall, less what it slept while the simulated platform was
busy; the platform's stated seconds are printed apart.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import up
from simulator.rehearsal.stage import Stage, staged
from tidewatch.traffic import Clients, Place, Split, TrafficController

OUT = up.ROOT / "out" / "bench" / "rollback.json"
LIMIT_OWN_S = 1.0
LIMIT_IMPORT_S = 0.5
REPEATS = 5
IMPORT = "import time; began = time.perf_counter(); import {module}; print(time.perf_counter() - began)"


def main() -> int:
    """Prints the figures and writes them to out/bench/rollback.json; 1 where one is above its limit."""
    figures = {"import_s": _import_seconds("lambdas.rollback.handler"), "boto3_import_s": _import_seconds("boto3")}
    with staged(up.ROOT) as stage:
        up.deploy(stage)
        figures |= measure(stage)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n")
    _show(figures)
    return 0 if figures["own_s"] < LIMIT_OWN_S and figures["import_s"] < LIMIT_IMPORT_S else 1


def measure(stage: Stage) -> dict[str, float]:
    """Medians over rollbacks of a canary, each acknowledged and taken back; the first, which is cold, apart."""
    outputs, traffic = stage.outputs(), _controller(stage)
    own, platform = list[float](), list[float]()
    for _ in range(REPEATS + 1):
        before = len(stage.control.operations())
        called = stage.client("lambda").invoke(FunctionName=outputs["rollback"]["function"])
        answer = json.loads(called["Payload"].read())
        timings = stage.control.function_timings()
        own.append(next(one["own_seconds"] for one in reversed(timings) if one["slept_seconds"] > 0))
        platform.append(sum(one["stated_seconds"] for one in stage.control.operations()[before:]))
        traffic.acknowledge(answer["incident"], "bench")
        split = Split.of({"blue": 95.0, "green": 5.0})
        traffic.apply(split, who="operator", why="the benchmark puts the canary back", held=traffic.held())
    return {
        "cold_own_s": round(own[0], 3),
        "own_s": round(statistics.median(own[1:]), 3),
        "platform_stated_s": statistics.median(platform),
    }


def _controller(stage: Stage) -> TrafficController:
    outputs = stage.outputs()
    tables = stage.client("dynamodb").list_tables()["TableNames"]
    control = next(name for name in tables if name.startswith("flights-control"))
    clients = Clients(stage.client("sagemaker"), stage.client("dynamodb"), stage.client("cloudwatch"))
    return TrafficController(clients, Place(outputs["key"], outputs["endpoint"]["name"], outputs["ledger"], control))


def _import_seconds(module: str) -> float:
    """Median over fresh processes."""
    program = [sys.executable, "-c", IMPORT.format(module=module)]
    runs = [
        float(subprocess.run(program, cwd=up.ROOT, check=True, capture_output=True, text=True).stdout)
        for _ in range(REPEATS)
    ]
    return round(statistics.median(runs), 3)


def _show(figures: dict[str, Any]) -> None:
    table = Table("rollback", "seconds", "limit", title_justify="left", box=None)
    table.add_row("own time, warm (median of 5)", f"{figures['own_s']:.2f}", f"{LIMIT_OWN_S:g}")
    table.add_row("own time, first call", f"{figures['cold_own_s']:.2f}", "")
    table.add_row("the platform's, simulated, as stated", f"{figures['platform_stated_s']:.0f}", "")
    table.add_row("import of the function", f"{figures['import_s']:.2f}", f"{LIMIT_IMPORT_S:g}")
    table.add_row("import of boto3, which Lambda brings", f"{figures['boto3_import_s']:.2f}", "")
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
