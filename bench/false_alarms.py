"""How often a window is called drifting where nothing drifts, and how often drift is found where there is some.

Windows are drawn from known populations. A window's counts in a reference's bins are multinomial, so they are drawn as
such, without drawing rows; the reference itself is built from rows. A peer, which wants rows, gets rows.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from tidewatch.capture.accounting import Accounting
from tidewatch.drift.binning import Categories
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import Counts, Feature, NumericFeature, Reference
from tidewatch.drift.training import build
from tidewatch.drift.verdict import Verdict, judge

SIZES = (50, 500, 5_000, 50_000)
WINDOWS = 1_000
REFERENCES = (100_000, 1_000)
"""Rows of the references."""
WINDOWS_A_REFERENCE = 50
"""Then another reference is drawn: it is a sample too, and an unlucky one would alarm in all of its windows."""
POPULATION = 400_000
SCORE = "score"
LIMIT = 0.01
POWER = 0.99

Column: TypeAlias = npt.NDArray[Any]
Columns: TypeAlias = Mapping[str, Column]
"""Feature -> a value a row: float64 with NaN where missing, or str. The score is among them."""
Laws: TypeAlias = "dict[str, Law]"
Peer: TypeAlias = Callable[[Columns, Columns], bool]
"""Whether another tool, by its defaults, says that the second table drifted from the first."""


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

    @property
    def said(self) -> float:
        return self.drift + self.warning


@dataclass(frozen=True)
class Scenario:
    """What happens to one column of the population, and the sizes at which it must be found; none for no drift."""

    name: str
    column: str = ""
    change: Callable[[Column, np.random.Generator], Column] = lambda column, _: column
    reference_rows: int = 100_000
    window_rows: int = 5_000
    drift_only: bool = False

    def at(self, reference_rows: int, window_rows: int) -> Scenario:
        """The same at other sizes."""
        return replace(self, reference_rows=reference_rows, window_rows=window_rows)


def population(rng: np.random.Generator, rows: int = POPULATION) -> dict[str, Column]:
    """25 columns of independent rows: 20 numbers of many shapes, 4 categories, a score."""
    score = rng.beta(2, 5, rows).astype(np.float32).astype(np.float64)
    return {**numbers(rng, rows), **categories(rng, rows), SCORE: score}


def numbers(rng: np.random.Generator, rows: int) -> dict[str, Column]:
    """Smooth, heavy-tailed, discrete, tied, almost and quite constant ones, and ones with missing values."""
    normal = rng.standard_normal
    return {
        "normal": normal(rows),
        "sparse": gapped(normal(rows), 0.01, rng),
        "gapped": gapped(rng.gamma(2.0, 3.0, rows), 0.2, rng),
        "seldom": gapped(normal(rows), 0.95, rng),
        "lognormal": rng.lognormal(0, 2, rows),
        "exponential": rng.exponential(30.0, rows),
        "uniform": rng.uniform(-1, 1, rows),
        "heavy": rng.standard_t(1.5, rows),
        "two humps": np.where(rng.random(rows) < 0.3, normal(rows) - 4, normal(rows) + 4),
        "u-shaped": rng.beta(0.4, 0.4, rows),
        "capped": np.minimum(rng.exponential(1.0, rows), 2.0),
        "rounded": np.round(normal(rows), 1),
        "hour": rng.integers(0, 24, rows).astype(np.float64),
        "month": rng.choice(12, rows, p=zipf(12)).astype(np.float64),
        "few": rng.poisson(1.0, rows).astype(np.float64),
        "count": rng.poisson(40.0, rows).astype(np.float64),
        "flag": (rng.random(rows) < 0.5).astype(np.float64),
        "rare flag": (rng.random(rows) < 0.02).astype(np.float64),
        "mostly zero": np.where(rng.random(rows) < 0.7, 0.0, rng.exponential(5.0, rows)),
        "constant": np.full(rows, 7.0),
    }


def categories(rng: np.random.Generator, rows: int) -> dict[str, Column]:
    """Three by Zipf's law, and a plan with the shares 50, 30 and 20%."""
    named = {
        name: np.array([f"{name}{at}" for at in range(size)])[rng.choice(size, rows, p=zipf(size))]
        for name, size in (("carrier", 10), ("origin", 20), ("destination", 20))
    }
    return named | {"plan": np.array(["a", "b", "c"])[rng.choice(3, rows, p=[0.5, 0.3, 0.2])]}


def zipf(size: int) -> npt.NDArray[np.float64]:
    weights = 1.0 / np.arange(1, size + 1)
    return weights / weights.sum()


def gapped(column: Column, share: float, rng: np.random.Generator) -> Column:
    """A share of the values, at random, made missing."""
    return np.where(rng.random(len(column)) < share, np.nan, column)


def _plan_b(column: Column, rng: np.random.Generator) -> Column:
    """30% -> 42%: the same share of the other values moves over."""
    return np.where((column != "b") & (rng.random(len(column)) < 0.12 / 0.7), "b", column)


NO_DRIFT = Scenario("no drift")
DRIFTS = (
    Scenario("0.5 sigma in one of 25", "normal", lambda column, _: column + 0.5),
    Scenario("a category 30% -> 42%", "plan", _plan_b),
    Scenario("missing 1% -> 8%", "sparse", lambda column, rng: gapped(column, 0.07 / 0.99, rng)),
    Scenario("1.5 sigma, small", "normal", lambda column, _: column + 1.5, 1_000, 100, drift_only=True),
)


def table(
    windows: int = WINDOWS,
    sizes: Sequence[int] = SIZES,
    seed: int = 1,
    *,
    peer: Peer | None = None,
    peer_windows: int = 20,
    drifts: Iterable[Scenario] = DRIFTS,
    references: Sequence[int] = REFERENCES,
    a_reference: int = WINDOWS_A_REFERENCE,
) -> list[Row]:
    """Every reference size with every window size without drift, then the drifts; the same seed gives the same rows."""
    rng = np.random.default_rng(seed)
    people = population(rng)
    at_rest = laws(people)
    rows: list[Row] = []
    for scenario in (*(NO_DRIFT.at(trained, size) for trained in references for size in sizes), *drifts):
        now = at_rest if not scenario.column else at_rest | laws(moved(scenario, people, rng))
        row = _measured(scenario, people, now, windows, a_reference, rng)
        rows.append(_asked(row, scenario, people, peer, peer_windows, rng) if peer else row)
    return rows


def _measured(
    scenario: Scenario, people: Columns, now: Laws, windows: int, a_reference: int, rng: np.random.Generator
) -> Row:
    found: list[Verdict] = []
    for start in range(0, windows, a_reference):
        reference = referred(sample(people, scenario.reference_rows, rng))
        drawn = profiles(reference, now, scenario.window_rows, min(a_reference, windows - start), rng)
        found += [judge(reference, profile).verdict for profile in drawn]
    drift, warning = (found.count(verdict) / windows for verdict in (Verdict.DRIFT, Verdict.WARNING))
    return Row(scenario.name, scenario.reference_rows, scenario.window_rows, windows, drift, warning)


def _asked(row: Row, scenario: Scenario, people: Columns, peer: Peer, windows: int, rng: np.random.Generator) -> Row:
    now = {**people, **moved(scenario, people, rng)}
    tables = ((sample(people, row.reference_rows, rng), sample(now, row.window_rows, rng)) for _ in range(windows))
    return replace(row, peer=sum(peer(*pair) for pair in tables) / windows, peer_windows=windows)


def moved(scenario: Scenario, people: Columns, rng: np.random.Generator) -> Columns:
    """The population's column that the scenario changes, after it."""
    return {scenario.column: scenario.change(people[scenario.column], rng)} if scenario.column else {}


def sample(people: Columns, rows: int, rng: np.random.Generator) -> Columns:
    """Rows drawn with replacement, each column on its own."""
    return {name: column[rng.integers(0, len(column), rows)] for name, column in people.items()}


def referred(columns: Columns) -> Reference:
    """The reference of a sample."""
    features = {
        name: column if column.dtype.kind == "f" else column.tolist()
        for name, column in columns.items()
        if name != SCORE
    }
    return build(features, score=(SCORE, columns[SCORE]))


def profiles(reference: Reference, now: Laws, rows: int, windows: int, rng: np.random.Generator) -> Iterator[Profile]:
    """Windows of `rows` rows drawn from the population, counted against the reference."""
    drawn = [
        rng.multinomial(rows, law.counted(feature) / law.rows, windows)
        for feature in reference.measured
        for law in (now[feature.name],)
    ]
    for at in range(windows):
        yield Profile(reference.digest, Accounting(rows, rows), rows, tuple(each[at] for each in drawn))


@dataclass(frozen=True)
class Law:
    """A column's values in order, made ready to be counted in the bins of many references.

    values: sorted, without the missing ones; of categories the distinct ones, with their tallies.
    """

    values: Column
    tallies: Counts
    rows: int

    @classmethod
    def of(cls, column: Column) -> Law:
        if column.dtype.kind == "f":
            return cls(np.sort(column[~np.isnan(column)]), np.empty(0, np.int64), len(column))
        return cls(*np.unique(column, return_counts=True), len(column))

    def counted(self, feature: Feature) -> Counts:
        """A profile's counts of these rows."""
        if isinstance(feature, NumericFeature):
            below = np.searchsorted(self.values, np.asarray(feature.edges, np.float64), "left")
            return np.append(np.diff(below, prepend=0, append=len(self.values)), self.rows - len(self.values))
        binned, counts = Categories(feature), np.zeros(feature.width, np.int64)
        for value, tally in zip(self.values.tolist(), self.tallies.tolist(), strict=True):
            counts[binned.bin(value)] += tally
        return counts


def laws(people: Columns) -> Laws:
    return {name: Law.of(column) for name, column in people.items()}


def misses(rows: Iterable[Row]) -> list[str]:
    """A sentence for each row that does not hold what is promised."""
    drift_only = {scenario.name for scenario in DRIFTS if scenario.drift_only}
    faults: list[str] = []
    for row in rows:
        where = f"{row.scenario}, {row.window_rows} rows against {row.reference_rows}"
        if row.scenario == NO_DRIFT.name:
            if row.drift > LIMIT or row.warning > LIMIT:
                faults.append(f"{where}: {row.drift:.1%} drift and {row.warning:.1%} warning, each at most {LIMIT:.0%}")
        elif (found := row.drift if row.scenario in drift_only else row.said) < POWER:
            faults.append(f"{where}: found in {found:.1%} of the windows, at least {POWER:.0%}")
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
    head = (*HEAD, *([peer] if peer else []))
    lines = [head, ("---",) * len(head), *(cells(row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; 1 where it does not hold what is promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=WINDOWS)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    rows = table(given.windows, SIZES, given.seed)
    Console().print(shown(rows))
    faults = misses(rows)
    for fault in faults:
        Console().print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
