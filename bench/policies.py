"""Measures the policy pack over the state of the complete program, as `tidewatch policies` reads it.

The figure is the processor time of a whole process, with imports; the limit is in seconds, and the same as a multiple
of a process that imports boto3 says how much of it is the machine.
"""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.limits import Ratio, has_missed, time_boto3_process, time_python
from bench.up import deploy
from rehearsal.demo.environment import start_environment
from rehearsal.engine.checkpoint import to_deployment

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / "out" / "bench" / "state.json"
MAX_SECONDS = 2.0
REPEATS = 5


def main() -> int:
    """Prints the figures; returns 1 if the limit is missed."""
    with start_environment(ROOT) as env:
        deploy(env)
        exported = to_deployment(json.loads(env.paths.state_file.read_text()), "7.51.0")
    STATE.parent.mkdir(parents=True, exist_ok=True)
    STATE.write_text(json.dumps(exported))
    program = (
        "from typer.testing import CliRunner; from cli.main import app; "
        f"assert CliRunner().invoke(app, ['policies', {str(STATE)!r}]).exit_code == 1"
    )
    seconds, boto3_seconds = list[float](), list[float]()
    for _ in range(REPEATS):
        seconds.append(time_python(program))
        boto3_seconds.append(time_boto3_process())
    figure = Ratio.of(seconds, [1.0] * REPEATS)
    result = figure.check_at_most(MAX_SECONDS)
    table = Table(
        "policies", "seconds of a processor", "at most", "", "times boto3's import", title_justify="left", box=None
    )
    count = len(exported["deployment"]["resources"])
    table.add_row(
        f"the pack over {count} resources",
        str(figure),
        f"{MAX_SECONDS:g}",
        result,
        str(Ratio.of(seconds, boto3_seconds)),
    )
    Console(width=120).print(table)
    return int(has_missed(result))


if __name__ == "__main__":
    raise SystemExit(main())
