"""What is measured of verdicts at one size, what is promised of it, and how it is written down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from rich.table import Table

from bench.populations import Laws
from tidewatch.capture.accounting import Accounting
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Reference
from tidewatch.drift.verdict import Verdict

SIZES = (50, 500, 5_000, 50_000)
WINDOWS = 1_000
REFERENCES = (100_000, 1_000)
"""Rows of the references."""
WINDOWS_A_REFERENCE = 50
"""Then another reference is drawn: it is a sample too, and an unlucky one would alarm in all of its windows."""
LIMIT = 0.01
POWER = 0.99


class Promise(Enum):
    """What is promised of a scenario's windows."""

    QUIET = auto()
    """At most LIMIT of them are a drift, and at most LIMIT a warning."""
    FOUND = auto()
    """At least POWER of them are a drift or a warning."""
    DRIFT = auto()
    """At least POWER of them are a drift."""


@dataclass(frozen=True)
class Row:
    """A scenario at one size: shares of the windows that got a verdict; `peer` is None where no peer was asked."""

    scenario: str
    reference_rows: int
    window_rows: int
    windows: int
    drift: float
    warning: float
    peer: float | None = None
    peer_windows: int = 0
    promise: Promise = Promise.QUIET

    @property
    def found(self) -> float:
        """The share of the windows whose verdict tells of the drift as is promised."""
        return self.drift if self.promise is Promise.DRIFT else self.drift + self.warning


def counted(scenario: str, promise: Promise, reference_rows: int, window_rows: int, found: Sequence[Verdict]) -> Row:
    """The row of so many verdicts."""
    drift, warning = (found.count(verdict) / len(found) for verdict in (Verdict.DRIFT, Verdict.WARNING))
    return Row(scenario, reference_rows, window_rows, len(found), drift, warning, promise=promise)


def profiles(reference: Reference, now: Laws, rows: int, windows: int, rng: np.random.Generator) -> Iterator[Profile]:
    """Windows of `rows` rows drawn from the columns' laws, counted against the reference."""
    drawn = [rng.multinomial(rows, now[feature.name].shares(feature), windows) for feature in reference.measured]
    for at in range(windows):
        yield Profile(reference.digest, Accounting(rows, rows), rows, tuple(each[at] for each in drawn))


def misses(rows: Iterable[Row]) -> list[str]:
    """A sentence for each row that does not hold what is promised."""
    faults: list[str] = []
    for row in rows:
        where = f"{row.scenario}, {row.window_rows} rows against {row.reference_rows}"
        if row.promise is Promise.QUIET:
            if row.drift > LIMIT or row.warning > LIMIT:
                faults.append(f"{where}: {row.drift:.1%} drift and {row.warning:.1%} warning, each at most {LIMIT:.0%}")
        elif row.found < POWER:
            faults.append(f"{where}: found in {row.found:.1%} of the windows, at least {POWER:.0%}")
    return faults


HEAD = ("scenario", "reference rows", "window rows", "windows", "drift", "warning")


def cells(row: Row) -> tuple[str, ...]:
    """A row as it is printed; the peer's share last, where it was asked."""
    own = (row.scenario, f"{row.reference_rows:,}", f"{row.window_rows:,}", f"{row.windows:,}")
    shares = (f"{row.drift:.1%}", f"{row.warning:.1%}")
    return (*own, *shares) if row.peer is None else (*own, *shares, f"{row.peer:.0%} of {row.peer_windows}")


def shown(rows: Sequence[Row], peer: str = "") -> Table:
    """The rows for a terminal."""
    printed = Table(*HEAD, *([peer] if peer else []), title="verdicts", title_justify="left", box=None)
    for row in rows:
        printed.add_row(*cells(row))
    return printed


def markdown(rows: Sequence[Row], peer: str = "") -> str:
    """The rows as a Markdown table."""
    return written((*HEAD, *([peer] if peer else [])), [cells(row) for row in rows])


def written(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ("---",) * len(head), *lines))


def by_window(rows: Sequence[Row]) -> str:
    """A Markdown table with the sizes of windows beside each other, `drift / warning` in each cell."""
    sizes = sorted({row.window_rows for row in rows})
    shares = {(row.scenario, row.reference_rows, row.window_rows): row for row in rows}
    lines: list[tuple[str, ...]] = []
    for scenario, trained in dict.fromkeys((row.scenario, row.reference_rows) for row in rows):
        found = [shares.get((scenario, trained, size)) for size in sizes]
        told = ("" if row is None else f"{row.drift:.1%} / {row.warning:.1%}" for row in found)
        lines.append((scenario, f"{trained:,}", *told))
    return written(("column", "reference rows", *(f"{size:,}" for size in sizes)), lines)
