"""Measures the rollback's own time, without the platform's seconds, and the import of its function.

The limits are multiples of the time to import boto3, measured in alternating runs on the same machine. Own time is the
wall-clock time of the warm function's process, less the time that it slept while the simulated platform was busy. The
platform's stated seconds are printed separately.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench import up
from bench.limits import Ratio, has_missed, time_import
from rehearsal.demo.environment import DemoEnvironment, start_environment
from tidewatch.traffic import Clients, ResourceNames, Split, TrafficController

OUT = up.ROOT / "out" / "bench" / "rollback.json"
MAX_OWN_RATIO = 6.5
MAX_IMPORT_RATIO = 2.5
"""Times the import of boto3."""
REPEATS = 5


@dataclass(frozen=True)
class RollbackFigures:
    """The figures of the rollback."""

    own_ratio: Ratio
    """The warm function's wall-clock seconds over boto3's import."""
    own_s: float
    """The warm function's wall-clock seconds."""
    cold_own_s: float
    """The cold function's wall-clock seconds."""
    import_ratio: Ratio
    """The processor seconds of the function's import over those of boto3's import."""
    import_s: float
    """The processor seconds of the function's import."""
    platform_stated_s: float
    """The simulated platform's seconds."""


def main() -> int:
    """Prints the figures and writes them to out/bench/rollback.json; returns 1 if a limit is missed."""
    with start_environment(up.ROOT) as env:
        up.deploy(env)
        figures = measure(env)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(vars(figures), indent=2, default=vars) + "\n")
    _print_figures(figures)
    return int(
        has_missed(figures.own_ratio.check_at_most(MAX_OWN_RATIO), figures.import_ratio.check_at_most(MAX_IMPORT_RATIO))
    )


def measure(env: DemoEnvironment) -> RollbackFigures:
    """Measures rollbacks of a canary, each acknowledged and undone; the first one, which is cold, separately."""
    cold_seconds, _ = _roll_back(env)
    own_seconds, platform_seconds, import_seconds, boto3_seconds = (
        list[float](),
        list[float](),
        list[float](),
        list[float](),
    )
    for _ in range(REPEATS):
        boto3_seconds.append(time_import("boto3", up.ROOT))
        import_seconds.append(time_import("lambdas.rollback.handler", up.ROOT))
        own, platform = _roll_back(env)
        own_seconds.append(own)
        platform_seconds.append(platform)
    return RollbackFigures(
        own_ratio=Ratio.of(own_seconds, boto3_seconds),
        own_s=round(statistics.median(own_seconds), 3),
        cold_own_s=round(cold_seconds, 3),
        import_ratio=Ratio.of(import_seconds, boto3_seconds),
        import_s=round(statistics.median(import_seconds), 3),
        platform_stated_s=statistics.median(platform_seconds),
    )


def _roll_back(env: DemoEnvironment) -> tuple[float, float]:
    """Returns a rollback's own seconds and the platform's stated seconds, and restores the canary."""
    outputs, traffic = env.outputs(), _create_controller(env)
    before = len(env.control.operations())
    response = env.get_client("lambda").invoke(FunctionName=outputs["rollback"]["function"])
    answer = json.loads(response["Payload"].read())
    timings = env.control.function_timings()
    own = next(timing["own_seconds"] for timing in reversed(timings) if timing["slept_seconds"] > 0)
    platform = sum(operation["simulated_seconds"] for operation in env.control.operations()[before:])
    traffic.acknowledge(answer["incident"], "bench")
    split = Split.of({"blue": 95.0, "green": 5.0})
    traffic.apply(split, who="operator", why="the benchmark puts the canary back", models=traffic.live_models())
    return own, platform


def _create_controller(env: DemoEnvironment) -> TrafficController:
    outputs = env.outputs()
    tables = env.get_client("dynamodb").list_tables()["TableNames"]
    control = next(name for name in tables if name.startswith("flights-control"))
    clients = Clients(env.get_client("sagemaker"), env.get_client("dynamodb"), env.get_client("cloudwatch"))
    return TrafficController(
        clients, ResourceNames(outputs["key"], outputs["endpoint"]["name"], outputs["ledger"], control)
    )


def _print_figures(figures: RollbackFigures) -> None:
    table = Table(
        "rollback", "times boto3's import", "at most", "", "wall", title_justify="left", box=None
    )  # fmt: skip
    own_result, import_result = (
        figures.own_ratio.check_at_most(MAX_OWN_RATIO),
        figures.import_ratio.check_at_most(MAX_IMPORT_RATIO),
    )
    table.add_row("own time, warm", str(figures.own_ratio), f"{MAX_OWN_RATIO:g}", own_result, f"{figures.own_s:.2f} s")
    table.add_row("own time, first call", "", "", "", f"{figures.cold_own_s:.2f} s")
    table.add_row("the platform's, simulated, as stated", "", "", "", f"{figures.platform_stated_s:.0f} s")
    import_time = f"{figures.import_s:.2f} s"
    table.add_row(
        "import of the function", str(figures.import_ratio), f"{MAX_IMPORT_RATIO:g}", import_result, import_time
    )
    Console(width=120).print(table)


if __name__ == "__main__":
    raise SystemExit(main())
