"""Every alarm there is: of a slot, and of the endpoint. What is measured nowhere has no alarm here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tidewatch.alarms import operating, watching
from tidewatch.alarms.composite import Composite, any_of
from tidewatch.alarms.custom import PREFIX
from tidewatch.alarms.errors import InvalidAlarm, InvalidAlarms
from tidewatch.alarms.guardrails import guardrails
from tidewatch.alarms.limits import Limits
from tidewatch.alarms.values import Alarm, Severity
from tidewatch.alarms.variants import host_alarms, serving_alarms, silence

GUARDRAIL = "guardrail"
OVERALL = "endpoint"
"""The key of the composite that is in ALARM while anything is wrong."""
VARIANT_KEYS = (
    "server-errors",
    "model-errors",
    "latency",
    "overhead-latency",
    "silence",
    "gpu-utilization",
    "gpu-memory",
    "memory",
    "disk",
    "guardrail-errors",
    "guardrail-model-errors",
    "guardrail-latency",
)
ENDPOINT_KEYS = (
    "capture-missing",
    "records-rejected",
    "drift",
    "many-features-drift",
    "insufficient-data",
    "hours-failing",
    "drift-failed",
    "drift-late",
    "drift-throttled",
    "undelivered",
    "rollback-pending",
    "rollback-failed",
    "rollback-blocked",
    "traffic-changed",
    "records-refused",
    "break-glass",
    "unacknowledged",
    "deployment-rolled-back",
    "deployment-running",
    "endpoint-not-in-service",
)
CATALOG = (*VARIANT_KEYS, *ENDPOINT_KEYS)
"""The keys of all built-in alarms but those of the objectives, which tidewatch.slo has."""
RUNBOOKS = (*(key for key in CATALOG if key != "guardrail-model-errors"), PREFIX)
"""The runbooks that they and the user's own guardrails name."""


def variant_alarms(
    limits: Limits,
    slots: Iterable[str],
    champion: str,
    *,
    gpus: int = 1,
    custom: Sequence[Alarm] = (),
) -> dict[str, tuple[Alarm, ...]]:
    """The alarms of each slot.

    gpus: devices of one host; 0 has no alarm on them. custom: the user's
    own guardrails, of every slot but the champion. Raises InvalidAlarms on two alarms of one key.
    """
    found: dict[str, tuple[Alarm, ...]] = {}
    held = sorted(slots)
    for slot in held:
        found[slot] = (
            *serving_alarms(limits),
            silence(limits, held),
            *host_alarms(limits, gpus),
            *((*guardrails(limits), *custom) if slot != champion else ()),
        )
        distinct(found[slot])
    return found


def endpoint_alarms(
    limits: Limits,
    slots: Sequence[str],
    *,
    drift: bool = True,
    capture_percent: float = 100,
    escalation_minutes: int | None = None,
) -> tuple[Alarm, ...]:
    """The alarms of the endpoint as a whole.

    slots: those that hold a variant; without one only the machinery is watched. drift: whether the drift function is
    there, which alone counts captured records. capture_percent: of the requests, 0 to 100. escalation_minutes: after
    which an open incident is told to others; None where there are none to tell.
    """
    watched = _watching(limits, sorted(slots), capture_percent) if drift and slots else ()
    return distinct(
        (
            *watched,
            operating.undelivered((operating.ROLLBACK, watching.DRIFT) if drift else (operating.ROLLBACK,)),
            operating.rollback_pending(limits),
            operating.rollback_failed(),
            operating.rollback_blocked(),
            operating.traffic_changed(),
            operating.records_refused(),
            operating.break_glass(),
            *((operating.unacknowledged(escalation_minutes),) if escalation_minutes else ()),
            operating.deployment_rolled_back(),
            operating.deployment_running(),
            operating.endpoint_not_in_service(),
        )
    )


def _watching(limits: Limits, slots: Sequence[str], capture_percent: float) -> tuple[Alarm, ...]:
    of_records: tuple[Alarm, ...] = ()
    if capture_percent > 0:
        of_records = (
            watching.capture_missing(limits, slots, capture_percent),
            watching.records_rejected(limits, slots),
            watching.drift(slots),
            watching.many_features_drift(slots),
            watching.insufficient_data(limits, slots),
            watching.hours_failing(),
        )
    return (*of_records, watching.drift_failed(), watching.drift_late(), watching.drift_throttled())


def guardrail(alarms: Iterable[Alarm]) -> Composite | None:
    """What rolls a slot back: any of its guardrails. It notifies nobody itself, the rollback does; None without any."""
    keys = [alarm.key for alarm in alarms if alarm.guardrail]
    if not keys:
        return None
    return Composite(
        key=GUARDRAIL,
        title="Guardrail",
        says="The challenger is worse than the champion in something that rolls it back.",
        severity=Severity.P1,
        scope="variant",
        rule=any_of(*keys),
        suppressed_by_deployment=False,
        runbook="guardrail-errors",
        notifies=False,
    )


def distinct(alarms: Sequence[Alarm]) -> tuple[Alarm, ...]:
    """The alarms, if no two have one key. Raises InvalidAlarms."""
    seen: set[str] = set()
    mistakes: list[InvalidAlarm] = []
    for alarm in alarms:
        if alarm.key in seen:
            mistakes.append(InvalidAlarm(f'"{alarm.key}" is the name of another alarm too; give each its own', "name"))
        seen.add(alarm.key)
    if mistakes:
        raise InvalidAlarms(mistakes)
    return tuple(alarms)
