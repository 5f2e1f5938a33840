"""Reads a million mutated records, gzip streams and references as the drift job does: `python -m bench.fuzz`.

Exit code 1 where an exception leaves the reader, a record is lost or counted twice, or one takes more than a second of
a processor or 200 MiB; the smallest example of each fault is then in out/fuzz, and is read again by naming it:
`python -m bench.fuzz FILE`.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

from bench.fuzz.campaign import Costliest, Found, run
from bench.fuzz.corpus import models
from bench.fuzz.reading import RECORDS, REFERENCES, STREAMS, Fault, read_one

EXAMPLES = 1_000_000
SEED = 1
PROCESSES = 2
OUT = Path(__file__).resolve().parents[2] / "out" / "fuzz"
_ENDINGS = {RECORDS: ".jsonl", STREAMS: ".jsonl.gz", REFERENCES: ".json"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what was read, what the costliest record took, and every fault; 1 where there is one."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="read these again, instead of new ones")
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    parser.add_argument("--seed", type=int, default=SEED, help="another one makes other examples")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    given = parser.parse_args(arguments)
    console = Console()
    if given.files:
        return max([_again(file, console) for file in given.files])
    began = time.monotonic()
    found = _run(given.examples, given.seed, given.processes, console)
    told = ", ".join(f"{count:,} {what}" for what, count in sorted(found.examples.items(), key=lambda item: -item[1]))
    console.print(f"seed {given.seed}: {told}, in {time.monotonic() - began:,.0f} s", highlight=False)
    console.print(f"{found.read:,} read = {found.parsed:,} parsed or taken + {found.read - found.parsed:,} rejected")
    for name, one in (("slowest", found.slowest), ("largest", found.largest)):
        console.print(f"{name}: {_shown(one)}", highlight=False)
    for fault in found.faults.values():
        console.print(f"{fault.told}: {_saved(fault)}", style="red", highlight=False, soft_wrap=True)
    return 1 if found.faults else 0


def _run(examples: int, seed: int, processes: int, console: Console) -> Found:
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("fuzz", total=examples)

        def heard(done: int, found: Found) -> None:
            faults = f", {len(found.faults)} faults" if found.faults else ""
            worst = f"{found.slowest.read.seconds:.2f} s, {found.largest.read.mib:.0f} MiB"
            progress.update(task, completed=done, description=f"fuzz, at most {worst}{faults}")

        return run(examples, seed, processes, heard)


def _shown(one: Costliest) -> str:
    return f"{one.read.seconds:.2f} s, {one.read.mib:.0f} MiB: {one.told}"


def _saved(fault: Fault) -> Path:
    """Writes the example down; the model that it was read against stands in its name."""
    name = f"{hashlib.sha256(fault.data).hexdigest()[:12]}.model{fault.model}{_ENDINGS[fault.what]}"
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_bytes(fault.data)
    return OUT / name


def _again(file: Path, console: Console) -> int:
    """Reads a file that a run left."""
    what = next(what for what in (STREAMS, RECORDS, REFERENCES) if file.name.endswith(_ENDINGS[what]))
    known = models()
    which = next((at for at in range(len(known)) if f".model{at}." in file.name), 0)
    found = read_one(known[which], what, file.read_bytes())
    console.print(f"{file}: {found.seconds:.2f} s, {found.mib:.0f} MiB, {found.fault or 'no fault'}", highlight=False)
    return 1 if found.fault else 0


if __name__ == "__main__":
    raise SystemExit(main())
