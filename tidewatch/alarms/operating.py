"""The alarms of an endpoint's own machinery: rollback, deployments, weights, status, what could not be delivered.

The rollback function's sweep says each minute how things are. While it is silent a state is kept as it was, and
rollback-failed tells that nobody is looking.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidewatch import metrics as m
from tidewatch.alarms.limits import Limits
from tidewatch.alarms.values import Alarm, Math, Missing, Severity, Stat
from tidewatch.metrics import Metric

ROLLBACK = "rollback"
BREAK_GLASS = "break-glass"
DEPLOYMENT_RUNNING = "deployment-running"
MINUTE, FIVE_MINUTES = 60, 300


def undelivered(purposes: Sequence[str]) -> Alarm:
    """purposes: of the functions with a queue for what failed for good."""
    parts = {f"q{place}": Stat(m.MESSAGES, "Maximum", purpose) for place, purpose in enumerate(purposes)}
    return Alarm(
        key="undelivered",
        title="Undelivered events",
        says="An event was given up on after all attempts and waits in a queue: what it asked for has not happened.",
        severity=Severity.P2,
        scope="endpoint",
        signal=Math(" + ".join(parts), parts, 0),
        comparison=">=",
        threshold=1,
        period_s=FIVE_MINUTES,
        periods=1,
        datapoints=1,
        missing=Missing.NOT_BREACHING,
        suppressed_by_deployment=False,
        parents=("rollback-failed",),
    )


def rollback_failed() -> Alarm:
    """No call succeeded in five minutes, though the sweep calls each minute: errors, throttles or no calls at all.

    What the sweep last said is repeated as the clock: a function that falls silent has a datapoint without calls, and
    one that is too new to have been called has none, so that the first `up` pages nobody.
    """
    parts = {
        "i": Stat(m.CALLS, "Sum", ROLLBACK),
        "e": Stat(m.CALL_ERRORS, "Sum", ROLLBACK),
        "o": Stat(m.OPEN_INCIDENTS, "Maximum"),
    }
    return Alarm(
        key="rollback-failed",
        title="Rollback function fails",
        says="The rollback function does not work: a bad version would stay in service until somebody acts by hand.",
        severity=Severity.P1,
        scope="endpoint",
        signal=Math("i - e + 0 * FILL(o, REPEAT)", parts, 0),
        comparison="<",
        threshold=1,
        period_s=FIVE_MINUTES,
        periods=1,
        datapoints=1,
        missing=Missing.IGNORE,
        suppressed_by_deployment=False,
    )


def break_glass() -> Alarm:
    """A use is one event or a few: the alarm clears some minutes after the last, whether somebody looked or not."""
    return Alarm(
        key=BREAK_GLASS,
        title="Break-glass used",
        says="Somebody took the role that may delete versions that users are served, or did something with it.",
        severity=Severity.P1,
        scope="endpoint",
        signal=Stat(m.RULE_MATCHES, "Sum", BREAK_GLASS),
        comparison=">=",
        threshold=1,
        period_s=MINUTE,
        periods=1,
        datapoints=1,
        missing=Missing.NOT_BREACHING,
        suppressed_by_deployment=False,
    )


def rollback_pending(limits: Limits) -> Alarm:
    return _swept("rollback-pending", "Rollback takes long", Severity.P1, m.ROLLBACK_PENDING,
                  f"A rollback was asked for over {limits.rollback_pending_seconds:g} seconds ago and the weights have "
                  f"not flipped: users still get the bad version.",
                  threshold=limits.rollback_pending_seconds, parents=("rollback-blocked",))  # fmt: skip


def rollback_blocked() -> Alarm:
    return _swept("rollback-blocked", "Rollback blocked", Severity.P1, m.ROLLBACK_BLOCKED,
                  "A rollback cannot proceed by itself: users get the bad version until somebody acts.",
                  minutes=5, parents=("endpoint-not-in-service",))  # fmt: skip


def traffic_changed() -> Alarm:
    return _swept("traffic-changed", "Weights changed out of band", Severity.P2, m.OUT_OF_BAND_CHANGES,
                  "The traffic was moved by somebody else than this program: users may get a version nobody "
                  "declared.")  # fmt: skip


def records_refused() -> Alarm:
    return _swept("records-refused", "Forged or broken records", Severity.P1, m.RECORDS_REFUSED,
                  "The tables that steer the traffic hold something that nothing of ours writes: it was set "
                  "aside.")  # fmt: skip


def deployment_rolled_back() -> Alarm:
    return _swept("deployment-rolled-back", "Deployment rolled back", Severity.P2, m.DEPLOYMENT_ROLLED_BACK,
                  "SageMaker undid a deployment: users get the previous configuration, not the one asked for.",
                  minutes=3)  # fmt: skip


def unacknowledged(minutes: int) -> Alarm:
    """CloudWatch's windows are a day at most, and so are these minutes."""
    return Alarm(
        key="unacknowledged",
        title="Incident without an answer",
        says=f"Nobody has acknowledged an incident for {minutes} minutes: those who were paged may not have heard it.",
        severity=Severity.P1,
        scope="endpoint",
        signal=Stat(m.OPEN_INCIDENTS, "Maximum"),
        comparison=">=",
        threshold=1,
        period_s=MINUTE,
        periods=minutes,
        datapoints=minutes,
        missing=Missing.IGNORE,
        suppressed_by_deployment=False,
        escalates=True,
    )


def endpoint_not_in_service() -> Alarm:
    return _swept("endpoint-not-in-service", "Endpoint not in service", Severity.P1, m.ENDPOINT_NOT_IN_SERVICE,
                  "The endpoint is in a status in which it serves nobody, or which it does not leave by itself.",
                  minutes=2)  # fmt: skip


def deployment_running() -> Alarm:
    """Looked at by suppressors only. Without data it is off: a sweep that died must not silence everything."""
    return Alarm(
        key=DEPLOYMENT_RUNNING,
        title="Deployment running",
        says="The endpoint moves to another configuration: alarms of the move itself are held back.",
        severity=Severity.P3,
        scope="endpoint",
        signal=Stat(m.DEPLOYMENT_RUNNING, "Maximum"),
        comparison=">=",
        threshold=1,
        period_s=MINUTE,
        periods=1,
        datapoints=1,
        missing=Missing.NOT_BREACHING,
        suppressed_by_deployment=False,
        notifies=False,
    )


def _swept(
    key: str,
    title: str,
    severity: Severity,
    metric: Metric,
    says: str,
    *,
    threshold: float = 1,
    minutes: int = 1,
    parents: tuple[str, ...] = (),
) -> Alarm:
    return Alarm(
        key=key,
        title=title,
        says=says,
        severity=severity,
        scope="endpoint",
        signal=Stat(metric, "Maximum"),
        comparison=">=",
        threshold=threshold,
        period_s=MINUTE,
        periods=minutes,
        datapoints=minutes,
        missing=Missing.IGNORE,
        suppressed_by_deployment=key == "deployment-rolled-back",
        parents=parents,
    )
