"""How often verdicts cry wolf and how often they sleep, on fewer and smaller windows than `make bench` takes.

The bounds are the promised ones, widened by what a binomial count of so few windows may differ by chance.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.false_alarms import (
    DRIFTS,
    LIMIT,
    NO_DRIFT,
    POWER,
    Law,
    Row,
    Scenario,
    laws,
    population,
    referred,
    table,
)
from tidewatch.capture.accounting import Accounting
from tidewatch.drift.binning import Categories, NumericGrid
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import CategoryFeature, NumericFeature
from tidewatch.drift.verdict import Verdict, judge

WINDOWS = 60
REFERENCES = (20_000, 1_000)
MOST_ALARMS = int(stats.binom.ppf(0.999, WINDOWS, LIMIT))
FEWEST_FOUND = int(stats.binom.ppf(0.001, WINDOWS, POWER))


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    drifts = [each.at(min(each.reference_rows, REFERENCES[0]), each.window_rows) for each in DRIFTS]
    sizes = (50, 500, 5_000)
    return table(WINDOWS, sizes, 20, drifts=drifts, references=REFERENCES, a_reference=20)


def test_where_nothing_drifts_hardly_a_window_alarms(rows: list[Row]) -> None:
    still = [row for row in rows if row.scenario == NO_DRIFT.name]
    assert len(still) == 6
    for row in still:
        assert row.drift * WINDOWS <= MOST_ALARMS, row
        assert row.warning * WINDOWS <= MOST_ALARMS, row


@pytest.mark.parametrize("scenario", DRIFTS, ids=lambda each: each.name)
def test_a_drift_of_one_feature_in_25_is_found(rows: list[Row], scenario: Scenario) -> None:
    (row,) = (row for row in rows if row.scenario == scenario.name)
    assert (row.drift if scenario.drift_only else row.said) * WINDOWS >= FEWEST_FOUND, row


def test_windows_of_sampled_rows_alarm_no_more_often_than_drawn_counts() -> None:
    rng = np.random.default_rng(21)
    found: list[Verdict] = []
    for _ in range(4):
        reference = referred(population(rng, 1_000))
        for _ in range(15):
            law = laws(population(rng, 500))
            counts = tuple(law[feature.name].counted(feature) for feature in reference.measured)
            found.append(judge(reference, Profile(reference.digest, Accounting(500, 500), 500, counts)).verdict)
    assert len(found) == WINDOWS
    assert found.count(Verdict.DRIFT) <= MOST_ALARMS
    assert found.count(Verdict.WARNING) <= MOST_ALARMS


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
