"""The drift benchmark, alone: `python -m bench.drift`. Needs the peers' environment, .venv-peers."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench import alarm_rows
from bench.drift import data, function, verdicts
from bench.drift.contest import (
    ROUNDS,
    Contestant,
    Measured,
    PeersMissing,
    check_peers,
    contest,
    run,
    write_reference,
)
from bench.drift.figures import EXPLAINED, Function, bounds_table, contest_table, figures, misses, versions_line

OUT = data.ROOT / "out" / "bench" / "drift.json"
ENDLESS_BYTES = 10_000_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the figures, writes out/bench/drift.json and docs/drift-false-alarms.md; 1 where a promise is not held."""
    parser = argparse.ArgumentParser(prog="python -m bench.drift", description=__doc__)
    parser.add_argument("--records", type=int, default=data.RECORDS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--speed-only", action="store_true", help="leave out false alarms and power")
    given = parser.parse_args(arguments)
    console = Console()
    try:
        check_peers()
    except PeersMissing as error:
        console.print(str(error), style="red")
        return 1
    with console.status("drift") as status:
        runs = contest(given.records, given.rounds, status.update)
        status.update("10 GB in one stream")
        found = figures(runs, endless(given.records), Function(*function.imports(), function.unzipped_mb()))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    for printed in (contest_table(found), EXPLAINED, bounds_table(found), versions_line(found)):
        console.print(printed, highlight=False)
    missed = misses(found)
    if not given.speed_only:
        missed += _verdicts(console)
    for sentence in missed:
        console.print(sentence, style="red")
    return 1 if missed else 0


def endless(records: int) -> Measured:
    """The run over a stream of ENDLESS_BYTES or more."""
    file = data.captured(records)
    times = -(-ENDLESS_BYTES // file.stat().st_size)
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "reference.json"
        write_reference(reference)
        return run(Contestant("endless"), file, reference, Path(folder), str(times))


def _verdicts(console: Console) -> list[str]:
    with console.status("false alarms and power"):
        rows, kinds, found, version = verdicts.verdicts()
    verdicts.DOCUMENT.write_text(verdicts.document(rows, kinds, found, version))
    own = [alarm_rows.Row(**{**vars(row), "peer": None}) for row in rows]
    console.print(alarm_rows.shown([*own, *kinds]))
    console.print(verdicts.shown(found, version))
    return alarm_rows.misses([*rows, *kinds])


if __name__ == "__main__":
    raise SystemExit(main())
