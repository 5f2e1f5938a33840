"""The drift benchmark, alone: `python -m bench.drift`. Needs the peers' environment, .venv-peers."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench import verdict_rates
from bench.drift import dataset, function_footprint, verdict_comparison
from bench.drift.comparison import (
    ROUNDS,
    Competitor,
    Measurement,
    PeersMissing,
    compare,
    require_peers,
    run_competitor,
    write_reference,
)
from bench.drift.comparison_report import (
    TABLE_NOTES,
    FunctionFootprint,
    build_report,
    format_versions,
    list_misses,
    render_comparison_table,
    render_limits_table,
)

OUT = dataset.ROOT / "out" / "bench" / "drift.json"
LONG_STREAM_BYTES = 10_000_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the figures, writes out/bench/drift.json and docs/drift-false-alarms.md.

    Returns 1 if a limit is missed.
    """
    parser = argparse.ArgumentParser(prog="python -m bench.drift", description=__doc__)
    parser.add_argument("--records", type=int, default=dataset.RECORDS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--speed-only", action="store_true", help="leave out false alarms and power")
    options = parser.parse_args(arguments)
    console = Console()
    try:
        require_peers()
    except PeersMissing as error:
        console.print(str(error), style="red")
        return 1
    with console.status("drift") as status:
        runs = compare(options.records, options.rounds, status.update)
        status.update("10 GB in one stream")
        report = build_report(
            runs,
            measure_long_stream(options.records),
            FunctionFootprint(*function_footprint.measure_imports(), function_footprint.measure_unzipped_mb()),
        )
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(report, indent=2) + "\n")
    for line in (render_comparison_table(report), TABLE_NOTES, render_limits_table(report), format_versions(report)):
        console.print(line, highlight=False)
    sentences = list_misses(report)
    if not options.speed_only:
        sentences += _measure_verdicts(console)
    for sentence in sentences:
        console.print(sentence, style="red")
    return 1 if sentences else 0


def measure_long_stream(records: int) -> Measurement:
    """Measures the run over a stream of LONG_STREAM_BYTES or more."""
    file = dataset.provide_captured_file(records)
    times = -(-LONG_STREAM_BYTES // file.stat().st_size)
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "reference.json"
        write_reference(reference)
        return run_competitor(Competitor("long_stream"), file, reference, Path(folder), str(times))


def _measure_verdicts(console: Console) -> list[str]:
    with console.status("false alarms and power"):
        rows, kinds, peer_rates, version = verdict_comparison.measure_verdicts()
    verdict_comparison.DOCUMENT.write_text(verdict_comparison.render_document(rows, kinds, peer_rates, version))
    own = [verdict_rates.VerdictRates(**{**vars(row), "peer": None}) for row in rows]
    console.print(verdict_rates.render_table([*own, *kinds]))
    console.print(verdict_comparison.render_table(peer_rates, version))
    return verdict_rates.list_misses([*rows, *kinds])


if __name__ == "__main__":
    raise SystemExit(main())
