"""The alarms of an endpoint's data: capture, records, drift, and the drift function.

The drift function emits metrics once an hour. One of the last two datapoints is enough, so that a run that is a few
seconds late neither clears an alarm nor raises it again. A missing verdict is not a good one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tidewatch import metrics as m
from tidewatch.alarms.control_plane_alarms import ROLLBACK
from tidewatch.alarms.expressions import build_count, build_sum, build_variant_stats, format_number
from tidewatch.alarms.models import HOUR, Alarm, MetricMath, MetricStat, MissingData, Severity
from tidewatch.alarms.thresholds import AlarmThresholds

DRIFT = "drift"
TICKET, PAGE = 2, 3
"""Values of the metric DriftSeverity from which people are notified: ranks of tidewatch.drift.statistics.DriftSeverity,
which lambdas/drift/handler.py emits."""
ATTEMPTS = 3
"""The attempts of an asynchronous call: Lambda retries twice."""
QUARTER_DAY = 6 * HOUR

HOURS_FAILING_ALARM = Alarm(
    key="hours-failing",
    title="Hours of data unread",
    description="Some hours of captured data could not be read completely after several attempts: drift goes unseen.",
    severity=Severity.P2,
    signal=MetricStat(m.HOURS_FAILING, "Maximum"),
    period_s=HOUR,
    periods=2,
    datapoints=2,
    # An hour counts as failing between its attempts, and every run emits that.
    missing=MissingData.IGNORE,
    parents=("drift-late", "drift-failed"),
)
"""A single failure is usually repaired an hour later. Two in a row are not."""

DRIFT_FAILED_ALARM = Alarm(
    key="drift-failed",
    title="Drift function fails",
    description="The drift function failed all attempts for an hour: nothing monitors the data.",
    severity=Severity.P2,
    signal=MetricMath(
        f"IF(e >= {ATTEMPTS}, i - e, 1)",
        {"i": MetricStat(m.CALLS, "Sum", DRIFT), "e": MetricStat(m.CALL_ERRORS, "Sum", DRIFT)},
        0,
    ),
    comparison="<",
    period_s=HOUR,
)
"""Fires if all attempts of a call failed and no other call succeeded. The next run makes up for a missed one."""

DRIFT_LATE_ALARM = Alarm(
    key="drift-late",
    title="Drift function does not run",
    description="The drift function has not run for three hours: nothing monitors the data.",
    severity=Severity.P2,
    signal=MetricMath(
        "i + 0 * s", {"i": MetricStat(m.CALLS, "Sum", DRIFT), "s": MetricStat(m.CALLS, "Sum", ROLLBACK)}, 0
    ),
    comparison="<",
    period_s=HOUR,
    periods=3,
    datapoints=3,
    missing=MissingData.IGNORE,
    parents=("drift-throttled",),
)
"""The rollback function's calls, times 0, are the clock: without them a function that stops has no datapoint, and a new
one would be late before its first run. They are counted under that function's physical name, which each deployment of
the stack creates anew: a metric under the stack's key outlives a `destroy`, and an earlier stack's clock would make the
next stack's function late at once."""

DRIFT_THROTTLED_ALARM = Alarm(
    key="drift-throttled",
    title="Drift function throttled",
    description=f"The account has no concurrency left for the drift function, {format_number(ATTEMPTS)} times in an "
    "hour; the rollback function shares this concurrency.",
    severity=Severity.P2,
    signal=MetricStat(m.CALL_THROTTLES, "Sum", DRIFT),
    threshold=ATTEMPTS,
    period_s=HOUR,
)


def build_data_alarms(
    thresholds: AlarmThresholds, variants: Sequence[str], capture_percent: float
) -> tuple[Alarm, ...]:
    """Returns the alarms on captured data and on the drift function.

    `capture_percent` is the captured part of the requests, 0 to 100.
    """
    record_alarms: tuple[Alarm, ...] = ()
    if capture_percent > 0:
        record_alarms = (
            _build_capture_missing_alarm(thresholds, variants, capture_percent),
            _build_records_rejected_alarm(thresholds, variants),
            _build_drift_alarm(variants),
            _build_many_features_drift_alarm(variants),
            _build_insufficient_data_alarm(thresholds, variants),
            HOURS_FAILING_ALARM,
        )
    return (*record_alarms, DRIFT_FAILED_ALARM, DRIFT_LATE_ALARM, DRIFT_THROTTLED_ALARM)


def _build_capture_missing_alarm(thresholds: AlarmThresholds, variants: Sequence[str], capture_percent: float) -> Alarm:
    """Needs three hours in a row: nothing may be read yet of the hour in which traffic begins and of the next."""
    requests = math.ceil(thresholds.capture_requests * 100 / capture_percent)
    stats = build_variant_stats("n", m.INVOCATIONS, "Sum", variants) | build_variant_stats(
        "r", m.RECORDS_READ, "Maximum", variants
    )
    return Alarm(
        key="capture-missing",
        title="Nothing captured",
        description="The endpoint serves requests but captured none for three hours: drift goes unseen.",
        severity=Severity.P2,
        signal=MetricMath(f"IF(({build_sum('n', variants)}) >= {requests}, {build_sum('r', variants)}, 1)", stats, 0),
        comparison="<",
        period_s=HOUR,
        periods=3,
        datapoints=3,
        suppressed_by_deployment=True,
        parents=("drift-late", "drift-failed"),
    )


def _build_records_rejected_alarm(thresholds: AlarmThresholds, variants: Sequence[str]) -> Alarm:
    stats = build_variant_stats("r", m.RECORDS_READ, "Maximum", variants) | build_variant_stats(
        "x", m.RECORDS_REJECTED, "Maximum", variants
    )
    read, rejected = build_sum("r", variants), build_sum("x", variants)
    return Alarm(
        key="records-rejected",
        title="Unreadable records",
        description=f"More than {thresholds.rejected_percent:g}% of the captured records could not be read: callers "
        f"changed their format, or the model its answer.",
        severity=Severity.P2,
        signal=MetricMath(
            f"IF((({read}) >= {thresholds.minimum_requests}) AND (({rejected}) >= {thresholds.minimum_errors}), "
            f"({rejected}) / ({read}), 0)",
            stats,
            0,
            1,
        ),
        comparison=">",
        threshold=thresholds.rejected_percent / 100,
        period_s=HOUR,
        periods=2,
        datapoints=1,
    )


def _build_drift_alarm(variants: Sequence[str]) -> Alarm:
    return Alarm(
        key="drift",
        title="Drift",
        description="Features have moved away from the training data and stay there: predictions may be wrong.",
        severity=Severity.P2,
        signal=build_count(m.DRIFT_SEVERITY, "Maximum", TICKET, variants),
        period_s=HOUR,
        periods=2,
        # A night without traffic has no verdict and must not cause another page in the morning.
        missing=MissingData.IGNORE,
        parents=("many-features-drift",),
    )


def _build_many_features_drift_alarm(variants: Sequence[str]) -> Alarm:
    return Alarm(
        key="many-features-drift",
        title="Many features drift",
        description="Many features no longer look like the training data, and this persists: something upstream "
        "broke, or the world changed.",
        severity=Severity.P1,
        signal=build_count(m.DRIFT_SEVERITY, "Maximum", PAGE, variants),
        period_s=HOUR,
        periods=2,
        missing=MissingData.IGNORE,
    )


def _build_insufficient_data_alarm(thresholds: AlarmThresholds, variants: Sequence[str]) -> Alarm:
    """Uses the minimum of six hours: one verdict in them is enough."""
    periods = thresholds.insufficient_hours * HOUR // QUARTER_DAY
    return Alarm(
        key="insufficient-data",
        title="Too little data for a verdict",
        description=f"For {thresholds.insufficient_hours} hours there were too few records for a verdict on drift.",
        severity=Severity.P3,
        signal=build_count(m.DRIFT_INSUFFICIENT, "Minimum", 1, variants),
        period_s=QUARTER_DAY,
        periods=periods,
        datapoints=periods,
        missing=MissingData.MISSING,
    )
