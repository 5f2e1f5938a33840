"""From when the built-in alarms fire: every threshold, its default, and the range in which it can fire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tidewatch.alarms import config_values
from tidewatch.alarms.errors import InvalidAlarm, InvalidAlarms


def _make_threshold_field(default: float, minimum: float, maximum: float, step: int = 0) -> Any:
    """A field from least to most, both allowed; step: whole numbers, multiples of it."""
    return field(default=default, metadata={"least": minimum, "most": maximum, "step": step})


@dataclass(frozen=True)
class AlarmThresholds:
    """Thresholds, set by the config section `alarms` in camelCase. Percent are 0 to 100. Raises InvalidAlarms.

    server_error_percent, model_error_percent: of a variant's requests. latency_milliseconds: latency_percent of the
    requests are to take no longer. overhead_milliseconds: what SageMaker may add, as trimmed mean. silence_minutes:
    without a request. gpu_percent, gpu_memory_percent: of all devices of a host; memory_percent, disk_percent: of it.
    minimum_requests: fewer in a period say nothing about a rate; minimum_errors: fewer are single events.
    guardrail_error_points: by how many percentage points the challenger may fail more often than the champion.
    guardrail_latency_ratio: how many times as long it may take; guardrail_latency_milliseconds: less is no difference.
    capture_requests: an hour with as many must have captured something. rejected_percent: of the captured records.
    insufficient_hours: without enough data for any verdict. rollback_pending_seconds: from a rollback's request.
    """

    server_error_percent: float = _make_threshold_field(2, 0.01, 99)
    model_error_percent: float = _make_threshold_field(5, 0.01, 99)
    latency_milliseconds: float = _make_threshold_field(500, 1, 50_000)
    latency_percent: float = _make_threshold_field(95, 50, 99.9)
    overhead_milliseconds: float = _make_threshold_field(200, 1, 60_000)
    silence_minutes: int = _make_threshold_field(15, 5, 1440, 5)
    gpu_percent: float = _make_threshold_field(90, 1, 99)
    gpu_memory_percent: float = _make_threshold_field(90, 1, 99)
    memory_percent: float = _make_threshold_field(90, 1, 99)
    disk_percent: float = _make_threshold_field(75, 1, 99)
    minimum_requests: int = _make_threshold_field(20, 1, 1_000_000, 1)
    minimum_errors: int = _make_threshold_field(5, 1, 100_000, 1)
    guardrail_error_points: float = _make_threshold_field(2, 0.01, 99)
    guardrail_latency_ratio: float = _make_threshold_field(1.5, 1.01, 100)
    guardrail_latency_milliseconds: float = _make_threshold_field(20, 0, 50_000)
    guardrail_latency_requests: int = _make_threshold_field(100, 1, 1_000_000, 1)
    capture_requests: int = _make_threshold_field(100, 1, 1_000_000_000, 1)
    rejected_percent: float = _make_threshold_field(1, 0.01, 99)
    insufficient_hours: int = _make_threshold_field(24, 6, 168, 6)
    rollback_pending_seconds: float = _make_threshold_field(300, 60, 86_400)

    def __post_init__(self) -> None:
        mistakes: list[InvalidAlarm] = []
        for threshold in fields(self):
            try:
                _require_in_range(getattr(self, threshold.name), threshold.metadata)
            except InvalidAlarm as mistake:
                mistakes.append(mistake.with_prefix(_to_camel_case(threshold.name)))
        if mistakes:
            raise InvalidAlarms(mistakes)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> AlarmThresholds:
        """The limits of a config section; numbers may be text. Raises InvalidAlarms, naming every mistake."""
        fields_by_key = {_to_camel_case(threshold.name): threshold for threshold in fields(cls)}
        mistakes = [
            config_values.build_unknown_key_error(key, fields_by_key)
            for key in sorted(config.keys() - fields_by_key.keys())
        ]
        values: dict[str, Any] = {}
        for key in sorted(config.keys() & fields_by_key.keys()):
            try:
                value = (
                    config_values.parse_integer if fields_by_key[key].metadata["step"] else config_values.parse_number
                )(config[key])
                _require_in_range(value, fields_by_key[key].metadata)
                values[fields_by_key[key].name] = value
            except InvalidAlarm as mistake:
                mistakes.append(mistake.with_prefix(key))
        if mistakes:
            raise InvalidAlarms(mistakes)
        return cls(**values)


def _require_in_range(value: float, bounds: Mapping[str, Any]) -> None:
    minimum, maximum, step = bounds["least"], bounds["most"], bounds["step"]
    if not minimum <= value <= maximum:
        raise InvalidAlarm(
            f"{config_values.format_number(value)} is out of range; use {config_values.format_number(minimum)} to "
            f"{config_values.format_number(maximum)}"
        )
    if step > 1 and value % step:
        raise InvalidAlarm(f"{config_values.format_number(value)} is no multiple of {step}; use one like {step * 2}")


def _to_camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
