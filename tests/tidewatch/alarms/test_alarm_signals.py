"""Each alarm fires when users, data or machinery are in trouble, and not when little is known."""

from __future__ import annotations

import pytest

from lambdas.drift.handler import SEVERITY_RANKS
from tests.tidewatch.alarms.alarm_datapoints import breaches, condition, datapoint, datapoints, endpoint, state, variant
from tidewatch.alarms import AlarmThresholds, MetricMath, MetricStat, Severity, build_variant_alarms
from tidewatch.alarms.data_alarms import PAGE, TICKET
from tidewatch.drift.statistics import windows


def test_a_rate_of_server_errors_pages_and_a_single_failure_does_not() -> None:
    alarm = variant("server-errors")
    assert alarm.severity is Severity.P1
    assert breaches(alarm, n=100, b=5, e=0.05)
    assert not breaches(alarm, n=1000, b=20, e=0.02)
    assert not breaches(alarm, n=20, b=4, e=0.2)
    assert not breaches(alarm, n=19, b=19, e=1)
    assert datapoint(alarm) is None


def test_a_variant_that_no_longer_gets_requests_has_a_datapoint_and_is_not_judged_by_older_ones() -> None:
    for key in ("server-errors", "model-errors", "latency", "overhead-latency"):
        assert not breaches(variant(key), w=0), key
        assert datapoint(variant(key), w=0) is not None, key


def test_latency_is_the_rank_of_its_limit_in_microseconds() -> None:
    alarm = variant("latency", limits=AlarmThresholds(latency_milliseconds=200))
    assert isinstance(alarm.signal, MetricMath)
    assert alarm.signal.stats["r"].statistic == "PR(:200000)"
    assert breaches(alarm, n=20, r=90)
    assert not breaches(alarm, n=20, r=95)
    assert not breaches(alarm, n=19, r=0)


def test_overhead_is_in_microseconds_too() -> None:
    alarm = variant("overhead-latency", limits=AlarmThresholds(overhead_milliseconds=50))
    assert breaches(alarm, n=20, o=50_001)
    assert not breaches(alarm, n=20, o=50_000)


def test_a_variant_with_most_of_the_traffic_is_silent_when_no_request_comes_at_all() -> None:
    alarm = variant("silence", "blue")
    assert breaches(alarm, w=0.95)
    assert not breaches(alarm, w=0.95, n=1, t0=1)
    assert state(alarm, [50, 50, 50, 0, 0]) == "OK"
    assert state(alarm, [50, 50, 0, 0, 0]) == "ALARM"


def test_a_canary_is_silent_only_beside_traffic_of_which_some_is_due_to_it() -> None:
    alarm = variant("silence", "green")
    assert breaches(alarm, t0=400, w=0.05)
    assert not breaches(alarm, t0=399, w=0.05)
    assert not breaches(alarm, t0=400, t1=1, n=1, w=0.05)
    assert not breaches(alarm, w=0.05)


def test_a_variant_without_live_traffic_is_not_silent_whatever_is_declared() -> None:
    assert not breaches(variant("silence", "green"), t0=40_000, w=0)


def test_silence_is_not_told_from_a_dead_sweep() -> None:
    assert not breaches(variant("silence", "blue"), t0=400)
    assert state(variant("silence", "blue"), [None] * 5) is None


def test_no_alarm_depends_on_the_declared_split() -> None:
    assert build_variant_alarms(AlarmThresholds(), {"blue": 95, "green": 5}, "blue") == build_variant_alarms(
        AlarmThresholds(), {"blue": 0, "green": 1}, "blue"
    )


def test_silence_lasts_as_long_as_the_config_says() -> None:
    alarm = variant("silence", "blue", AlarmThresholds(silence_minutes=60))
    assert alarm.period_s * alarm.periods == 3600


def test_the_disk_is_told_at_75_percent_before_capture_stops() -> None:
    alarm = variant("disk")
    assert isinstance(alarm.signal, MetricStat)
    assert (alarm.threshold, alarm.signal.statistic) == (75, "Maximum")


@pytest.mark.parametrize(("gpus", "threshold"), [(1, 90), (4, 360), (8, 720)])
def test_metrics_of_devices_go_up_to_100_for_each(gpus: int, threshold: float) -> None:
    alarms = {
        alarm.key: alarm
        for alarm in build_variant_alarms(AlarmThresholds(), {"blue": 1}, "blue", gpu_count=gpus)["blue"]
    }
    assert alarms["gpu-memory"].threshold == alarms["gpu-utilization"].threshold == threshold
    assert alarms["memory"].threshold == 90


def test_a_host_without_graphics_processors_has_no_alarm_that_could_never_fire() -> None:
    keys = {alarm.key for alarm in build_variant_alarms(AlarmThresholds(), {"blue": 1}, "blue", gpu_count=0)["blue"]}
    assert not keys & {"gpu-memory", "gpu-utilization"}


def test_capture_is_missing_when_traffic_flows_for_three_hours_and_nothing_is_read() -> None:
    alarm = endpoint("capture-missing")
    assert breaches(alarm, n0=95, n1=5)
    assert breaches(alarm, n0=95, n1=5, r0=0, r1=0)
    assert not breaches(alarm, n0=95, n1=4)
    assert not breaches(alarm, n0=95, n1=5, r0=1)
    assert state(alarm, [1, 1, 1, 0, 0]) == "OK"
    assert state(alarm, [1, 1, 0, 0, 0]) == "ALARM"


def test_rejected_records_are_a_share_of_those_read_in_all_variants() -> None:
    alarm = endpoint("records-rejected")
    assert datapoint(alarm, r0=950, r1=50, x0=0, x1=50) == 0.05
    assert breaches(alarm, r0=950, r1=50, x0=0, x1=50)
    assert not breaches(alarm, r0=950, r1=50, x0=5, x1=5)
    assert not breaches(alarm, r0=19, x0=19)
    assert not breaches(alarm, r0=100, x0=4)


def test_drift_is_a_ticket_and_many_features_a_page_in_whichever_variant() -> None:
    assert SEVERITY_RANKS[windows.DriftSeverity.TICKET] == TICKET
    assert SEVERITY_RANKS[windows.DriftSeverity.PAGE] == PAGE
    ticket, page = endpoint("drift"), endpoint("many-features-drift")
    assert (ticket.severity, page.severity) == (Severity.P2, Severity.P1)
    assert breaches(ticket, s0=0, s1=TICKET)
    assert not breaches(ticket, s0=1, s1=1)
    assert not breaches(page, s0=TICKET, s1=TICKET)
    assert breaches(page, s1=PAGE)


def test_a_verdict_that_comes_a_little_late_does_not_clear_the_alarm() -> None:
    assert state(endpoint("drift"), [1, None]) == "ALARM"
    assert state(endpoint("drift"), [1, 0, 0]) == "OK"
    assert state(endpoint("drift"), [None] * 4) is None, "it stays as it was"


def test_too_little_data_is_told_after_a_day_without_any_verdict() -> None:
    alarm = endpoint("insufficient-data")
    assert alarm.period_s * alarm.periods == 24 * 3600
    assert breaches(alarm, s0=0, s1=1)
    assert state(alarm, [1, 1, 1, 0]) == "OK"
    assert state(alarm, [1, 1, 1, 1]) == "ALARM"


def test_a_drift_run_fails_when_all_its_attempts_do() -> None:
    alarm = endpoint("drift-failed")
    assert breaches(alarm, i=3, e=3)
    assert not breaches(alarm, i=2, e=1)
    assert not breaches(alarm, i=4, e=3)
    assert not breaches(alarm, i=2, e=2)


def test_a_drift_function_that_stops_is_late_and_one_that_is_new_is_not() -> None:
    alarm = endpoint("drift-late")
    assert breaches(alarm, s=60)
    assert breaches(alarm, s=2)
    assert not breaches(alarm, i=1, s=60)
    assert state(alarm, [1, 1, 0, 0, 0]) == "ALARM"
    assert state(alarm, [None, None, None, None, 0]) is None
    assert state(alarm, [None] * 5) is None


@pytest.mark.parametrize(
    ("values", "bad"),
    [
        ({"i": 5, "e": 0}, False),
        ({"i": 5, "e": 4}, False),
        ({"i": 5, "e": 5}, True),
        ({}, False),
    ],
)
def test_the_rollback_function_fails_when_no_call_succeeds(values: dict[str, float | None], bad: bool) -> None:
    assert breaches(endpoint("rollback-failed"), **values) is bad


def test_a_rollback_function_that_falls_silent_fails_and_one_that_is_new_does_not() -> None:
    alarm = endpoint("rollback-failed")
    assert datapoints(alarm, 3, i=(5, None, None)) == (5, 0, 0)
    assert state(alarm, datapoints(alarm, 3, i=(5, None, None))) == "ALARM"
    assert datapoints(alarm, 3, i=(None, None, None)) == (None, None, None)
    assert datapoints(alarm, 3, i=(None, None, 5), e=(None, None, 0)) == (None, None, 5)


def test_what_the_sweep_said_last_holds_until_it_speaks_again() -> None:
    blocked = endpoint("rollback-blocked")
    assert state(blocked, [1, 1, 1, 1, 1]) == "ALARM"
    assert state(blocked, [1, 1, 1, 1, 0]) == "OK"
    assert state(blocked, [None] * 5) is None


def test_a_sweep_that_died_suppresses_nothing() -> None:
    running = endpoint("deployment-running")
    assert not running.notifies
    assert state(running, [1]) == "ALARM"
    assert state(running, [None] * 5) == "OK"


def test_a_queue_with_a_message_is_told_whoever_it_belongs_to() -> None:
    alarm = endpoint("undelivered")
    assert breaches(alarm, q1=1)
    assert not breaches(alarm, q0=0, q1=0)
    assert condition(alarm).datapoints == 1
