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

from bench.fuzz.campaign import CampaignResult, CostliestExample, run_campaign
from bench.fuzz.corpus import build_models
from bench.fuzz.oracle import RECORDS, REFERENCES, STREAMS, FuzzFault, read_one

EXAMPLES = 1_000_000
SEED = 1
PROCESSES = 2
OUT = Path(__file__).resolve().parents[2] / "out" / "fuzz"
_SUFFIXES = {RECORDS: ".jsonl", STREAMS: ".jsonl.gz", REFERENCES: ".json"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what was read, the costs of the costliest record, and every fault; returns 1 if there is one."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="read these again, instead of new ones")
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    parser.add_argument("--seed", type=int, default=SEED, help="another one makes other examples")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    options = parser.parse_args(arguments)
    console = Console()
    if options.files:
        return max([_replay_file(file, console) for file in options.files])
    began = time.monotonic()
    result = _run_with_progress(options.examples, options.seed, options.processes, console)
    counts_text = ", ".join(
        f"{count:,} {what}" for what, count in sorted(result.examples.items(), key=lambda item: -item[1])
    )
    console.print(f"seed {options.seed}: {counts_text}, in {time.monotonic() - began:,.0f} s", highlight=False)
    console.print(
        f"{result.read:,} read = {result.parsed:,} parsed or taken + {result.read - result.parsed:,} rejected"
    )
    for name, costliest in (("slowest", result.slowest), ("largest", result.largest)):
        console.print(f"{name}: {_format_costliest(costliest)}", highlight=False)
    for fault in result.faults.values():
        console.print(f"{fault.description}: {_save_example(fault)}", style="red", highlight=False, soft_wrap=True)
    return 1 if result.faults else 0


def _run_with_progress(examples: int, seed: int, processes: int, console: Console) -> CampaignResult:
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("fuzz", total=examples)

        def show_progress(done: int, result: CampaignResult) -> None:
            faults = f", {len(result.faults)} faults" if result.faults else ""
            worst = f"{result.slowest.result.seconds:.2f} s, {result.largest.result.mib:.0f} MiB"
            progress.update(task, completed=done, description=f"fuzz, at most {worst}{faults}")

        return run_campaign(examples, seed, processes, show_progress)


def _format_costliest(costliest: CostliestExample) -> str:
    return f"{costliest.result.seconds:.2f} s, {costliest.result.mib:.0f} MiB: {costliest.description}"


def _save_example(fault: FuzzFault) -> Path:
    """Writes the example to a file, whose name contains the model that it was read against."""
    name = f"{hashlib.sha256(fault.data).hexdigest()[:12]}.model{fault.model}{_SUFFIXES[fault.input_kind]}"
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / name).write_bytes(fault.data)
    return OUT / name


def _replay_file(file: Path, console: Console) -> int:
    """Reads a file that a run left."""
    input_kind = next(what for what in (STREAMS, RECORDS, REFERENCES) if file.name.endswith(_SUFFIXES[what]))
    fuzz_models = build_models()
    model_index = next((index for index in range(len(fuzz_models)) if f".model{index}." in file.name), 0)
    read_result = read_one(fuzz_models[model_index], input_kind, file.read_bytes())
    console.print(
        f"{file}: {read_result.seconds:.2f} s, {read_result.mib:.0f} MiB, {read_result.fault or 'no fault'}",
        highlight=False,
    )
    return 1 if read_result.fault else 0


if __name__ == "__main__":
    raise SystemExit(main())
