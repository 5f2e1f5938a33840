"""How often verdicts cry wolf and how often they sleep, on fewer and smaller windows than `make bench` takes.

The bounds are the promised ones, widened by what a binomial count of so few windows may differ by chance.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bench import column_kinds
from bench.column_kinds import KINDS, ColumnKind
from bench.false_alarms import DRIFTS, NO_DRIFT, DriftScenario, measure_table
from bench.populations import EmpiricalDistribution, build_sample_reference, draw_population
from bench.verdict_rates import MAX_ALARM_RATE, MIN_DETECTION_RATE, VerdictRates, VerdictRequirement
from tidewatch.capture.accounting import Accounting
from tidewatch.drift.counting.binning import CategoryBinner, NumericGrid
from tidewatch.drift.profile import Profile
from tidewatch.drift.reference import CategoryFeature, NumericFeature
from tidewatch.drift.statistics import Verdict, judge_profile

WINDOWS = 60
REFERENCES = (20_000, 1_000)
KIND_WINDOWS = 20


def most_alarms(windows: int) -> int:
    return int(stats.binom.ppf(0.999, windows, MAX_ALARM_RATE))


def fewest_found(windows: int) -> int:
    return int(stats.binom.ppf(0.001, windows, MIN_DETECTION_RATE))


@pytest.fixture(scope="module")
def rows() -> list[VerdictRates]:
    drifts = [each.with_sizes(min(each.reference_rows, REFERENCES[0]), each.window_rows) for each in DRIFTS]
    sizes = (50, 500, 5_000)
    return measure_table(WINDOWS, sizes, 20, drifts=drifts, references=REFERENCES, windows_per_reference=20)


def test_where_nothing_drifts_hardly_a_window_alarms(rows: list[VerdictRates]) -> None:
    still = [row for row in rows if row.scenario == NO_DRIFT.name]
    assert len(still) == 6
    for row in still:
        assert row.drift * WINDOWS <= most_alarms(WINDOWS), row
        assert row.warning * WINDOWS <= most_alarms(WINDOWS), row


@pytest.mark.parametrize("scenario", DRIFTS, ids=lambda each: each.name)
def test_a_drift_of_one_feature_in_25_is_found(rows: list[VerdictRates], scenario: DriftScenario) -> None:
    (row,) = (row for row in rows if row.scenario == scenario.name)
    assert row.detection_rate * WINDOWS >= fewest_found(WINDOWS), row


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.name)
def test_a_column_of_its_kind_alone_is_quiet_and_its_moves_are_found(kind: ColumnKind) -> None:
    small = replace(kind, references=REFERENCES, change_references=REFERENCES[:1])
    rows = column_kinds.measure_table(KIND_WINDOWS, (50, 5_000), 23, kinds=[small], windows_per_reference=KIND_WINDOWS)
    assert len(rows) == 4 + len(kind.changes), rows
    for row in rows:
        if row.requirement is VerdictRequirement.NO_ALARM:
            assert max(row.drift, row.warning) * KIND_WINDOWS <= most_alarms(KIND_WINDOWS), row
        else:
            assert row.detection_rate * KIND_WINDOWS >= fewest_found(KIND_WINDOWS), row


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.name)
def test_the_law_of_a_kind_is_that_of_its_rows(kind: ColumnKind) -> None:
    rng = np.random.default_rng(24)
    (feature,) = column_kinds.build_column_reference(kind.distribution, 2_000, rng).features
    for law in (kind.distribution, *(move.distribution for move in kind.changes)):
        shares, counts = (
            law.compute_shares(feature),
            EmpiricalDistribution.of(law.draw(20_000, rng)).count_in_bins(feature),
        )
        assert shares.sum() == pytest.approx(1)
        assert np.abs(counts / 20_000 - shares).max() < 0.02


def test_windows_of_sampled_rows_alarm_no_more_often_than_drawn_counts() -> None:
    rng = np.random.default_rng(21)
    found: list[Verdict] = []
    for _ in range(4):
        reference = build_sample_reference(draw_population(rng, 1_000))
        for _ in range(15):
            columns = draw_population(rng, 500)
            counts = tuple(
                EmpiricalDistribution.of(columns[feature.name]).count_in_bins(feature)
                for feature in reference.measured_features
            )
            found.append(judge_profile(reference, Profile(reference.digest, Accounting(500, 500), 500, counts)).verdict)
    assert len(found) == WINDOWS
    assert found.count(Verdict.DRIFT) <= most_alarms(WINDOWS)
    assert found.count(Verdict.WARNING) <= most_alarms(WINDOWS)


def test_the_counts_of_a_sample_are_those_of_the_binning_code() -> None:
    rng = np.random.default_rng(22)
    reference, columns = build_sample_reference(draw_population(rng, 2_000)), draw_population(rng, 3_000)
    numbers = [feature for feature in reference.measured_features if isinstance(feature, NumericFeature)]
    binned = NumericGrid(numbers).count(np.column_stack([columns[feature.name] for feature in numbers]))
    for feature, counts in zip(numbers, binned, strict=True):
        assert EmpiricalDistribution.of(columns[feature.name]).count_in_bins(feature).tolist() == counts.tolist()
    for feature in reference.features:
        if isinstance(feature, CategoryFeature):
            counts = CategoryBinner(feature).count(columns[feature.name].tolist())
            assert EmpiricalDistribution.of(columns[feature.name]).count_in_bins(feature).tolist() == counts.tolist()
