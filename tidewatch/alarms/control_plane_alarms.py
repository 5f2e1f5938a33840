"""The alarms of an endpoint's own machinery: rollback, deployments, weights, status, what could not be delivered.

The rollback function's sweep says each minute how things are. While it is silent a state is kept as it was, and
rollback-failed tells that nobody is looking.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidewatch import metrics as m
from tidewatch.alarms.models import Alarm, MetricMath, MetricStat, MissingData, Severity
from tidewatch.alarms.thresholds import AlarmThresholds
from tidewatch.metrics import Metric

ROLLBACK = "rollback"
BREAK_GLASS = "break-glass"
DEPLOYMENT_RUNNING = "deployment-running"
MINUTE, FIVE_MINUTES = 60, 300


def build_undelivered_alarm(purposes: Sequence[str]) -> Alarm:
    """purposes: of the functions with a queue for what failed for good."""
    stats = {f"q{index}": MetricStat(m.MESSAGES, "Maximum", purpose) for index, purpose in enumerate(purposes)}
    return Alarm(
        key="undelivered",
        title="Undelivered events",
        description=(
            "An event was given up on after all attempts and waits in a queue: what it asked for has not happened."
        ),
        severity=Severity.P2,
        scope="endpoint",
        signal=MetricMath(" + ".join(stats), stats, 0),
        comparison=">=",
        threshold=1,
        period_s=FIVE_MINUTES,
        periods=1,
        datapoints=1,
        missing=MissingData.NOT_BREACHING,
        suppressed_by_deployment=False,
        parents=("rollback-failed",),
    )


def build_rollback_failed_alarm() -> Alarm:
    """No call succeeded in five minutes, though the sweep calls each minute: errors, throttles or no calls at all.

    What the sweep last said is repeated as the clock: a function that falls silent has a datapoint without calls, and
    one that is too new to have been called has none, so that the first `up` pages nobody.
    """
    stats = {
        "i": MetricStat(m.CALLS, "Sum", ROLLBACK),
        "e": MetricStat(m.CALL_ERRORS, "Sum", ROLLBACK),
        "o": MetricStat(m.OPEN_INCIDENTS, "Maximum"),
    }
    return Alarm(
        key="rollback-failed",
        title="Rollback function fails",
        description=(
            "The rollback function does not work: a bad version would stay in service until somebody acts by hand."
        ),
        severity=Severity.P1,
        scope="endpoint",
        signal=MetricMath("i - e + 0 * FILL(o, REPEAT)", stats, 0),
        comparison="<",
        threshold=1,
        period_s=FIVE_MINUTES,
        periods=1,
        datapoints=1,
        missing=MissingData.IGNORE,
        suppressed_by_deployment=False,
    )


def build_break_glass_alarm() -> Alarm:
    """A use is one event or a few: the alarm clears some minutes after the last, whether somebody looked or not."""
    return Alarm(
        key=BREAK_GLASS,
        title="Break-glass used",
        description="Somebody took the role that may delete versions that users are served, or did something with it.",
        severity=Severity.P1,
        scope="endpoint",
        signal=MetricStat(m.RULE_MATCHES, "Sum", BREAK_GLASS),
        comparison=">=",
        threshold=1,
        period_s=MINUTE,
        periods=1,
        datapoints=1,
        missing=MissingData.NOT_BREACHING,
        suppressed_by_deployment=False,
    )


def build_rollback_pending_alarm(thresholds: AlarmThresholds) -> Alarm:
    return _build_sweep_alarm("rollback-pending", "Rollback takes long", Severity.P1, m.ROLLBACK_PENDING,
                  f"A rollback was asked for over {thresholds.rollback_pending_seconds:g} seconds ago and the "
                  "weights have "
                  f"not flipped: users still get the bad version.",
                  threshold=thresholds.rollback_pending_seconds, parents=("rollback-blocked",))  # fmt: skip


def build_rollback_blocked_alarm() -> Alarm:
    return _build_sweep_alarm("rollback-blocked", "Rollback blocked", Severity.P1, m.ROLLBACK_BLOCKED,
                  "A rollback cannot proceed by itself: users get the bad version until somebody acts.",
                  minutes=5, parents=("endpoint-not-in-service",))  # fmt: skip


def build_traffic_changed_alarm() -> Alarm:
    return _build_sweep_alarm("traffic-changed", "Weights changed out of band", Severity.P2, m.OUT_OF_BAND_CHANGES,
                  "The traffic was moved by somebody else than this program: users may get a version nobody "
                  "declared.")  # fmt: skip


def build_records_refused_alarm() -> Alarm:
    return _build_sweep_alarm("records-refused", "Forged or broken records", Severity.P1, m.RECORDS_REFUSED,
                  "The tables that steer the traffic hold something that nothing of ours writes: it was set "
                  "aside.")  # fmt: skip


def build_deployment_rolled_back_alarm() -> Alarm:
    return _build_sweep_alarm("deployment-rolled-back", "Deployment rolled back", Severity.P2, m.DEPLOYMENT_ROLLED_BACK,
                  "SageMaker undid a deployment: users get the previous configuration, not the one asked for.",
                  minutes=3)  # fmt: skip


def build_unacknowledged_alarm(minutes: int) -> Alarm:
    """CloudWatch's windows are a day at most, and so are these minutes."""
    return Alarm(
        key="unacknowledged",
        title="Incident without an answer",
        description=(
            f"Nobody has acknowledged an incident for {minutes} minutes: those who were paged may not have heard it."
        ),
        severity=Severity.P1,
        scope="endpoint",
        signal=MetricStat(m.OPEN_INCIDENTS, "Maximum"),
        comparison=">=",
        threshold=1,
        period_s=MINUTE,
        periods=minutes,
        datapoints=minutes,
        missing=MissingData.IGNORE,
        suppressed_by_deployment=False,
        escalates=True,
    )


def build_endpoint_not_in_service_alarm() -> Alarm:
    return _build_sweep_alarm(
        "endpoint-not-in-service",
        "Endpoint not in service",
        Severity.P1,
        m.ENDPOINT_NOT_IN_SERVICE,
        "The endpoint is in a status in which it serves nobody, or which it does not leave by itself.",
        minutes=2,
    )


def build_deployment_running_alarm() -> Alarm:
    """Looked at by suppressors only. Without data it is off: a sweep that died must not silence everything."""
    return Alarm(
        key=DEPLOYMENT_RUNNING,
        title="Deployment running",
        description="The endpoint moves to another configuration: alarms of the move itself are held back.",
        severity=Severity.P3,
        scope="endpoint",
        signal=MetricStat(m.DEPLOYMENT_RUNNING, "Maximum"),
        comparison=">=",
        threshold=1,
        period_s=MINUTE,
        periods=1,
        datapoints=1,
        missing=MissingData.NOT_BREACHING,
        suppressed_by_deployment=False,
        notifies=False,
    )


def _build_sweep_alarm(
    key: str,
    title: str,
    severity: Severity,
    metric: Metric,
    description: str,
    *,
    threshold: float = 1,
    minutes: int = 1,
    parents: tuple[str, ...] = (),
) -> Alarm:
    return Alarm(
        key=key,
        title=title,
        description=description,
        severity=severity,
        scope="endpoint",
        signal=MetricStat(metric, "Maximum"),
        comparison=">=",
        threshold=threshold,
        period_s=MINUTE,
        periods=minutes,
        datapoints=minutes,
        missing=MissingData.IGNORE,
        suppressed_by_deployment=key == "deployment-rolled-back",
        parents=parents,
    )
