"""False alarms and detection rates of the verdicts, next to Evidently's, for docs/drift-false-alarms.md."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.table import Table

from bench import column_kinds, false_alarms, verdict_rates
from bench.drift.comparison import NO_TELEMETRY, PEERS, require_peers
from bench.drift.dataset import ROOT
from bench.populations import Columns
from bench.verdict_rates import VerdictRates

DOCUMENT = ROOT / "docs" / "drift-false-alarms.md"
SEED = 1
PEER_WINDOWS = 10


@dataclass
class EvidentlyProcess:
    """Evidently in its own environment, which judges one pair of tables after another with its defaults."""

    process: subprocess.Popen[str]
    folder: Path
    version: str
    answers: list[tuple[int, bool]] = field(default_factory=list)
    """For each pair of tables, the number of columns with drift, and whether the whole table drifts."""

    def __call__(self, reference: Columns, window: Columns) -> bool:
        """Whether Evidently finds drift in any column; appends the result to `answers`."""
        file = self.folder / "tables.npz"
        tables = {"reference": reference, "window": window}
        arrays = {
            f"{table}/{name}": column
            for table, columns_by_name in tables.items()
            for name, column in columns_by_name.items()
        }
        np.savez(file, allow_pickle=False, **arrays)
        assert self.process.stdin is not None
        self.process.stdin.write(f"{file}\n")
        self.process.stdin.flush()
        columns, table = _read_line(self.process).split()
        self.answers.append((int(columns), table == "1"))
        return int(columns) > 0


@contextmanager
def start_evidently() -> Iterator[EvidentlyProcess]:
    """Starts Evidently, and ends it. Raises PeersMissing."""
    require_peers()
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [str(PEERS), "-m", "bench.drift.evidently_windows"],
            cwd=ROOT, env={**os.environ, **NO_TELEMETRY}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as process,
    ):  # fmt: skip
        yield EvidentlyProcess(process, Path(folder), _read_line(process).strip())


def _read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("Evidently ended in the middle of the windows: its message stands above")
    return line


@dataclass(frozen=True)
class PeerRates:
    """Evidently's verdicts on the windows of a row."""

    rates: VerdictRates
    any_column: float
    """The share of the windows in which any column drifts."""
    table: float
    """The share of the windows in which the whole table drifts."""
    columns: float
    """The mean number of columns that drift."""


def compute_peer_rates(rows: Sequence[VerdictRates], answers: Sequence[tuple[int, bool]]) -> list[PeerRates]:
    """Returns the rates of each row.

    `answers` are those to the windows of the first row, then of the second, and so on.
    """
    remaining, peer_rates = list(answers), list[PeerRates]()
    for row in rows:
        row_answers, remaining = remaining[: row.peer_windows], remaining[row.peer_windows :]
        columns, tables = [count for count, _ in row_answers], [table for _, table in row_answers]
        shares = (np.mean([count > 0 for count in columns]), np.mean(tables), np.mean(columns))
        peer_rates.append(PeerRates(row, *map(float, shares)))
    return peer_rates


TABLE_HEADINGS = (
    "scenario", "reference rows", "window rows", "windows", "a column drifts", "the table drifts", "columns, mean",
)  # fmt: skip


def format_cells(rates: PeerRates) -> tuple[str, ...]:
    """Returns a row's cells as they are printed."""
    row = rates.rates
    where = (row.scenario, f"{row.reference_rows:,}", f"{row.window_rows:,}", f"{row.peer_windows:,}")
    return (*where, f"{rates.any_column:.0%}", f"{rates.table:.0%}", f"{rates.columns:.1f} of 25")


def render_table(peer_rates: Sequence[PeerRates], version: str) -> Table:
    """Returns Evidently's verdicts as a table for a terminal."""
    table = Table(*TABLE_HEADINGS, title=f"Evidently {version}, by its defaults", title_justify="left", box=None)
    for rates in peer_rates:
        table.add_row(*format_cells(rates))
    return table


def render_document(
    rows: Sequence[VerdictRates], kinds: Sequence[VerdictRates], peer_rates: Sequence[PeerRates], version: str
) -> str:
    """Returns the text of docs/drift-false-alarms.md."""
    own = verdict_rates.render_markdown([VerdictRates(**{**vars(row), "peer": None}) for row in rows])
    no_drift_table = verdict_rates.render_by_window(
        [row for row in kinds if row.scenario.endswith(column_kinds.NO_DRIFT)]
    )
    drift_table = verdict_rates.render_markdown(
        [row for row in kinds if not row.scenario.endswith(column_kinds.NO_DRIFT)]
    )
    peer = verdict_rates.render_markdown_table(TABLE_HEADINGS, map(format_cells, peer_rates))
    return f"""# How often the verdicts are wrong

Written by `make bench` (seed {SEED}, numpy {np.__version__}, Evidently {version}): edit
bench/drift/verdict_comparison.py.

Windows are drawn from a population of 25 columns, 20 numbers, 4 categories and a score, that are independent of one
another: smooth, heavy-tailed, tied, almost constant and often missing ones are among them. A verdict is the model's,
its worst column's. Where nothing drifts, at most 1% of the windows may be `drift` and 1% `warning`; a drift must be
found, as `drift` or `warning`, in at least 99% (1.5 sigma in a small sample: as `drift`).

{own}
## Columns of one kind

A fault of the judgement may hide among 25 columns. So columns of one kind each are judged alone, which no other column
makes more lenient: many equal values, rare ones by Zipf's law, two values as numbers and as words, values that training
never saw, zeros among other numbers. Where nothing drifts, `drift / warning` in windows of so many rows; the same is
promised.

{no_drift_table}
What is found of them: as above, and as `drift` where one value takes 40% or all of the rows, 6% of them are new, or the
numbers beside 70% of zeros are five times as large. Of new values 1.5% are under the two points of a warning, and are
to be `ok`, whatever the size of the training. So are the numbers beside 90% of zeros where they double, by which a
fortieth of all values moves. A share that moves by just the points of a limit is found in half of the windows, by the
luck of sampling: six points are asked for in windows of 50,000 rows and ten in those of 5,000.

{drift_table}
## Evidently

Evidently's defaults are asked about windows of rows from the population of 25 columns; fewer, because each takes it
about a second. It chooses a test by the size of the reference, and by default calls a table drifting when half of its
columns are; a column without any value in a window is left out for it.

{peer}"""


def measure_verdicts(
    windows: int = verdict_rates.WINDOWS,
) -> tuple[list[VerdictRates], list[VerdictRates], list[PeerRates], str]:
    """Returns the rows of the population, those of single columns, Evidently's rates for the first, and its version."""
    kinds = column_kinds.measure_table(windows, seed=SEED)
    with start_evidently() as peer:
        rows = false_alarms.measure_table(windows, seed=SEED, peer=peer, peer_windows=PEER_WINDOWS)
        return rows, kinds, compute_peer_rates(rows, peer.answers), peer.version
