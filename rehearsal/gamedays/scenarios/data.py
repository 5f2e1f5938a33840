"""Game days of missing traffic and changed data: they must notify somebody and must not roll back."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt

from rehearsal.gamedays import checks
from rehearsal.gamedays.drift_hours import REQUESTS_PER_HOUR, ROWS_PER_REQUEST
from rehearsal.gamedays.harness import Harness
from rehearsal.gamedays.scenario import Scenario
from rehearsal.gamedays.scenarios.challenger import WARMUP_MINUTES

HOUR_MINUTES = 60
SLOW_RATE = 10
"""Requests a minute while hours pass."""
NOON_HOUR = 12
WINDOW_DAYS = 3
"""Days of a drift window, each with an hour of requests."""
REPORT_DELAY = timedelta(hours=1, minutes=24)
"""Time after the beginning of an hour; the drift function reads the hour in the following minute."""


def _run_no_traffic(harness: Harness) -> None:
    before = harness.live_shares()
    harness.run_minutes(WARMUP_MINUTES)
    harness.add_mark("fault", "requests stop")
    harness.add_mark("degraded", "first minute without a request")
    harness.run_until(lambda: harness.count_messages()["P2"] > 0, 30, requests=0)
    checks.expect_no_rollback(harness, before)
    checks.expect_notification(harness, "P2", f"silence-{harness.champion}")
    checks.expect_no_notification(harness, "P1")


def _run_capture_stops(harness: Harness) -> None:
    before = harness.live_shares()
    harness.run_minutes(WARMUP_MINUTES)
    harness.inject_fault("capture_stops", endpoint=harness.endpoint, label="requests are no longer captured")
    harness.add_mark("degraded", "first request that is not captured")
    harness.run_until(lambda: harness.is_in_alarm("capture-missing"), 6 * HOUR_MINUTES, requests=SLOW_RATE)
    harness.run_minutes(2, requests=SLOW_RATE)
    checks.expect_no_rollback(harness, before)
    checks.expect_notification(harness, "P2", "capture-missing")
    checks.expect_no_notification(harness, "P1")


def _run_drift_crashes(harness: Harness) -> None:
    before = harness.live_shares()
    harness.run_minutes(WARMUP_MINUTES)
    harness.inject_fault(
        "function_killed", function=harness.outputs["drift"]["function"], times=1000, label="the drift function dies"
    )
    harness.add_mark("degraded", "its next run will die")
    harness.run_until(lambda: harness.is_in_alarm("drift-failed", "undelivered"), 3 * HOUR_MINUTES, requests=SLOW_RATE)
    harness.run_minutes(2, requests=SLOW_RATE)
    checks.expect_no_rollback(harness, before)
    checks.expect_notification(harness, "P2", "drift-failed")
    checks.expect_no_notification(harness, "P1")


def _run_drift_in_one(harness: Harness) -> None:
    _send_drifted_days(harness, ("hour",), "one feature moves: the hour")
    checks.expect_notification(harness, "P2", "drift")
    pages = [message for message in harness.messages() if "many-features-drift" in message["subject"]]
    harness.expect(f"nobody is paged for one feature: {[one['subject'] for one in pages]}", not pages)


def _run_drift_in_many(harness: Harness) -> None:
    features = ("hour", "weekday", "distance", "precip", "visib", "wind_speed", "humid")
    _send_drifted_days(harness, features, f"{len(features)} features move")
    checks.expect_notification(harness, "P1", "many-features-drift")


def _send_drifted_days(harness: Harness, features: tuple[str, ...], label: str) -> None:
    """Sends an hour of changed requests on each of three days; the clock jumps between them, without measurements."""
    before = harness.live_shares()
    harness.run_minutes(WARMUP_MINUTES)
    harness.add_mark("fault", label)
    harness.add_mark("degraded", "first changed request")
    today = harness.control.get_time()
    for day in range(1, WINDOW_DAYS + 1):
        harness.advance_to((today + timedelta(days=day)).replace(hour=NOON_HOUR, minute=5, second=0, microsecond=0))
        harness.send_requests(REQUESTS_PER_HOUR, shift_features(harness, features), ROWS_PER_REQUEST)
    harness.advance_to(harness.control.get_time().replace(minute=0) + REPORT_DELAY)
    harness.run_minutes(12, requests=SLOW_RATE)
    checks.expect_no_rollback(harness, before)


def shift_features(harness: Harness, features: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """Training flights with some columns increased by 1.5 standard deviations."""
    from rehearsal.demo.flights_model import FEATURES

    rows = harness.rows[: REQUESTS_PER_HOUR * ROWS_PER_REQUEST].copy()
    for name in features:
        column = FEATURES.index(name)
        rows[:, column] += np.float32(np.round(1.5 * max(float(rows[:, column].std()), 1.0)))
    return rows


DATA_SCENARIOS = (
    Scenario(
        "no-traffic",
        "No traffic",
        "Requests stop: no alarm rolls back on missing data, and a ticket reports the missing requests.",
        "no rollback, a ticket",
        _run_no_traffic,
    ),
    Scenario(
        "capture-stops",
        "Capture stops",
        "Requests are answered and no longer captured: a ticket, for drift would go unseen.",
        "no rollback, a ticket",
        _run_capture_stops,
    ),
    Scenario(
        "drift-one",
        "Drift in one feature",
        "One feature moves away from training and stays there: a ticket, no page.",
        "a ticket, no page",
        _run_drift_in_one,
    ),
    Scenario(
        "drift-many",
        "Drift in many features",
        "Many features move at once and stay: somebody is paged; drift alone rolls nothing back.",
        "a page, no rollback",
        _run_drift_in_many,
    ),
    Scenario(
        "drift-crashes",
        "The drift function crashes",
        "The drift function dies in every run: a ticket reports it, instead of silence that looks like health.",
        "no rollback, a ticket",
        _run_drift_crashes,
    ),
)
