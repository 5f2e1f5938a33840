"""All built-in alarms of a variant and of the endpoint. Only what is measured has an alarm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tidewatch.alarms.composites import CompositeAlarm, any_of
from tidewatch.alarms.control_plane_alarms import ROLLBACK, build_control_plane_alarms
from tidewatch.alarms.custom_guardrails import KEY_PREFIX
from tidewatch.alarms.data_alarms import DRIFT, build_data_alarms
from tidewatch.alarms.errors import InvalidAlarm, InvalidAlarms
from tidewatch.alarms.guardrails import build_guardrail_alarms
from tidewatch.alarms.models import Alarm, Severity
from tidewatch.alarms.serving_alarms import build_host_alarms, build_serving_alarms, build_silence_alarm
from tidewatch.alarms.thresholds import AlarmThresholds

GUARDRAIL_COMPOSITE = "guardrail"
HEALTH_COMPOSITE = "endpoint"
"""The key of the composite that is in ALARM while any alarm is."""
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
BUILT_IN_ALARM_KEYS = (*VARIANT_KEYS, *ENDPOINT_KEYS)
"""The keys of all built-in alarms except those of the objectives, which tidewatch.slo has."""
ALARM_RUNBOOKS = (*(key for key in BUILT_IN_ALARM_KEYS if key != "guardrail-model-errors"), KEY_PREFIX)
"""The runbooks that these alarms and the user's own guardrails name."""


def build_variant_alarms(
    thresholds: AlarmThresholds,
    variants: Iterable[str],
    champion: str,
    *,
    gpu_count: int = 1,
    custom: Sequence[Alarm] = (),
) -> dict[str, tuple[Alarm, ...]]:
    """Returns the alarms of each variant.

    `gpu_count` is the number of devices of one host; 0 means no alarms on them. `custom` are the user's own guardrails,
    which every variant except the champion gets. Raises InvalidAlarms if two alarms have the same key.
    """
    alarms: dict[str, tuple[Alarm, ...]] = {}
    ordered = sorted(variants)
    for variant in ordered:
        alarms[variant] = (
            *build_serving_alarms(thresholds),
            build_silence_alarm(thresholds, ordered),
            *build_host_alarms(thresholds, gpu_count),
            *((*build_guardrail_alarms(thresholds), *custom) if variant != champion else ()),
        )
        _require_unique_keys(alarms[variant])
    return alarms


def build_endpoint_alarms(
    thresholds: AlarmThresholds,
    variants: Sequence[str],
    *,
    drift: bool = True,
    capture_percent: float = 100,
    escalation_minutes: int | None = None,
) -> tuple[Alarm, ...]:
    """Returns the alarms of the endpoint as a whole.

    `variants` are the deployed ones; without any, only the control plane gets alarms. `drift` is whether the stack has
    the drift function, which alone counts captured records. `capture_percent` is the captured part of the requests, 0
    to 100. `escalation_minutes` is the time after which other people are notified of an open incident; None if there
    are no others.
    """
    data_alarms = build_data_alarms(thresholds, sorted(variants), capture_percent) if drift and variants else ()
    queue_owners = (ROLLBACK, DRIFT) if drift else (ROLLBACK,)
    return _require_unique_keys(
        (*data_alarms, *build_control_plane_alarms(thresholds, queue_owners, escalation_minutes))
    )


def build_guardrail_composite(alarms: Iterable[Alarm]) -> CompositeAlarm | None:
    """Returns the composite of a variant's guardrails, which rolls it back, or None without guardrails.

    It does not notify: the rollback does.
    """
    keys = [alarm.key for alarm in alarms if alarm.guardrail]
    if not keys:
        return None
    return CompositeAlarm(
        key=GUARDRAIL_COMPOSITE,
        description="A guardrail of the challenger fired: the challenger is worse than the champion.",
        severity=Severity.P1,
        rule=any_of(*keys),
        runbook="guardrail-errors",
        notifies=False,
    )


def _require_unique_keys(alarms: Sequence[Alarm]) -> tuple[Alarm, ...]:
    """Returns the alarms. Raises InvalidAlarms if two have the same key."""
    seen: set[str] = set()
    mistakes: list[InvalidAlarm] = []
    for alarm in alarms:
        if alarm.key in seen:
            mistakes.append(
                InvalidAlarm(
                    f'"{alarm.key}" is already the name of another alarm; give each alarm its own name', "name"
                )
            )
        seen.add(alarm.key)
    if mistakes:
        raise InvalidAlarms(mistakes)
    return tuple(alarms)
