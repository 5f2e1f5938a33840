"""Evidently's drift preset with PSI for every column: `python -m bench.drift.evidently`, in .venv-peers."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import evidently
from evidently.metrics import ValueDrift
from evidently.presets import DataDriftPreset

from bench.drift import frames, measuring
from bench.drift.data import CATEGORIES, COLUMNS, NUMERIC, SCORE

DEFINITION = evidently.DataDefinition(
    numerical_columns=[*NUMERIC, SCORE], categorical_columns=list(CATEGORIES)
)  # fmt: skip


def main(file: Path, training: Path, out: Path) -> None:
    """Measures itself; afterwards the metrics of the columns alone, which is less than the preset's report."""
    warnings.simplefilter("ignore")
    began = measuring.now()
    rows = frames.trained(training)
    loaded = measuring.now()
    table = frames.captured(file)
    decoded = measuring.now()
    reference = evidently.Dataset.from_pandas(rows, data_definition=DEFINITION)
    current = evidently.Dataset.from_pandas(table, data_definition=DEFINITION)
    found = evidently.Report([DataDriftPreset(method="psi")]).run(current, reference).dict()
    reported = measuring.now()
    columns_only = evidently.Report([ValueDrift(column=name, method="psi") for name in (*COLUMNS, SCORE)])
    columns_only.run(current, reference).dict()
    again = measuring.now()
    measuring.write(
        out,
        records=len(table),
        imports=began,
        phases={"load": loaded - began, "decode": decoded - loaded, "statistics": reported - decoded},
        versions={"evidently": evidently.__version__, **frames.VERSIONS},
        drifted=int(found["metrics"][0]["value"]["count"]),
        columns_only_cpu_s=round((again - reported).cpu, 3),
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
