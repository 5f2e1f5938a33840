"""tidewatch's own reading, counting and judging of a file of captured records: `python -m bench.drift.ours`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from bench.drift import measuring
from tidewatch.capture.lines import blocks
from tidewatch.drift import reference as references
from tidewatch.drift.counting import counter
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference
from tidewatch.drift.verdict import judge


def main(file: Path, reference_file: Path, out: Path) -> None:
    """Measures itself, and writes its profile beside what it measured."""
    began = measuring.now()
    reference = references.decode(reference_file.read_bytes(), str(reference_file))
    profile = count(file, reference)
    counted = measuring.now()
    verdict = judge(reference, profile)
    judged = measuring.now()
    out.with_suffix(".profile").write_bytes(profile.encode())
    measuring.write(
        out,
        records=profile.accounting.read,
        imports=began,
        phases={"decode and count": counted - began, "statistics": judged - counted},
        versions={"numpy": np.__version__},
        rejected=profile.accounting.rejected_total,
        verdict=str(verdict.verdict),
    )


def count(file: Path, reference: Reference) -> Profile:
    """The profile of a file, as the drift job counts it."""
    counting = counter(reference)
    with file.open("rb", buffering=0) as stream:
        for block in blocks(stream):
            counting.count(block, file.name)
    return counting.profile()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
