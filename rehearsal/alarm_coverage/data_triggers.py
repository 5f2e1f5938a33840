"""Triggers for the alarms of captured data, of drift, and of the drift function."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from rehearsal.alarm_coverage.trigger import AlarmTrigger, wait_for_alarm, wait_for_ok
from rehearsal.demo.flights_model import FEATURES
from rehearsal.gamedays.drift_hours import HOUR, REQUESTS_PER_HOUR, ROWS_PER_REQUEST, wait_until_read
from rehearsal.gamedays.harness import FEW_REQUESTS, Harness
from rehearsal.gamedays.manual_changes import deny_reads
from rehearsal.gamedays.scenarios.data import shift_features

DAY = timedelta(days=1)
WINDOW_DAYS = 3
SPARSE_QUARTER_DAYS = 5
"""Quarters of a day with too little data, one more than a day has."""
TOO_FEW_REQUESTS = 4
CAPTURE_REQUESTS = 120
"""Requests in an hour of which the endpoint must capture some."""
SHIFTED_FEATURES = ("hour", "weekday", "distance", "precip", "visib", "wind_speed", "humid")


def _advance_days(harness: Harness, days: int = 1) -> None:
    harness.advance_to((harness.control.get_time() + days * DAY).replace(hour=12, minute=5, second=0, microsecond=0))


def _stop_capture(harness: Harness) -> None:
    fault = harness.control.inject("capture_stops", endpoint=harness.endpoint)
    for _ in range(4):
        harness.send_requests(CAPTURE_REQUESTS)
        wait_until_read(harness)
    wait_for_alarm(harness, "capture-missing", requests=FEW_REQUESTS)
    harness.control.clear(fault)
    harness.send_requests(CAPTURE_REQUESTS)
    wait_until_read(harness)
    wait_for_ok(harness, "capture-missing", requests=FEW_REQUESTS)


def _send_sparse_then_drifted(harness: Harness) -> None:
    """Sends days of too few flights, of drifted flights, of training flights, and of unreadable records."""
    _advance_days(harness, WINDOW_DAYS + 1)
    for _ in range(SPARSE_QUARTER_DAYS):
        harness.send_requests(TOO_FEW_REQUESTS)
        harness.advance_to(harness.control.get_time() + 6 * HOUR)
    wait_for_alarm(harness, "insufficient-data", requests=FEW_REQUESTS)
    for _ in range(WINDOW_DAYS):
        _advance_days(harness)
        harness.send_requests(REQUESTS_PER_HOUR, shift_features(harness, SHIFTED_FEATURES), ROWS_PER_REQUEST)
    wait_until_read(harness)
    wait_for_alarm(harness, "drift", "many-features-drift", requests=FEW_REQUESTS)
    wait_for_ok(harness, "insufficient-data", requests=FEW_REQUESTS)
    for _ in range(WINDOW_DAYS + 1):
        _advance_days(harness)
        harness.send_requests(REQUESTS_PER_HOUR, rows_each=ROWS_PER_REQUEST)
    wait_until_read(harness)
    wait_for_ok(harness, "drift", "many-features-drift", requests=FEW_REQUESTS)


def _send_unreadable(harness: Harness) -> None:
    """Sends requests that the model answers with infinity, which the drift function cannot count."""
    rows = harness.rows[:CAPTURE_REQUESTS].copy()
    rows[:, FEATURES.index("distance")] = np.inf
    harness.send_requests(len(rows), rows)
    wait_until_read(harness)
    wait_for_alarm(harness, "records-rejected", requests=FEW_REQUESTS)
    for _ in range(2):
        harness.send_requests(CAPTURE_REQUESTS)
        wait_until_read(harness)
    wait_for_ok(harness, "records-rejected", requests=FEW_REQUESTS)


def _deny_captured_objects(harness: Harness) -> None:
    """A bucket policy hides the captured objects for two hours; the failed hours are read after their delay."""
    bucket = harness.outputs["buckets"]["capture"]
    before = deny_reads(harness, bucket, "*")
    for _ in range(2):
        harness.send_requests(CAPTURE_REQUESTS)
        wait_until_read(harness)
    wait_for_alarm(harness, "hours-failing", requests=FEW_REQUESTS)
    harness.get_client("s3").put_bucket_policy(Bucket=bucket, Policy=before)
    for _ in range(3):
        harness.send_requests(CAPTURE_REQUESTS)
        wait_until_read(harness)
    wait_for_ok(harness, "hours-failing", requests=FEW_REQUESTS)


def _kill_drift_function(harness: Harness) -> None:
    """Three attempts at one hour fail, and its event waits in the dead-letter queue."""
    harness.control.inject("function_killed", times=3, function=harness.outputs["drift"]["function"])
    wait_until_read(harness)
    wait_for_alarm(harness, "drift-failed", "undelivered", requests=FEW_REQUESTS)
    sqs, function = harness.get_client("sqs"), harness.outputs["drift"]["function"]
    destinations = harness.get_client("lambda").get_function_event_invoke_config(FunctionName=function)[
        "DestinationConfig"
    ]
    name = destinations["OnFailure"]["Destination"].rpartition(":")[2]
    sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])
    wait_until_read(harness)
    wait_for_ok(harness, "drift-failed", "undelivered", requests=FEW_REQUESTS)


def _throttle_drift_function(harness: Harness) -> None:
    fault = harness.control.inject("function_throttled", function=harness.outputs["drift"]["function"])
    for _ in range(4):
        wait_until_read(harness)
    wait_for_alarm(harness, "drift-throttled", "drift-late", requests=FEW_REQUESTS)
    harness.control.clear(fault)
    for _ in range(2):
        wait_until_read(harness)
    wait_for_ok(harness, "drift-throttled", "drift-late", requests=FEW_REQUESTS)


DATA_TRIGGERS = (
    AlarmTrigger(
        "data",
        "For a day too few flights are asked about, for three days others than those of training, then the usual.",
        ("insufficient-data", "drift", "many-features-drift"),
        _send_sparse_then_drifted,
    ),
    AlarmTrigger(
        "capture-stops",
        "Requests are answered and not captured for four hours, then captured again.",
        ("capture-missing",),
        _stop_capture,
    ),
    AlarmTrigger(
        "unreadable-records",
        "Callers send infinite distances for an hour, which the model answers, then finite ones.",
        ("records-rejected",),
        _send_unreadable,
    ),
    AlarmTrigger(
        "hidden-objects",
        "A bucket's policy hides the captured objects from everybody for two hours, then no more.",
        ("hours-failing",),
        _deny_captured_objects,
    ),
    AlarmTrigger(
        "drift-killed",
        "The drift function is killed at all attempts of an hour; its event is taken out of the queue, the next runs.",
        ("drift-failed", "undelivered"),
        _kill_drift_function,
    ),
    AlarmTrigger(
        "drift-throttled",
        "The drift function finds no free concurrency for four hours, then it does.",
        ("drift-throttled", "drift-late"),
        _throttle_drift_function,
    ),
)
