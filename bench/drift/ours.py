"""tidewatch reads, counts and judges a file of captured records: `python -m bench.drift.ours`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from bench.drift import measurement
from tidewatch.capture.line_reader import read_blocks
from tidewatch.drift import reference as references
from tidewatch.drift.counting.line_counter import create_counter
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference
from tidewatch.drift.statistics import judge_profile


def main(file: Path, reference_file: Path, out: Path) -> None:
    """Measures itself, and writes its profile next to the measurement."""
    began = measurement.read_clocks()
    reference = references.decode_reference(reference_file.read_bytes(), str(reference_file))
    profile = count_file(file, reference)
    counted = measurement.read_clocks()
    verdict = judge_profile(reference, profile)
    judged = measurement.read_clocks()
    out.with_suffix(".profile").write_bytes(profile.encode())
    measurement.write_measurement(
        out,
        records=profile.accounting.read,
        imports=began,
        phases={"decode and count": counted - began, "statistics": judged - counted},
        versions={"numpy": np.__version__},
        rejected=profile.accounting.rejected_total,
        verdict=str(verdict.verdict),
    )


def count_file(file: Path, reference: Reference) -> Profile:
    """Returns the profile of a file, as the drift job counts it."""
    line_counter = create_counter(reference)
    with file.open("rb", buffering=0) as stream:
        for block in read_blocks(stream):
            line_counter.count(block, file.name)
    return line_counter.profile()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
