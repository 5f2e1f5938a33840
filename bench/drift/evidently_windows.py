"""Evidently's default verdicts for one pair of tables after another; runs in .venv-peers.

Reads one path of an .npz file per line, with arrays named reference/COLUMN and window/COLUMN. Prints one line for each:
the number of columns with drift, and 1 if Evidently finds drift in the whole table.
"""

from __future__ import annotations

import sys
import warnings

import evidently
import numpy as np
import pandas as pd
from evidently.metrics import DriftedColumnsCount


def judge_window(reference: pd.DataFrame, window: pd.DataFrame) -> tuple[int, bool]:
    """Returns the number of columns with drift, and whether the table drifts: by default, if half of its columns do.

    Evidently refuses a column without any value. Such a column is left out, as a user would have to do.
    """
    usable_columns = [name for name in window if reference[name].notna().any() and window[name].notna().any()]
    numbers = [name for name in usable_columns if pd.api.types.is_numeric_dtype(reference[name])]
    definition = evidently.DataDefinition(
        numerical_columns=numbers, categorical_columns=[name for name in usable_columns if name not in numbers]
    )
    tables = [
        evidently.Dataset.from_pandas(each[usable_columns], data_definition=definition) for each in (window, reference)
    ]
    drift_count = evidently.Report([DriftedColumnsCount()]).run(*tables).dict()["metrics"][0]["value"]
    return int(drift_count["count"]), bool(drift_count["share"] >= 0.5)


def load_tables(path: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the reference's table and the window's table."""
    with np.load(path) as arrays:
        split: dict[str, dict[str, object]] = {"reference": {}, "window": {}}
        for key in arrays.files:
            table, _, column = key.partition("/")
            split[table][column] = arrays[key]
    return pd.DataFrame(split["reference"]), pd.DataFrame(split["window"])


def main() -> None:
    """Prints verdicts until its input ends."""
    warnings.simplefilter("ignore")
    print(evidently.__version__, flush=True)
    for line in sys.stdin:
        columns, table = judge_window(*load_tables(line.rstrip("\n")))
        print(columns, int(table), flush=True)


if __name__ == "__main__":
    main()
