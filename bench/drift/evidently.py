"""Evidently's drift preset with PSI for every column: `python -m bench.drift.evidently`, in .venv-peers."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import evidently
from evidently.metrics import ValueDrift
from evidently.presets import DataDriftPreset

from bench.drift import measurement, pandas_tables
from bench.drift.dataset import CATEGORIES, COLUMNS, NUMERIC, SCORE

DATA_DEFINITION = evidently.DataDefinition(
    numerical_columns=[*NUMERIC, SCORE], categorical_columns=list(CATEGORIES)
)  # fmt: skip


def main(file: Path, training: Path, out: Path) -> None:
    """Measures itself, then the metrics of the columns alone, which are less than the preset's report."""
    warnings.simplefilter("ignore")
    began = measurement.read_clocks()
    training_table = pandas_tables.read_training(training)
    loaded = measurement.read_clocks()
    table = pandas_tables.read_captured(file)
    decoded = measurement.read_clocks()
    reference = evidently.Dataset.from_pandas(training_table, data_definition=DATA_DEFINITION)
    current = evidently.Dataset.from_pandas(table, data_definition=DATA_DEFINITION)
    result = evidently.Report([DataDriftPreset(method="psi")]).run(current, reference).dict()
    reported = measurement.read_clocks()
    columns_only = evidently.Report([ValueDrift(column=name, method="psi") for name in (*COLUMNS, SCORE)])
    columns_only.run(current, reference).dict()
    again = measurement.read_clocks()
    measurement.write_measurement(
        out,
        records=len(table),
        imports=began,
        phases={"load": loaded - began, "decode": decoded - loaded, "statistics": reported - decoded},
        versions={"evidently": evidently.__version__, **pandas_tables.VERSIONS},
        drifted=int(result["metrics"][0]["value"]["count"]),
        columns_only_cpu_s=round((again - reported).cpu, 3),
    )


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
