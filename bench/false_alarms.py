"""How often a window is called drifting where nothing drifts, and how often drift is found where there is some.

Windows are drawn from known populations. A window's counts in a reference's bins are multinomial, so they are drawn as
such, without drawing rows; the reference itself is built from rows. A peer, which wants rows, gets rows.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from rich.console import Console

from bench import column_kinds
from bench.alarm_rows import (
    REFERENCES,
    SIZES,
    WINDOWS,
    WINDOWS_A_REFERENCE,
    Promise,
    Row,
    counted,
    misses,
    profiles,
    shown,
)
from bench.populations import Column, Columns, Laws, gapped, laws, population, referred, sample
from tidewatch.drift.verdict import Verdict, judge

Peer: TypeAlias = Callable[[Columns, Columns], bool]
"""Whether another tool, by its defaults, says that the second table drifted from the first."""


@dataclass(frozen=True)
class Scenario:
    """What happens to one column of the population, and the sizes at which it must be found; none for no drift."""

    name: str
    column: str = ""
    change: Callable[[Column, np.random.Generator], Column] = lambda column, _: column
    reference_rows: int = 100_000
    window_rows: int = 5_000
    promise: Promise = Promise.FOUND

    def at(self, reference_rows: int, window_rows: int) -> Scenario:
        """The same at other sizes."""
        return replace(self, reference_rows=reference_rows, window_rows=window_rows)


def _plan_b(column: Column, rng: np.random.Generator) -> Column:
    """30% -> 42%: the same share of the other values moves over."""
    return np.where((column != "b") & (rng.random(len(column)) < 0.12 / 0.7), "b", column)


NO_DRIFT = Scenario("no drift", promise=Promise.QUIET)
DRIFTS = (
    Scenario("0.5 sigma in one of 25", "normal", lambda column, _: column + 0.5),
    Scenario("a category 30% -> 42%", "plan", _plan_b),
    Scenario("missing 1% -> 8%", "sparse", lambda column, rng: gapped(column, 0.07 / 0.99, rng)),
    Scenario("1.5 sigma, small", "normal", lambda column, _: column + 1.5, 1_000, 100, Promise.DRIFT),
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
        now = at_rest if not scenario.column else {**at_rest, **laws(moved(scenario, people, rng))}
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
    return counted(scenario.name, scenario.promise, scenario.reference_rows, scenario.window_rows, found)


def _asked(row: Row, scenario: Scenario, people: Columns, peer: Peer, windows: int, rng: np.random.Generator) -> Row:
    now = {**people, **moved(scenario, people, rng)}
    tables = ((sample(people, row.reference_rows, rng), sample(now, row.window_rows, rng)) for _ in range(windows))
    return replace(row, peer=sum(peer(*pair) for pair in tables) / windows, peer_windows=windows)


def moved(scenario: Scenario, people: Columns, rng: np.random.Generator) -> Columns:
    """The population's column that the scenario changes, after it."""
    return {scenario.column: scenario.change(people[scenario.column], rng)} if scenario.column else {}


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; 1 where it does not hold what is promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=WINDOWS)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    rows = [*table(given.windows, SIZES, given.seed), *column_kinds.table(given.windows, SIZES, given.seed)]
    Console().print(shown(rows))
    faults = misses(rows)
    for fault in faults:
        Console().print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
