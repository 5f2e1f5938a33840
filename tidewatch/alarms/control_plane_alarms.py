"""The alarms of the control plane: rollback, deployments, weights, endpoint status, undelivered events.

The rollback function's sweep emits these metrics each minute. While it is silent the alarms keep their states, and
rollback-failed fires.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidewatch import metrics as m
from tidewatch.alarms.models import FIVE_MINUTES, Alarm, MetricMath, MetricStat, MissingData, Severity
from tidewatch.alarms.thresholds import AlarmThresholds

ROLLBACK = "rollback"
BREAK_GLASS = "break-glass"
DEPLOYMENT_RUNNING = "deployment-running"

ROLLBACK_FAILED_ALARM = Alarm(
    key="rollback-failed",
    title="Rollback function fails",
    description="The rollback function fails: a bad version would stay in service until somebody acts by hand.",
    severity=Severity.P1,
    signal=MetricMath(
        "i - e + 0 * FILL(i, REPEAT)",
        {"i": MetricStat(m.CALLS, "Sum", ROLLBACK), "e": MetricStat(m.CALL_ERRORS, "Sum", ROLLBACK)},
        0,
    ),
    comparison="<",
    period_s=FIVE_MINUTES,
    missing=MissingData.IGNORE,
)
"""Fires if no call succeeded in five minutes although the sweep calls each minute: errors, throttles or no calls.

The last count of calls, repeated, is the clock: a function that stops gets datapoints without calls, and one that was
never called gets none, so that the first `up` pages nobody. The calls are counted under the function's physical name:
the metrics that an earlier stack emitted under the same key say nothing about this function.
"""

ROLLBACK_BLOCKED_ALARM = Alarm(
    key="rollback-blocked",
    title="Rollback blocked",
    description="A rollback cannot proceed by itself: users get the bad version until somebody acts.",
    severity=Severity.P1,
    signal=MetricStat(m.ROLLBACK_BLOCKED, "Maximum"),
    periods=5,
    datapoints=5,
    missing=MissingData.IGNORE,
    parents=("endpoint-not-in-service",),
)

TRAFFIC_CHANGED_ALARM = Alarm(
    key="traffic-changed",
    title="Weights changed out of band",
    description="Something other than this program moved the traffic: users may get a version that nobody declared.",
    severity=Severity.P2,
    signal=MetricStat(m.OUT_OF_BAND_CHANGES, "Maximum"),
    missing=MissingData.IGNORE,
)

RECORDS_REFUSED_ALARM = Alarm(
    key="records-refused",
    title="Forged or broken records",
    description="The tables that control the traffic hold a record that this program did not write; it was ignored.",
    severity=Severity.P1,
    signal=MetricStat(m.RECORDS_REFUSED, "Maximum"),
    missing=MissingData.IGNORE,
)

BREAK_GLASS_ALARM = Alarm(
    key=BREAK_GLASS,
    title="Break-glass used",
    description="Somebody assumed or used the break-glass role, which may delete versions in service.",
    severity=Severity.P1,
    signal=MetricStat(m.RULE_MATCHES, "Sum", BREAK_GLASS),
)
"""A use is one event or a few. The alarm clears some minutes after the last one, whether or not anybody looked."""

DEPLOYMENT_ROLLED_BACK_ALARM = Alarm(
    key="deployment-rolled-back",
    title="Deployment rolled back",
    description="SageMaker undid a deployment: users get the previous configuration, not the requested one.",
    severity=Severity.P2,
    signal=MetricStat(m.DEPLOYMENT_ROLLED_BACK, "Maximum"),
    periods=3,
    datapoints=3,
    missing=MissingData.IGNORE,
    suppressed_by_deployment=True,
)

DEPLOYMENT_RUNNING_ALARM = Alarm(
    key=DEPLOYMENT_RUNNING,
    title="Deployment running",
    description="The endpoint is moving to another configuration: alarms that the move causes are suppressed.",
    severity=Severity.P3,
    signal=MetricStat(m.DEPLOYMENT_RUNNING, "Maximum"),
    notifies=False,
)
"""Only suppressors use it. It is off without data: a dead sweep must not silence other alarms."""

ENDPOINT_NOT_IN_SERVICE_ALARM = Alarm(
    key="endpoint-not-in-service",
    title="Endpoint not in service",
    description="The endpoint's status is one in which it does not serve, or one that it cannot leave by itself.",
    severity=Severity.P1,
    signal=MetricStat(m.ENDPOINT_NOT_IN_SERVICE, "Maximum"),
    periods=2,
    datapoints=2,
    missing=MissingData.IGNORE,
)


def build_control_plane_alarms(
    thresholds: AlarmThresholds, queue_owners: Sequence[str], escalation_minutes: int | None
) -> tuple[Alarm, ...]:
    """Returns the alarms of the control plane.

    `queue_owners` are the purposes of the functions with a queue for failed events. `escalation_minutes` is the time
    after which other people are called about an open incident; None if there are no others.
    """
    return (
        _build_undelivered_alarm(queue_owners),
        _build_rollback_pending_alarm(thresholds),
        ROLLBACK_FAILED_ALARM,
        ROLLBACK_BLOCKED_ALARM,
        TRAFFIC_CHANGED_ALARM,
        RECORDS_REFUSED_ALARM,
        BREAK_GLASS_ALARM,
        *((_build_unacknowledged_alarm(escalation_minutes),) if escalation_minutes else ()),
        DEPLOYMENT_ROLLED_BACK_ALARM,
        DEPLOYMENT_RUNNING_ALARM,
        ENDPOINT_NOT_IN_SERVICE_ALARM,
    )


def _build_undelivered_alarm(queue_owners: Sequence[str]) -> Alarm:
    stats = {f"q{index}": MetricStat(m.MESSAGES, "Maximum", owner) for index, owner in enumerate(queue_owners)}
    return Alarm(
        key="undelivered",
        title="Undelivered events",
        description="An event failed all its attempts and waits in the dead-letter queue: its work was not done.",
        severity=Severity.P2,
        signal=MetricMath(" + ".join(stats), stats, 0),
        period_s=FIVE_MINUTES,
        parents=("rollback-failed",),
    )


def _build_rollback_pending_alarm(thresholds: AlarmThresholds) -> Alarm:
    return Alarm(
        key="rollback-pending",
        title="Rollback takes long",
        description=f"A rollback was requested over {thresholds.rollback_pending_seconds:g} seconds ago and the "
        "weights have not flipped: users still get the bad version.",
        severity=Severity.P1,
        signal=MetricStat(m.ROLLBACK_PENDING, "Maximum"),
        threshold=thresholds.rollback_pending_seconds,
        missing=MissingData.IGNORE,
        parents=("rollback-blocked",),
    )


def _build_unacknowledged_alarm(minutes: int) -> Alarm:
    """Returns the alarm; CloudWatch's windows are a day at most, and so is the number of minutes."""
    return Alarm(
        key="unacknowledged",
        title="Unacknowledged incident",
        description=f"Nobody has acknowledged an incident for {minutes} minutes: the page may not have reached "
        "anybody.",
        severity=Severity.P1,
        signal=MetricStat(m.OPEN_INCIDENTS, "Maximum"),
        periods=minutes,
        datapoints=minutes,
        missing=MissingData.IGNORE,
        escalates=True,
    )
