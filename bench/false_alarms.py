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
from bench.populations import (
    Column,
    Columns,
    Distributions,
    build_distributions,
    build_sample_reference,
    draw_population,
    insert_missing,
    resample,
)
from bench.verdict_rates import (
    REFERENCE_ROWS,
    SIZES,
    WINDOWS,
    WINDOWS_PER_REFERENCE,
    VerdictRates,
    VerdictRequirement,
    count_verdicts,
    draw_profiles,
    list_misses,
    render_table,
)
from tidewatch.drift.statistics import Verdict, judge_profile

PeerVerdict: TypeAlias = Callable[[Columns, Columns], bool]
"""Whether another tool, with its defaults, finds that the second table drifted from the first."""


@dataclass(frozen=True)
class DriftScenario:
    """A change of one column of the population, or no drift, with the sizes and the verdict that it requires."""

    name: str
    column: str = ""
    change: Callable[[Column, np.random.Generator], Column] = lambda column, _: column
    reference_rows: int = 100_000
    window_rows: int = 5_000
    requirement: VerdictRequirement = VerdictRequirement.DETECTED

    def with_sizes(self, reference_rows: int, window_rows: int) -> DriftScenario:
        """Returns the same scenario with other sizes."""
        return replace(self, reference_rows=reference_rows, window_rows=window_rows)


def _shift_to_plan_b(column: Column, rng: np.random.Generator) -> Column:
    """Moves 30% to 42%, by the same share of the other values."""
    return np.where((column != "b") & (rng.random(len(column)) < 0.12 / 0.7), "b", column)


NO_DRIFT = DriftScenario("no drift", requirement=VerdictRequirement.NO_ALARM)
DRIFTS = (
    DriftScenario("0.5 sigma in one of 25", "normal", lambda column, _: column + 0.5),
    DriftScenario("a category 30% -> 42%", "plan", _shift_to_plan_b),
    DriftScenario("missing 1% -> 8%", "sparse", lambda column, rng: insert_missing(column, 0.07 / 0.99, rng)),
    DriftScenario("1.5 sigma, small", "normal", lambda column, _: column + 1.5, 1_000, 100, VerdictRequirement.DRIFT),
)


def measure_table(
    windows: int = WINDOWS,
    sizes: Sequence[int] = SIZES,
    seed: int = 1,
    *,
    peer: PeerVerdict | None = None,
    peer_windows: int = 20,
    drifts: Iterable[DriftScenario] = DRIFTS,
    references: Sequence[int] = REFERENCE_ROWS,
    windows_per_reference: int = WINDOWS_PER_REFERENCE,
) -> list[VerdictRates]:
    """Measures every reference size with every window size without drift, then the drifts.

    A seed determines the rows.
    """
    rng = np.random.default_rng(seed)
    population_columns = draw_population(rng)
    distributions = build_distributions(population_columns)
    rows: list[VerdictRates] = []
    for scenario in (
        *(NO_DRIFT.with_sizes(reference_rows, size) for reference_rows in references for size in sizes),
        *drifts,
    ):
        scenario_distributions = (
            distributions
            if not scenario.column
            else {**distributions, **build_distributions(change_column(scenario, population_columns, rng))}
        )
        row = _measure_scenario(
            scenario, population_columns, scenario_distributions, windows, windows_per_reference, rng
        )
        rows.append(_measure_peer(row, scenario, population_columns, peer, peer_windows, rng) if peer else row)
    return rows


def _measure_scenario(
    scenario: DriftScenario,
    population_columns: Columns,
    distributions: Distributions,
    windows: int,
    windows_per_reference: int,
    rng: np.random.Generator,
) -> VerdictRates:
    verdicts: list[Verdict] = []
    for start in range(0, windows, windows_per_reference):
        reference = build_sample_reference(resample(population_columns, scenario.reference_rows, rng))
        profiles = draw_profiles(
            reference, distributions, scenario.window_rows, min(windows_per_reference, windows - start), rng
        )
        verdicts += [judge_profile(reference, profile).verdict for profile in profiles]
    return count_verdicts(scenario.name, scenario.requirement, scenario.reference_rows, scenario.window_rows, verdicts)


def _measure_peer(
    row: VerdictRates,
    scenario: DriftScenario,
    population_columns: Columns,
    peer: PeerVerdict,
    windows: int,
    rng: np.random.Generator,
) -> VerdictRates:
    changed_columns = {**population_columns, **change_column(scenario, population_columns, rng)}
    tables = (
        (resample(population_columns, row.reference_rows, rng), resample(changed_columns, row.window_rows, rng))
        for _ in range(windows)
    )
    return replace(row, peer=sum(peer(*pair) for pair in tables) / windows, peer_windows=windows)


def change_column(scenario: DriftScenario, population_columns: Columns, rng: np.random.Generator) -> Columns:
    """Returns the population's column that the scenario changes, after the change."""
    return {scenario.column: scenario.change(population_columns[scenario.column], rng)} if scenario.column else {}


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; returns 1 if it misses a requirement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=WINDOWS)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    rows = [
        *measure_table(options.windows, SIZES, options.seed),
        *column_kinds.measure_table(options.windows, SIZES, options.seed),
    ]
    Console().print(render_table(rows))
    faults = list_misses(rows)
    for fault in faults:
        Console().print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
