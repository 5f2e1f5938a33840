"""What an alarm makes of the values of one period, by the simulator's metric math, and of several datapoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rehearsal.aws.cloudwatch import threshold_rules
from rehearsal.aws.cloudwatch.metric_math import Inputs, parse_expression
from rehearsal.aws.cloudwatch.metric_operators import TimeSeries
from stacks.config.alarm_settings import GuardrailSettings
from tidewatch.alarms import Alarm, AlarmThresholds, MetricMath, Rule, build_endpoint_alarms, build_variant_alarms

VARIANTS = {"blue": 0.95, "green": 0.05}
CONVERSION = {
    "name": "conversion",
    "namespace": "Shop",
    "metric": "Conversion",
    "dimensions": {"Variant": "$variant"},
    "statistic": "Average",
    "comparison": "<",
    "threshold": 0.1,
}
"""A guardrail of a user's own, as the config has it."""
WORDS = {
    ">": "GreaterThanThreshold",
    ">=": "GreaterThanOrEqualToThreshold",
    "<": "LessThanThreshold",
    "<=": "LessThanOrEqualToThreshold",
}


def custom_guardrail(**changed: object) -> Alarm:
    """The alarm of a guardrail that the config declares like CONVERSION, but for these keys."""
    return GuardrailSettings.model_validate({**CONVERSION, **changed}).to_alarm()


def variant(
    key: str, variant: str = "green", limits: AlarmThresholds | None = None, variants: Mapping[str, float] = VARIANTS
) -> Alarm:
    """An alarm of a variant; blue is the champion."""
    return next(
        one for one in build_variant_alarms(limits or AlarmThresholds(), variants, "blue")[variant] if one.key == key
    )


def endpoint(key: str, limits: AlarmThresholds | None = None) -> Alarm:
    return next(one for one in build_endpoint_alarms(limits or AlarmThresholds(), list(VARIANTS)) if one.key == key)


def datapoint(alarm: Alarm, **values: float | None) -> float | None:
    """The signal's value; what is left out has no datapoint."""
    if not isinstance(alarm.signal, MetricMath):
        return values["value"]
    return datapoints(alarm, 1, **{part: (value,) for part, value in values.items()})[0]


def datapoints(alarm: Alarm, count: int, **values: Sequence[float | None]) -> tuple[float | None, ...]:
    """The signal of so many periods, oldest first; what is left out has no datapoint in any of them."""
    assert isinstance(alarm.signal, MetricMath)
    unknown = values.keys() - alarm.signal.stats.keys()
    assert not unknown, unknown
    series = {part: TimeSeries(tuple(values.get(part, (None,) * count))) for part in alarm.signal.stats}
    starts = tuple(60.0 * index for index in range(count))
    found = parse_expression(alarm.signal.expression).evaluate(Inputs(series, {}, starts, {}))
    assert isinstance(found, TimeSeries)
    return found.values


def breaches(alarm: Alarm, **values: float | None) -> bool:
    """Whether these values are a datapoint beyond the threshold."""
    found = datapoint(alarm, **values)
    return found is not None and condition(alarm).breaches(found)


def condition(alarm: Alarm) -> threshold_rules.Condition:
    return threshold_rules.Condition(
        WORDS[alarm.comparison], alarm.threshold, alarm.periods, alarm.datapoints, str(alarm.missing)
    )


def state(alarm: Alarm, datapoints: Sequence[float | None]) -> str | None:
    """The state after these datapoints, oldest first; the range before them had none."""
    rule = condition(alarm)
    padded = [*([None] * rule.evaluation_range), *datapoints][-rule.evaluation_range :]
    return threshold_rules.evaluate_datapoints(rule, padded).state


def evaluate_rule(rule: Rule, in_alarm: Iterable[str]) -> bool:
    """Whether a composite's rule holds while these alarms are in ALARM."""
    firing = set(in_alarm)
    if isinstance(rule, str):
        return rule in firing
    return (all if rule.operator == "AND" else any)(evaluate_rule(operand, firing) for operand in rule.rules)
