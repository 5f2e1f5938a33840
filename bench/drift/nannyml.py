"""NannyML's univariate drift, Kolmogorov-Smirnov and chi-squared: `python -m bench.drift.nannyml`, in .venv-peers."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import nannyml

from bench.drift import measurement, pandas_tables
from bench.drift.dataset import CATEGORIES, COLUMNS, SCORE


def main(file: Path, training: Path, out: Path) -> None:
    """Measures itself. All records are one chunk, because the verdict is about the hour and not about parts of it."""
    warnings.simplefilter("ignore")
    began = measurement.read_clocks()
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=[*COLUMNS, SCORE],
        treat_as_categorical=list(CATEGORIES),
        continuous_methods=["kolmogorov_smirnov"],
        categorical_methods=["chi2"],
        chunk_number=1,
    )
    calculator.fit(pandas_tables.read_training(training))
    fitted = measurement.read_clocks()
    table = pandas_tables.read_captured(file)
    decoded = measurement.read_clocks()
    # Not filtered by period, because that would copy both tables. The last row is the records' chunk.
    result = calculator.calculate(table).to_df()
    calculated = measurement.read_clocks()
    measurement.write_measurement(
        out,
        records=len(table),
        imports=began,
        phases={"fit": fitted - began, "decode": decoded - fitted, "statistics": calculated - decoded},
        versions={"nannyml": nannyml.__version__, **pandas_tables.VERSIONS},
        alerts=int(sum(bool(result[name, method, "alert"].iloc[-1]) for name, method in _list_methods())),
    )


def _list_methods() -> list[tuple[str, str]]:
    return [(name, "chi2" if name in CATEGORIES else "kolmogorov_smirnov") for name in (*COLUMNS, SCORE)]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
