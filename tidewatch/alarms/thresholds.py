"""The thresholds of the built-in alarms, each with its default, meaning and the range in which the alarm can fire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tidewatch.alarms.errors import InvalidAlarm, InvalidAlarms
from tidewatch.alarms.expressions import format_number


def _declare_threshold(default: float, minimum: float, maximum: float, step: int = 0, *, description: str) -> Any:
    """Returns a field with inclusive bounds. A nonzero `step` allows only whole multiples of it."""
    bounds = {"minimum": minimum, "maximum": maximum, "step": step}
    return field(default=default, metadata={**bounds, "description": description})


@dataclass(frozen=True)
class AlarmThresholds:
    """The thresholds of the alarms. Percentages are 0 to 100. Raises InvalidAlarms."""

    server_error_percent: float = _declare_threshold(
        2, 0.01, 99, description="percent of a variant's requests that fail with a server error, in five minutes"
    )
    model_error_percent: float = _declare_threshold(
        5, 0.01, 99, description="percent of a variant's requests that get no prediction, in five minutes"
    )
    latency_milliseconds: float = _declare_threshold(
        500, 1, 50_000, description="how long `latencyPercent` of the predictions may take"
    )
    latency_percent: float = _declare_threshold(
        95, 50, 99.9, description="percent of the predictions that may take no longer than `latencyMilliseconds`"
    )
    overhead_milliseconds: float = _declare_threshold(
        200, 1, 60_000, description="how much time SageMaker may add to a typical request"
    )
    silence_minutes: int = _declare_threshold(
        15, 5, 1440, 5, description="without requests although some are expected; a multiple of 5"
    )
    gpu_percent: float = _declare_threshold(
        90, 1, 99, description="use of a host's graphics processors, for 15 minutes"
    )
    gpu_memory_percent: float = _declare_threshold(
        90, 1, 99, description="use of the memory of a host's graphics processors, for 15 minutes"
    )
    memory_percent: float = _declare_threshold(90, 1, 99, description="use of a host's memory, for 15 minutes")
    disk_percent: float = _declare_threshold(75, 1, 99, description="use of a host's disk, for 15 minutes")
    minimum_requests: int = _declare_threshold(
        20, 1, 1_000_000, 1, description="minimum requests in a period for an error rate"
    )
    minimum_errors: int = _declare_threshold(
        5, 1, 100_000, 1, description="minimum errors for an error rate; fewer count as single events"
    )
    guardrail_error_points: float = _declare_threshold(
        2, 0.01, 99, description="percentage points by which a challenger may fail more often than the champion"
    )
    guardrail_latency_ratio: float = _declare_threshold(
        1.5,
        1.01,
        100,
        description="how many times as long as the champion a challenger may take; `guardrailLatencyMilliseconds` "
        "must be exceeded too",
    )
    guardrail_latency_milliseconds: float = _declare_threshold(
        20,
        0,
        50_000,
        description="by how much a challenger may be slower; `guardrailLatencyRatio` must be exceeded too",
    )
    guardrail_latency_requests: int = _declare_threshold(
        100,
        1,
        1_000_000,
        1,
        description="minimum requests a minute to compare latency: with fewer, long tails differ by chance",
    )
    capture_requests: int = _declare_threshold(
        100, 1, 1_000_000_000, 1, description="requests in an hour, of which at least one must have been captured"
    )
    rejected_percent: float = _declare_threshold(
        1, 0.01, 99, description="percent of the captured records that could not be read"
    )
    insufficient_hours: int = _declare_threshold(
        24, 6, 168, 6, description="without enough data for a verdict on drift; a multiple of 6"
    )
    rollback_pending_seconds: float = _declare_threshold(
        300, 60, 86_400, description="that a rollback may take before somebody is paged"
    )

    def __post_init__(self) -> None:
        mistakes = [
            InvalidAlarm(fault, _to_camel_case(threshold.name))
            for threshold in fields(self)
            if (fault := find_range_fault(getattr(self, threshold.name), threshold.metadata))
        ]
        if mistakes:
            raise InvalidAlarms(mistakes)


def find_range_fault(value: float, bounds: Mapping[str, Any]) -> str:
    """Returns the mistake in a threshold's value as the second half of a sentence, or "".

    `bounds` is the metadata of the field.
    """
    minimum, maximum, step = bounds["minimum"], bounds["maximum"], bounds["step"]
    if not minimum <= value <= maximum:
        return f"{format_number(value)} is out of range; use {format_number(minimum)} to {format_number(maximum)}"
    if step > 1 and value % step:
        return f"{format_number(value)} is not a multiple of {step}; use one like {step * 2}"
    return ""


def _to_camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
