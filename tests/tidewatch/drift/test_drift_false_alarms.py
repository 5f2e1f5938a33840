"""How often verdicts cry wolf and how often they sleep, on fewer and smaller windows than `make bench` takes.

The bounds are the promised ones, widened by what a binomial count of so few windows may differ by chance.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bench import column_kinds
from bench.alarm_rows import LIMIT, POWER, Promise, Row
from bench.column_kinds import KINDS, Kind
from bench.false_alarms import DRIFTS, NO_DRIFT, Scenario, table
from bench.populations import Law, population, referred
from tidewatch.capture.accounting import Accounting
from tidewatch.drift.binning import Categories, NumericGrid
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import CategoryFeature, NumericFeature
from tidewatch.drift.verdict import Verdict, judge

WINDOWS = 60
REFERENCES = (20_000, 1_000)
KIND_WINDOWS = 20


def most_alarms(windows: int) -> int:
    return int(stats.binom.ppf(0.999, windows, LIMIT))


def fewest_found(windows: int) -> int:
    return int(stats.binom.ppf(0.001, windows, POWER))


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    drifts = [each.at(min(each.reference_rows, REFERENCES[0]), each.window_rows) for each in DRIFTS]
    sizes = (50, 500, 5_000)
    return table(WINDOWS, sizes, 20, drifts=drifts, references=REFERENCES, a_reference=20)


def test_where_nothing_drifts_hardly_a_window_alarms(rows: list[Row]) -> None:
    still = [row for row in rows if row.scenario == NO_DRIFT.name]
    assert len(still) == 6
    for row in still:
        assert row.drift * WINDOWS <= most_alarms(WINDOWS), row
        assert row.warning * WINDOWS <= most_alarms(WINDOWS), row


@pytest.mark.parametrize("scenario", DRIFTS, ids=lambda each: each.name)
def test_a_drift_of_one_feature_in_25_is_found(rows: list[Row], scenario: Scenario) -> None:
    (row,) = (row for row in rows if row.scenario == scenario.name)
    assert row.found * WINDOWS >= fewest_found(WINDOWS), row


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.name)
def test_a_column_of_its_kind_alone_is_quiet_and_its_moves_are_found(kind: Kind) -> None:
    small = replace(kind, references=REFERENCES, moving=REFERENCES[:1])
    rows = column_kinds.table(KIND_WINDOWS, (50, 5_000), 23, kinds=[small], a_reference=KIND_WINDOWS)
    assert len(rows) == 4 + len(kind.moves), rows
    for row in rows:
        if row.promise is Promise.QUIET:
            assert max(row.drift, row.warning) * KIND_WINDOWS <= most_alarms(KIND_WINDOWS), row
        else:
            assert row.found * KIND_WINDOWS >= fewest_found(KIND_WINDOWS), row


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.name)
def test_the_law_of_a_kind_is_that_of_its_rows(kind: Kind) -> None:
    rng = np.random.default_rng(24)
    (feature,) = column_kinds.reference(kind.law, 2_000, rng).features
    for law in (kind.law, *(move.law for move in kind.moves)):
        shares, counts = law.shares(feature), Law.of(law.drawn(20_000, rng)).counted(feature)
        assert shares.sum() == pytest.approx(1)
        assert np.abs(counts / 20_000 - shares).max() < 0.02


def test_windows_of_sampled_rows_alarm_no_more_often_than_drawn_counts() -> None:
    rng = np.random.default_rng(21)
    found: list[Verdict] = []
    for _ in range(4):
        reference = referred(population(rng, 1_000))
        for _ in range(15):
            columns = population(rng, 500)
            counts = tuple(Law.of(columns[feature.name]).counted(feature) for feature in reference.measured)
            found.append(judge(reference, Profile(reference.digest, Accounting(500, 500), 500, counts)).verdict)
    assert len(found) == WINDOWS
    assert found.count(Verdict.DRIFT) <= most_alarms(WINDOWS)
    assert found.count(Verdict.WARNING) <= most_alarms(WINDOWS)


def test_the_counts_of_a_sample_are_those_of_the_binning_code() -> None:
    rng = np.random.default_rng(22)
    reference, columns = referred(population(rng, 2_000)), population(rng, 3_000)
    numbers = [feature for feature in reference.measured if isinstance(feature, NumericFeature)]
    binned = NumericGrid(numbers).count(np.column_stack([columns[feature.name] for feature in numbers]))
    for feature, counts in zip(numbers, binned, strict=True):
        assert Law.of(columns[feature.name]).counted(feature).tolist() == counts.tolist()
    for feature in reference.features:
        if isinstance(feature, CategoryFeature):
            counts = Categories(feature).count(columns[feature.name].tolist())
            assert Law.of(columns[feature.name]).counted(feature).tolist() == counts.tolist()
