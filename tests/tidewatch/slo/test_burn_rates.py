"""Error budgets and burn rates, against what the workbook prints.

Source of the numbers: The Site Reliability Workbook (Google, 2018), chapter 5, "Alerting on SLOs", tables 5-1 to 5-9.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tidewatch.slo import workbook
from tidewatch import slo
from tidewatch.alarms import Severity

MONTH = timedelta(days=30)
THREE_NINES = 0.001


@pytest.mark.parametrize(
    ("burn", "ratio", "exhausted"),
    [
        (1, 0.001, timedelta(days=30)),
        (2, 0.002, timedelta(days=15)),
        (10, 0.01, timedelta(days=3)),
        (1000, 1.0, timedelta(minutes=43)),
    ],
)
def test_table_5_4_burn_rates_and_time_to_exhaustion(burn: float, ratio: float, exhausted: timedelta) -> None:
    assert slo.compute_bad_ratio(burn, THREE_NINES) == pytest.approx(ratio)
    assert slo.compute_burn_rate(ratio, THREE_NINES) == pytest.approx(burn)
    found = slo.compute_time_to_exhaustion(burn, MONTH)
    assert found is not None
    assert found == pytest.approx(exhausted, abs=timedelta(minutes=1))


@pytest.mark.parametrize(
    ("share", "within", "burn"),
    [
        (0.02, timedelta(hours=1), 14.4),
        (0.05, timedelta(hours=6), 6),
        (0.10, timedelta(days=3), 1),
        (0.05, timedelta(hours=1), 36),
        (0.05, timedelta(hours=36), 1),
        (0.10, timedelta(days=1), 3),
    ],
)
def test_tables_5_6_and_5_8_share_of_the_budget_window_and_burn_rate(
    share: float, within: timedelta, burn: float
) -> None:
    assert workbook.compute_burn_rate_for_share(share, within, MONTH) == pytest.approx(burn)
    assert workbook.compute_share_used(burn, within, MONTH) == pytest.approx(share)


@pytest.mark.parametrize(
    ("burn", "over", "detected"),
    [
        (1, timedelta(minutes=10), timedelta(seconds=0.6)),
        (1, timedelta(hours=36), timedelta(minutes=2, seconds=10)),
        (36, timedelta(hours=1), timedelta(minutes=2, seconds=10)),
    ],
)
def test_tables_5_1_and_5_2_time_to_detect_a_total_outage(burn: float, over: timedelta, detected: timedelta) -> None:
    found = workbook.compute_time_to_detection(1.0, THREE_NINES, burn, over)
    assert found is not None
    assert found == pytest.approx(detected, abs=timedelta(seconds=0.5))


def test_table_5_1_a_burn_rate_of_one_for_ten_minutes_uses_a_fiftieth_of_a_percent() -> None:
    assert workbook.compute_share_used(1, timedelta(minutes=10), MONTH) == pytest.approx(0.0002, abs=5e-5)


def test_table_5_3_an_outage_of_an_hour_uses_140_percent() -> None:
    assert workbook.compute_share_used(1000, timedelta(hours=1), MONTH) == pytest.approx(1.4, abs=0.02)


def test_figure_5_3_a_spike_of_five_minutes_uses_almost_12_percent() -> None:
    assert workbook.compute_share_used(1000, timedelta(minutes=5), MONTH) == pytest.approx(0.12, abs=0.005)


def test_table_5_5_a_burn_rate_of_35_never_alerts_at_36_and_exhausts_the_budget_in_20_hours() -> None:
    assert workbook.compute_time_to_detection(35 * THREE_NINES, THREE_NINES, 36, timedelta(hours=1)) is None
    found = slo.compute_time_to_exhaustion(35, MONTH)
    assert found is not None
    assert found / timedelta(hours=1) == pytest.approx(20.5, abs=0.1)


def test_figure_5_6_fifteen_percent_of_errors_take_the_long_window_about_five_minutes() -> None:
    found = workbook.compute_time_to_detection(0.15, THREE_NINES, 14.4, timedelta(hours=1))
    assert found is not None
    assert timedelta(minutes=5) < found < timedelta(minutes=6)


def test_low_traffic_one_failure_of_ten_requests_an_hour_is_13_9_percent_of_a_months_budget() -> None:
    assert slo.compute_burn_rate(1 / 10, THREE_NINES) == pytest.approx(100)
    assert slo.compute_budget_used(1, 10 * 24 * 30, THREE_NINES) == pytest.approx(0.139, abs=0.0005)


def test_extreme_goals_an_outage_of_an_hour_uses_1_4_percent_at_90_percent_and_26_seconds_are_all_at_five_nines() -> (
    None
):
    assert workbook.compute_share_used(slo.compute_burn_rate(1, 0.1), timedelta(hours=1), MONTH) == pytest.approx(
        0.014, abs=0.0002
    )
    found = slo.compute_time_to_exhaustion(slo.compute_burn_rate(1, 0.00001), MONTH)
    assert found is not None
    assert found.total_seconds() == pytest.approx(26, abs=0.1)


def test_the_rate_of_the_alert_uses_half_of_the_budget_over_the_objectives_window() -> None:
    half = next(burn for burn in slo.BURN_RATE_ALERTS if burn.name == "budget-half")
    assert workbook.compute_share_used(half.rate, MONTH, MONTH) == 0.5
    assert half.severity is Severity.P3


def test_the_windows_and_severities_are_those_of_the_workbook() -> None:
    found = [(burn.rate, burn.long_s, burn.short_s, burn.severity) for burn in slo.BURN_RATE_ALERTS[:3]]
    assert found == [
        (14.4, 3600, 300, Severity.P1),
        (6, 21_600, 1800, Severity.P1),
        (3, 86_400, 7200, Severity.P2),
    ]
    assert all(burn.short_s * 12 == burn.long_s for burn in slo.BURN_RATE_ALERTS)


@given(st.floats(0.01, 1000), st.floats(0, 0.99))
def test_what_is_left_lasts_until_it_is_used(burn: float, used: float) -> None:
    left = slo.compute_time_to_exhaustion(burn, MONTH, used)
    assert left is not None
    assert used + workbook.compute_share_used(burn, left, MONTH) == pytest.approx(1, abs=1e-6)


def test_a_budget_that_nothing_burns_lasts_for_ever_and_one_that_is_gone_not_at_all() -> None:
    assert slo.compute_time_to_exhaustion(0, MONTH) is None
    assert slo.compute_time_to_exhaustion(1e-300, MONTH) is None
    assert slo.compute_time_to_exhaustion(5, MONTH, used=1.2) == timedelta()
    assert slo.compute_budget_used(0, 0, THREE_NINES) == 0
