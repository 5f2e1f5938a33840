"""Runs the contestants one after another, each in a process of its own on one processor, over the same records."""

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

from bench.drift import data
from tidewatch.drift.training import build

PEERS = data.ROOT / ".venv-peers" / "bin" / "python"
ROUNDS = 3
"""How often each contestant runs, in turns."""
ONE_THREAD = dict.fromkeys(
    [
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"),
        *("POLARS_MAX_THREADS", "ARROW_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    ],
    "1",
)
QUIET = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1", "MPLBACKEND": "agg"}
"""The peers would tell their makers that they run."""

Measured = Mapping[str, Any]
"""What a contestant wrote with measuring.write."""


class PeersMissing(RuntimeError):
    """The peers' environment is not there; the text says how to make it."""


class Disagreement(RuntimeError):
    """Two contestants did not count the same, so their times mean nothing."""


@dataclass(frozen=True)
class Contestant:
    """A program of this folder, and whether it runs in the peers' environment."""

    name: str
    peer: bool = False


OURS, PLAIN, NANNYML, EVIDENTLY = (
    Contestant("ours"),
    Contestant("plain"),
    Contestant("nannyml", peer=True),
    Contestant("evidently", peer=True),
)
CONTESTANTS = (OURS, PLAIN, NANNYML, EVIDENTLY)


def check_peers() -> None:
    """Raises PeersMissing."""
    if not PEERS.exists():
        raise PeersMissing(f"{PEERS} is missing, so nothing can be compared: run `make .venv-peers/.installed`")


def write_reference(path: Path) -> None:
    """The reference that tidewatch and the plain pipeline count against, from the training rows."""
    trained = data.training()
    numbers = {name: trained.numeric[:, at] for at, name in enumerate(data.NUMERIC)}
    named = {
        name: [values[code] for code in trained.codes[:, at].tolist()]
        for at, (name, values) in enumerate(data.CATEGORIES.items())
    }
    path.write_bytes(build({**numbers, **named}, score=(data.SCORE, trained.score)).encode())


def contest(
    records: int = data.RECORDS, rounds: int = ROUNDS, told: Callable[[str], object] = print
) -> dict[str, list[Measured]]:
    """The runs of each contestant by its name, turn by turn.

    Raises PeersMissing, and Disagreement where counts differ.
    """
    check_peers()
    file, training = data.captured(records), data.training_file()
    runs: dict[str, list[Measured]] = {each.name: [] for each in CONTESTANTS}
    with tempfile.TemporaryDirectory() as folder:
        reference = Path(folder) / "reference.json"
        write_reference(reference)
        for turn in range(rounds):
            for each in CONTESTANTS:
                told(f"{each.name}, run {turn + 1} of {rounds}")
                runs[each.name].append(run(each, file, training if each.peer else reference, Path(folder)))
        _compare(Path(folder), runs, records)
    return runs


def run(contestant: Contestant, file: Path, reference: Path, folder: Path, *arguments: str) -> Measured:
    """One run of a contestant, and what it told of itself."""
    out = folder / f"{contestant.name}.json"
    python = str(PEERS) if contestant.peer else sys.executable
    program = [python, "-m", f"bench.drift.{contestant.name}", str(file), str(reference), str(out), *arguments]
    # Compiled modules are kept, as on any machine that runs a job a second time.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, **ONE_THREAD, **QUIET}
    done = subprocess.run(
        program, cwd=data.ROOT, env=environment, preexec_fn=_one_processor, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{contestant.name} failed, so there is no figure of it:\n{done.stderr.strip()[-2000:]}")
    return json.loads(out.read_text())


def _one_processor() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def processor_seconds(measured: Measured) -> float:
    """Of the whole process, from its start: what a job that runs once an hour pays."""
    return measured["import_cpu_s"] + measured["cpu_s"]


def _compare(folder: Path, runs: Mapping[str, list[Measured]], records: int) -> None:
    for name, measured in runs.items():
        if any(one["records"] != records for one in measured):
            raise Disagreement(f"{name} did not read {records:,} records: find out why before it is timed")
    if (folder / "ours.profile").read_bytes() != (folder / "plain.profile").read_bytes():
        raise Disagreement("tidewatch and the plain pipeline did not count the same: find out which is wrong first")
