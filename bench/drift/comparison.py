"""Runs the contestants over the same records, one after another, each in its own process on one processor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.drift import dataset
from tidewatch.drift.training.reference_builder import build_reference

PEERS = dataset.ROOT / ".venv-peers" / "bin" / "python"
ROUNDS = 3
"""How often each contestant runs, in turns."""
ONE_THREAD = dict.fromkeys(
    [
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"),
        *("POLARS_MAX_THREADS", "ARROW_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    ],
    "1",
)
NO_TELEMETRY = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1", "MPLBACKEND": "agg"}
"""Turns off the telemetry of the peers."""

Measurement = Mapping[str, Any]
"""What a contestant wrote with measurement.write_measurement."""


class PeersMissing(RuntimeError):
    """The peers' environment does not exist; the message explains how to create it."""


class CountsDiffer(RuntimeError):
    """Two contestants counted differently, so their times mean nothing."""


@dataclass(frozen=True)
class Competitor:
    """A program of this folder, and whether it runs in the peers' environment."""

    name: str
    is_peer: bool = False


OURS, BASELINE, NANNYML, EVIDENTLY = (
    Competitor("ours"),
    Competitor("baseline"),
    Competitor("nannyml", is_peer=True),
    Competitor("evidently", is_peer=True),
)
COMPETITORS = (OURS, BASELINE, NANNYML, EVIDENTLY)


def require_peers() -> None:
    """Raises PeersMissing if the peers' environment does not exist."""
    if not PEERS.exists():
        raise PeersMissing(f"{PEERS} is missing, so nothing can be compared: run `make .venv-peers/.installed`")


def write_reference(path: Path) -> None:
    """Writes the reference of the training rows, against which tidewatch and the baseline pipeline count."""
    rows = dataset.draw_training_rows()
    numbers = {name: rows.numeric[:, index] for index, name in enumerate(dataset.NUMERIC)}
    categories = {
        name: [values[code] for code in rows.codes[:, index].tolist()]
        for index, (name, values) in enumerate(dataset.CATEGORIES.items())
    }
    path.write_bytes(build_reference({**numbers, **categories}, score=(dataset.SCORE, rows.score)).encode())


def compare(
    records: int = dataset.RECORDS, rounds: int = ROUNDS, on_progress: Callable[[str], object] = print
) -> dict[str, list[Measurement]]:
    """Returns the runs of each contestant by its name, turn by turn.

    Raises PeersMissing, and CountsDiffer if counts differ.
    """
    require_peers()
    file, training = dataset.provide_captured_file(records), dataset.provide_training_file()
    runs: dict[str, list[Measurement]] = {competitor.name: [] for competitor in COMPETITORS}
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "reference.json"
        write_reference(reference)
        for turn in range(rounds):
            for competitor in COMPETITORS:
                on_progress(f"{competitor.name}, run {turn + 1} of {rounds}")
                runs[competitor.name].append(
                    run_competitor(competitor, file, training if competitor.is_peer else reference, Path(folder))
                )
        _require_same_counts(Path(folder), runs, records)
    return runs


def run_competitor(competitor: Competitor, file: Path, reference: Path, folder: Path, *arguments: str) -> Measurement:
    """Runs a contestant once and returns its measurement."""
    out = folder / f"{competitor.name}.json"
    python = str(PEERS) if competitor.is_peer else sys.executable
    program = [python, "-m", f"bench.drift.{competitor.name}", str(file), str(reference), str(out), *arguments]
    # Compiled modules are kept, as on a machine that runs a job a second time.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**inherited, **ONE_THREAD, **NO_TELEMETRY}
    completed = subprocess.run(
        program,
        cwd=dataset.ROOT,
        env=environment,
        preexec_fn=_pin_to_one_processor,
        capture_output=True,
        text=True,
        check=False,
    )
    if completed.returncode:
        raise RuntimeError(
            f"{competitor.name} failed, so there is no figure of it:\n{completed.stderr.strip()[-2000:]}"
        )
    return json.loads(out.read_text())


def _pin_to_one_processor() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def sum_processor_seconds(measurement: Measurement) -> float:
    """Returns the processor seconds of the whole process from its start: the cost of a job that runs once an hour."""
    return measurement["import_cpu_s"] + measurement["cpu_s"]


def _require_same_counts(folder: Path, runs: Mapping[str, list[Measurement]], records: int) -> None:
    for name, measurements in runs.items():
        if any(measurement["records"] != records for measurement in measurements):
            raise CountsDiffer(f"{name} did not read {records:,} records: find out why before it is timed")
    if (folder / "ours.profile").read_bytes() != (folder / "baseline.profile").read_bytes():
        raise CountsDiffer("tidewatch and the baseline pipeline did not count the same: find out which is wrong first")
