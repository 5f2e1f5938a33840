"""The rollback's own time, without the platform's seconds, and how fast the function is imported.

Promised is how many times the import of boto3 they take, measured in turns on the same machine. Own time is what the
warm function's process took on the wall, less what it slept while the simulated platform was busy; the platform's
stated seconds are printed apart.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench import up
from bench.promises import Ratio, failed, import_seconds
from simulator.rehearsal.stage import Stage, staged
from tidewatch.traffic import Clients, Place, Split, TrafficController

OUT = up.ROOT / "out" / "bench" / "rollback.json"
MOST_OWN = 6.5
MOST_IMPORT = 2.5
"""Times the import of boto3."""
REPEATS = 5


@dataclass(frozen=True)
class Figures:
    """own: the warm function's seconds on the wall, over boto3's import; imported: its import's, of the processor, over
    the same; seconds beside them. platform_stated_s: the simulated platform's."""

    own: Ratio
    own_s: float
    cold_own_s: float
    imported: Ratio
    import_s: float
    platform_stated_s: float


def main() -> int:
    """Prints the figures and writes them to out/bench/rollback.json; 1 where a promise is missed."""
    with staged(up.ROOT) as stage:
        up.deploy(stage)
        figures = measure(stage)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(vars(figures), indent=2, default=vars) + "\n")
    _show(figures)
    return int(failed(figures.own.at_most(MOST_OWN), figures.imported.at_most(MOST_IMPORT)))


def measure(stage: Stage) -> Figures:
    """Rollbacks of a canary, each acknowledged and taken back; the first, which is cold, apart."""
    cold, _ = _rolled_back(stage)
    own, platform, imports, yards = list[float](), list[float](), list[float](), list[float]()
    for _ in range(REPEATS):
        yards.append(import_seconds("boto3", up.ROOT))
        imports.append(import_seconds("lambdas.rollback.handler", up.ROOT))
        took, stated = _rolled_back(stage)
        own.append(took)
        platform.append(stated)
    return Figures(
        own=Ratio.of(own, yards),
        own_s=round(statistics.median(own), 3),
        cold_own_s=round(cold, 3),
        imported=Ratio.of(imports, yards),
        import_s=round(statistics.median(imports), 3),
        platform_stated_s=statistics.median(platform),
    )


def _rolled_back(stage: Stage) -> tuple[float, float]:
    """A rollback's own seconds, and those that the platform states; the canary is put back."""
    outputs, traffic = stage.outputs(), _controller(stage)
    before = len(stage.control.operations())
    called = stage.client("lambda").invoke(FunctionName=outputs["rollback"]["function"])
    answer = json.loads(called["Payload"].read())
    timings = stage.control.function_timings()
    own = next(one["own_seconds"] for one in reversed(timings) if one["slept_seconds"] > 0)
    platform = sum(one["stated_seconds"] for one in stage.control.operations()[before:])
    traffic.acknowledge(answer["incident"], "bench")
    split = Split.of({"blue": 95.0, "green": 5.0})
    traffic.apply(split, who="operator", why="the benchmark puts the canary back", held=traffic.held())
    return own, platform


def _controller(stage: Stage) -> TrafficController:
    outputs = stage.outputs()
    tables = stage.client("dynamodb").list_tables()["TableNames"]
    control = next(name for name in tables if name.startswith("flights-control"))
    clients = Clients(stage.client("sagemaker"), stage.client("dynamodb"), stage.client("cloudwatch"))
    return TrafficController(clients, Place(outputs["key"], outputs["endpoint"]["name"], outputs["ledger"], control))


def _show(figures: Figures) -> None:
    table = Table(
        "rollback", "times boto3's import", "at most", "", "wall", title_justify="left", box=None
    )  # fmt: skip
    own, imported = figures.own.at_most(MOST_OWN), figures.imported.at_most(MOST_IMPORT)
    table.add_row("own time, warm", str(figures.own), f"{MOST_OWN:g}", own, f"{figures.own_s:.2f} s")
    table.add_row("own time, first call", "", "", "", f"{figures.cold_own_s:.2f} s")
    table.add_row("the platform's, simulated, as stated", "", "", "", f"{figures.platform_stated_s:.0f} s")
    imports = f"{figures.import_s:.2f} s"
    table.add_row("import of the function", str(figures.imported), f"{MOST_IMPORT:g}", imported, imports)
    Console(width=120).print(table)


if __name__ == "__main__":
    raise SystemExit(main())
