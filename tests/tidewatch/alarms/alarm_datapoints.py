"""What an alarm makes of the values of one period, by the simulator's metric math, and of several datapoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulator.aws import alarm_rules
from simulator.aws.metric_math import Inputs, parse
from simulator.aws.metric_operators import Single
from tidewatch.alarms import Alarm, Limits, Math, endpoint_alarms, variant_alarms

SLOTS = {"blue": 0.95, "green": 0.05}
CONVERSION = {
    "name": "conversion",
    "namespace": "Shop",
    "metric": "Conversion",
    "dimensions": {"Variant": "$slot"},
    "statistic": "Average",
    "comparison": "<",
    "threshold": 0.1,
}
"""A guardrail of a user's own."""
WORDS = {
    ">": "GreaterThanThreshold",
    ">=": "GreaterThanOrEqualToThreshold",
    "<": "LessThanThreshold",
    "<=": "LessThanOrEqualToThreshold",
}


def variant(key: str, slot: str = "green", limits: Limits | None = None, slots: Mapping[str, float] = SLOTS) -> Alarm:
    """An alarm of a slot; blue is the champion."""
    return next(one for one in variant_alarms(limits or Limits(), slots, "blue")[slot] if one.key == key)


def endpoint(key: str, limits: Limits | None = None) -> Alarm:
    return next(one for one in endpoint_alarms(limits or Limits(), list(SLOTS)) if one.key == key)


def datapoint(alarm: Alarm, **values: float | None) -> float | None:
    """The signal's value; what is left out has no datapoint."""
    if not isinstance(alarm.signal, Math):
        return values["value"]
    unknown = values.keys() - alarm.signal.parts.keys()
    assert not unknown, unknown
    series = {part: Single((values.get(part),)) for part in alarm.signal.parts}
    found = parse(alarm.signal.expression).of(Inputs(series, {}, (0.0,), {}))
    assert isinstance(found, Single)
    return found.values[0]


def breaches(alarm: Alarm, **values: float | None) -> bool:
    """Whether these values are a datapoint beyond the threshold."""
    found = datapoint(alarm, **values)
    return found is not None and condition(alarm).breaches(found)


def condition(alarm: Alarm) -> alarm_rules.Condition:
    return alarm_rules.Condition(
        WORDS[alarm.comparison], alarm.threshold, alarm.periods, alarm.datapoints, str(alarm.missing)
    )


def state(alarm: Alarm, datapoints: Sequence[float | None]) -> str | None:
    """The state after these datapoints, oldest first; the range before them had none."""
    rule = condition(alarm)
    padded = [*([None] * rule.range), *datapoints][-rule.range :]
    return alarm_rules.evaluate(rule, padded).state
