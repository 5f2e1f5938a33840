"""Every alarm there is: of a variant, and of the endpoint. What is measured nowhere has no alarm here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tidewatch.alarms import control_plane_alarms, data_alarms
from tidewatch.alarms.composites import CompositeAlarm, any_of
from tidewatch.alarms.custom_guardrails import KEY_PREFIX
from tidewatch.alarms.errors import InvalidAlarm, InvalidAlarms
from tidewatch.alarms.guardrails import build_guardrail_alarms
from tidewatch.alarms.models import Alarm, Severity
from tidewatch.alarms.serving_alarms import build_host_alarms, build_serving_alarms, build_silence_alarm
from tidewatch.alarms.thresholds import AlarmThresholds

GUARDRAIL_COMPOSITE = "guardrail"
HEALTH_COMPOSITE = "endpoint"
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
BUILT_IN_ALARM_KEYS = (*VARIANT_KEYS, *ENDPOINT_KEYS)
"""The keys of all built-in alarms but those of the objectives, which tidewatch.slo has."""
ALARM_RUNBOOKS = (*(key for key in BUILT_IN_ALARM_KEYS if key != "guardrail-model-errors"), KEY_PREFIX)
"""The runbooks that they and the user's own guardrails name."""


def build_variant_alarms(
    thresholds: AlarmThresholds,
    variants: Iterable[str],
    champion: str,
    *,
    gpu_count: int = 1,
    custom: Sequence[Alarm] = (),
) -> dict[str, tuple[Alarm, ...]]:
    """The alarms of each variant.

    gpus: devices of one host; 0 has no alarm on them. custom: the user's
    own guardrails, of every variant but the champion. Raises InvalidAlarms on two alarms of one key.
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
        require_unique_keys(alarms[variant])
    return alarms


def build_endpoint_alarms(
    thresholds: AlarmThresholds,
    variants: Sequence[str],
    *,
    drift: bool = True,
    capture_percent: float = 100,
    escalation_minutes: int | None = None,
) -> tuple[Alarm, ...]:
    """The alarms of the endpoint as a whole.

    variants: those that hold a variant; without one only the machinery is watched. drift: whether the drift function is
    there, which alone counts captured records. capture_percent: of the requests, 0 to 100. escalation_minutes: after
    which an open incident is told to others; None where there are none to tell.
    """
    alarms_on_data = _build_data_alarms(thresholds, sorted(variants), capture_percent) if drift and variants else ()
    return require_unique_keys(
        (
            *alarms_on_data,
            control_plane_alarms.build_undelivered_alarm(
                (control_plane_alarms.ROLLBACK, data_alarms.DRIFT) if drift else (control_plane_alarms.ROLLBACK,)
            ),
            control_plane_alarms.build_rollback_pending_alarm(thresholds),
            control_plane_alarms.build_rollback_failed_alarm(),
            control_plane_alarms.build_rollback_blocked_alarm(),
            control_plane_alarms.build_traffic_changed_alarm(),
            control_plane_alarms.build_records_refused_alarm(),
            control_plane_alarms.build_break_glass_alarm(),
            *((control_plane_alarms.build_unacknowledged_alarm(escalation_minutes),) if escalation_minutes else ()),
            control_plane_alarms.build_deployment_rolled_back_alarm(),
            control_plane_alarms.build_deployment_running_alarm(),
            control_plane_alarms.build_endpoint_not_in_service_alarm(),
        )
    )


def _build_data_alarms(
    thresholds: AlarmThresholds, variants: Sequence[str], capture_percent: float
) -> tuple[Alarm, ...]:
    record_alarms: tuple[Alarm, ...] = ()
    if capture_percent > 0:
        record_alarms = (
            data_alarms.build_capture_missing_alarm(thresholds, variants, capture_percent),
            data_alarms.build_records_rejected_alarm(thresholds, variants),
            data_alarms.build_drift_alarm(variants),
            data_alarms.build_many_features_drift_alarm(variants),
            data_alarms.build_insufficient_data_alarm(thresholds, variants),
            data_alarms.build_hours_failing_alarm(),
        )
    return (
        *record_alarms,
        data_alarms.build_drift_failed_alarm(),
        data_alarms.build_drift_late_alarm(),
        data_alarms.build_drift_throttled_alarm(),
    )


def build_guardrail_composite(alarms: Iterable[Alarm]) -> CompositeAlarm | None:
    """What rolls a variant back: any of its guardrails. It notifies nobody itself, the rollback does; None without
    any."""
    keys = [alarm.key for alarm in alarms if alarm.guardrail]
    if not keys:
        return None
    return CompositeAlarm(
        key=GUARDRAIL_COMPOSITE,
        title="Guardrail",
        description="The challenger is worse than the champion in something that rolls it back.",
        severity=Severity.P1,
        scope="variant",
        rule=any_of(*keys),
        suppressed_by_deployment=False,
        runbook="guardrail-errors",
        notifies=False,
    )


def require_unique_keys(alarms: Sequence[Alarm]) -> tuple[Alarm, ...]:
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
