"""From when the built-in alarms fire: every threshold, its default, and the range in which it can fire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from tidewatch.alarms import reading
from tidewatch.alarms.errors import InvalidAlarm, InvalidAlarms


def _limit(default: float, least: float, most: float, step: int = 0) -> Any:
    """A field from least to most, both allowed; step: whole numbers, multiples of it."""
    return field(default=default, metadata={"least": least, "most": most, "step": step})


@dataclass(frozen=True)
class Limits:
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

    server_error_percent: float = _limit(2, 0.01, 99)
    model_error_percent: float = _limit(5, 0.01, 99)
    latency_milliseconds: float = _limit(500, 1, 50_000)
    latency_percent: float = _limit(95, 50, 99.9)
    overhead_milliseconds: float = _limit(200, 1, 60_000)
    silence_minutes: int = _limit(15, 5, 1440, 5)
    gpu_percent: float = _limit(90, 1, 99)
    gpu_memory_percent: float = _limit(90, 1, 99)
    memory_percent: float = _limit(90, 1, 99)
    disk_percent: float = _limit(75, 1, 99)
    minimum_requests: int = _limit(20, 1, 1_000_000, 1)
    minimum_errors: int = _limit(5, 1, 100_000, 1)
    guardrail_error_points: float = _limit(2, 0.01, 99)
    guardrail_latency_ratio: float = _limit(1.5, 1.01, 100)
    guardrail_latency_milliseconds: float = _limit(20, 0, 50_000)
    guardrail_latency_requests: int = _limit(100, 1, 1_000_000, 1)
    capture_requests: int = _limit(100, 1, 1_000_000_000, 1)
    rejected_percent: float = _limit(1, 0.01, 99)
    insufficient_hours: int = _limit(24, 6, 168, 6)
    rollback_pending_seconds: float = _limit(300, 60, 86_400)

    def __post_init__(self) -> None:
        mistakes: list[InvalidAlarm] = []
        for each in fields(self):
            try:
                _check(getattr(self, each.name), each.metadata)
            except InvalidAlarm as mistake:
                mistakes.append(mistake.under(_camel(each.name)))
        if mistakes:
            raise InvalidAlarms(mistakes)

    @classmethod
    def read(cls, config: Mapping[str, object]) -> Limits:
        """The limits of a config section; numbers may be text. Raises InvalidAlarms, naming every mistake."""
        known = {_camel(each.name): each for each in fields(cls)}
        mistakes = [reading.unknown(key, known) for key in sorted(config.keys() - known.keys())]
        given: dict[str, Any] = {}
        for key in sorted(config.keys() & known.keys()):
            try:
                value = (reading.whole if known[key].metadata["step"] else reading.number)(config[key])
                _check(value, known[key].metadata)
                given[known[key].name] = value
            except InvalidAlarm as mistake:
                mistakes.append(mistake.under(key))
        if mistakes:
            raise InvalidAlarms(mistakes)
        return cls(**given)


def _check(value: float, within: Mapping[str, Any]) -> None:
    least, most, step = within["least"], within["most"], within["step"]
    if not least <= value <= most:
        raise InvalidAlarm(
            f"{reading.shown(value)} is out of range; use {reading.shown(least)} to {reading.shown(most)}"
        )
    if step > 1 and value % step:
        raise InvalidAlarm(f"{reading.shown(value)} is no multiple of {step}; use one like {step * 2}")


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
