"""False alarms and power of the verdicts, with Evidently's beside them, kept in docs/drift-false-alarms.md."""

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

from bench import alarm_rows, column_kinds, false_alarms
from bench.alarm_rows import Row
from bench.drift.contest import PEERS, QUIET, check_peers
from bench.drift.data import ROOT
from bench.populations import Columns

DOCUMENT = ROOT / "docs" / "drift-false-alarms.md"
SEED = 1
PEER_WINDOWS = 10


@dataclass
class Evidently:
    """Evidently in its own environment, asked by its defaults about one pair of tables after another."""

    process: subprocess.Popen[str]
    folder: Path
    version: str
    answers: list[tuple[int, bool]] = field(default_factory=list)

    def __call__(self, reference: Columns, window: Columns) -> bool:
        """Whether it finds drift in any column. What it says is kept in `answers`: columns, and the whole table."""
        file = self.folder / "tables.npz"
        tables = {"reference": reference, "window": window}
        arrays = {f"{table}/{name}": column for table, held in tables.items() for name, column in held.items()}
        np.savez(file, allow_pickle=False, **arrays)
        assert self.process.stdin is not None
        self.process.stdin.write(f"{file}\n")
        self.process.stdin.flush()
        columns, table = _line(self.process).split()
        self.answers.append((int(columns), table == "1"))
        return int(columns) > 0


@contextmanager
def evidently() -> Iterator[Evidently]:
    """Starts it, and ends it. Raises PeersMissing."""
    check_peers()
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [str(PEERS), "-m", "bench.drift.evidently_windows"],
            cwd=ROOT, env={**os.environ, **QUIET}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as process,
    ):  # fmt: skip
        yield Evidently(process, Path(folder), _line(process).strip())


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("Evidently ended in the middle of the windows: its message stands above")
    return line


@dataclass(frozen=True)
class Said:
    """What Evidently said of a row's windows: shares with any column drifting, and with the whole table; the mean
    number of columns that drift."""

    row: Row
    any_column: float
    table: float
    columns: float


def said(rows: Sequence[Row], answers: Sequence[tuple[int, bool]]) -> list[Said]:
    """`answers` are those to the windows of the first row, then of the second, and so on."""
    left, found = list(answers), list[Said]()
    for row in rows:
        own, left = left[: row.peer_windows], left[row.peer_windows :]
        columns, tables = [count for count, _ in own], [table for _, table in own]
        shares = (np.mean([count > 0 for count in columns]), np.mean(tables), np.mean(columns))
        found.append(Said(row, *map(float, shares)))
    return found


HEAD = (
    "scenario", "reference rows", "window rows", "windows", "a column drifts", "the table drifts", "columns, mean",
)  # fmt: skip


def cells(one: Said) -> tuple[str, ...]:
    """A row as it is printed."""
    row = one.row
    where = (row.scenario, f"{row.reference_rows:,}", f"{row.window_rows:,}", f"{row.peer_windows:,}")
    return (*where, f"{one.any_column:.0%}", f"{one.table:.0%}", f"{one.columns:.1f} of 25")


def shown(found: Sequence[Said], version: str) -> Table:
    """Evidently's verdicts for a terminal."""
    table = Table(*HEAD, title=f"Evidently {version}, by its defaults", title_justify="left", box=None)
    for one in found:
        table.add_row(*cells(one))
    return table


def document(rows: Sequence[Row], kinds: Sequence[Row], found: Sequence[Said], version: str) -> str:
    """The text of docs/drift-false-alarms.md."""
    own = alarm_rows.markdown([Row(**{**vars(row), "peer": None}) for row in rows])
    still = alarm_rows.by_window([row for row in kinds if row.scenario.endswith(column_kinds.STILL)])
    moved = alarm_rows.markdown([row for row in kinds if not row.scenario.endswith(column_kinds.STILL)])
    peer = alarm_rows.written(HEAD, map(cells, found))
    return f"""# How often the verdicts are wrong

Written by `make bench` (seed {SEED}, numpy {np.__version__}, Evidently {version}): edit bench/drift/verdicts.py.

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

{still}
What is found of them: as above, and as `drift` where one value takes 40% or all of the rows, 6% of them are new, or the
numbers beside 70% of zeros are five times as large. Of new values 1.5% are under the two points of a warning, and are
to be `ok`, whatever the size of the training. So are the numbers beside 90% of zeros where they double, by which a
fortieth of all values moves. A share that moves by just the points of a limit is found in half of the windows, by the
luck of sampling: six points are asked for in windows of 50,000 rows and ten in those of 5,000.

{moved}
## Evidently

Evidently's defaults are asked about windows of rows from the population of 25 columns; fewer, because each takes it
about a second. It chooses a test by the size of the reference, and by default calls a table drifting when half of its
columns are; a column without any value in a window is left out for it.

{peer}"""


def verdicts(windows: int = alarm_rows.WINDOWS) -> tuple[list[Row], list[Row], list[Said], str]:
    """The rows of the population, those of columns of one kind, what Evidently said of the first, and its version."""
    kinds = column_kinds.table(windows, seed=SEED)
    with evidently() as peer:
        rows = false_alarms.table(windows, seed=SEED, peer=peer, peer_windows=PEER_WINDOWS)
        return rows, kinds, said(rows, peer.answers), peer.version
