"""Guardrails on metrics of the user's own: what the config names rolls back like what is built in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, cast, get_args

from tidewatch.alarms import config_values
from tidewatch.alarms import statistics as statistics
from tidewatch.alarms.errors import InvalidAlarm, InvalidAlarms
from tidewatch.alarms.models import (
    KEY_PATTERN,
    VARIANT,
    Alarm,
    Comparison,
    MetricMath,
    MetricStat,
    MissingData,
    Severity,
)
from tidewatch.metrics import EMITTED_METRICS, PLATFORM_METRICS, Metric

KEY_PREFIX = "guardrail-metric"
RUNBOOK = KEY_PREFIX
FIELDS = (
    "name",
    "namespace",
    "metric",
    "dimensions",
    "statistic",
    "comparison",
    "threshold",
    "period",
    "periods",
    "datapoints",
    "minimumSamples",
    "severity",
)
_NAMESPACE = re.compile(r"[^:][0-9A-Za-z.\-_/#: ]{0,254}")
_MAX_NAME_LENGTH = 40
_MAX_DIMENSIONS = 30
_MAX_VALUE_LENGTH = 1024
MAX_GUARDRAILS = 20
"""With all others of a variant in one composite alarm, whose rule has at most 100 alarms and 10,240 characters.
Source: CloudWatch API reference, PutCompositeAlarm, AlarmRule; a test puts the longest names."""
T = TypeVar("T")


def parse_custom_guardrails(declared: Sequence[Mapping[str, object]]) -> tuple[Alarm, ...]:
    """An alarm for each declared metric, for any variant but the champion; $variant in a dimension is the alarm's
    variant.

    Each has name, namespace, metric, dimensions, statistic, comparison, threshold; and may have period (60 seconds),
    periods (2), datapoints (as periods), minimumSamples (none), severity (P1). Fewer samples than the minimum are no
    datapoint. Raises InvalidAlarms, naming every mistake by its place in the list.
    """
    mistakes: list[InvalidAlarm] = []
    alarms: list[Alarm] = []
    names: dict[object, int] = {}
    if len(declared) > MAX_GUARDRAILS:
        mistakes.append(InvalidAlarm(f"are {len(declared)}; one composite alarm takes {MAX_GUARDRAILS} of your own"))
    for index, entry in enumerate(declared):
        value = cast("object", entry)
        if not isinstance(value, Mapping):
            mistakes.append(InvalidAlarm(f"{value!r} is not an object; nest its keys under it", str(index)))
            continue
        parser = _GuardrailParser(entry)
        alarm = parser.parse()
        mistakes += [mistake.with_prefix(str(index)) for mistake in parser.mistakes]
        name = entry.get("name")
        if isinstance(name, str) and name in names:
            sentence = f'"{name}" is the name of number {names[name]} too; give each its own'
            mistakes.append(InvalidAlarm(sentence, f"{index}.name"))
        elif isinstance(name, str):
            names[name] = index
        if alarm:
            alarms.append(alarm)
    if mistakes:
        raise InvalidAlarms(mistakes)
    return tuple(alarms)


class _GuardrailParser:
    """One guardrail as the config has it, and what is wrong with it."""

    def __init__(self, entry: Mapping[str, object]) -> None:
        self._entry = entry
        self.mistakes = [
            config_values.build_unknown_key_error(key, FIELDS) for key in sorted(entry.keys() - set(FIELDS))
        ]

    def parse(self) -> Alarm | None:
        """The alarm; None where something is wrong."""
        name = self._parse_field("name", _parse_name)
        stat = self._parse_stat()
        comparison = self._parse_field("comparison", _parse_comparison)
        threshold = self._parse_field("threshold", config_values.parse_number)
        period = self._parse_field("period", config_values.parse_integer, 60)
        periods = self._parse_field("periods", config_values.parse_integer, 2)
        datapoints = self._parse_field("datapoints", config_values.parse_integer, periods or 1)
        minimum = self._parse_field("minimumSamples", _parse_minimum_samples, 0)
        severity = self._parse_field("severity", _parse_severity, Severity.P1)
        if (
            self.mistakes
            or name is None
            or stat is None
            or comparison is None
            or threshold is None
            or period is None
            or periods is None
            or datapoints is None
            or severity is None
        ):
            return None
        try:
            return Alarm(
                key=f"{KEY_PREFIX}-{name}",
                title=f"Guardrail {name}",
                description=(
                    f"{stat.metric.name} of the challenger is {comparison} {threshold:g}, which the config rules out."
                ),
                severity=severity,
                scope="variant",
                signal=_gate_on_samples(stat, minimum) if minimum else stat,
                comparison=comparison,
                threshold=threshold,
                period_s=period,
                periods=periods,
                datapoints=datapoints,
                missing=MissingData.NOT_BREACHING,
                minimum_samples=minimum or None,
                guardrail=True,
                suppressed_by_deployment=False,
                runbook=RUNBOOK,
            )
        except InvalidAlarm as mistake:
            self.mistakes.append(InvalidAlarm(mistake.sentence, mistake.path))
            return None

    def _parse_stat(self) -> MetricStat | None:
        namespace = self._parse_field("namespace", _parse_namespace)
        metric = self._parse_field("metric", config_values.parse_text)
        dimensions = self._parse_field("dimensions", _parse_dimensions)
        statistic = self._parse_field("statistic", config_values.parse_text)
        if namespace is None or metric is None or dimensions is None or statistic is None:
            return None
        return MetricStat(_find_metric(namespace, metric, tuple(dimensions)), statistic, dimension_values=dimensions)

    def _parse_field(self, key: str, parse: Callable[[object], T], default: T | None = None) -> T | None:
        value = self._entry.get(key)
        if value is None:
            if default is None:
                self.mistakes.append(InvalidAlarm("is missing", key))
            return default
        try:
            return parse(value)
        except InvalidAlarm as mistake:
            self.mistakes.append(mistake.with_prefix(key))
            return None


def _find_metric(namespace: str, name: str, dimensions: tuple[str, ...]) -> Metric:
    """The metric, with the range of values of one that the catalog has."""
    matches = (
        candidate
        for candidate in (*EMITTED_METRICS, *PLATFORM_METRICS)
        if (candidate.namespace, candidate.name) == (namespace, name)
    )
    metric = next(matches, Metric(name, "None", (), "Named by the config.", namespace, lower_bound=float("-inf")))
    return replace(metric, dimensions=dimensions)


def _gate_on_samples(stat: MetricStat, minimum: int) -> MetricMath:
    """Without an alternative: too few samples are no datapoint, where a number might breach."""
    lower_bound, upper_bound = statistics.compute_bounds(stat.statistic, stat.metric)
    samples = MetricStat(stat.metric, "SampleCount", dimension_values=stat.dimension_values)
    return MetricMath(f"IF(n >= {minimum}, x)", {"n": samples, "x": stat}, lower_bound, upper_bound)


def _parse_name(value: object) -> str:
    name = config_values.parse_text(value)
    if not KEY_PATTERN.fullmatch(name) or len(name) > _MAX_NAME_LENGTH:
        raise InvalidAlarm(
            f'"{name}" is no name of a guardrail; use up to {_MAX_NAME_LENGTH} of a-z, 0-9 and dashes inside, '
            f"like conversion"
        )
    return name


def _parse_namespace(value: object) -> str:
    namespace = config_values.parse_text(value)
    if not _NAMESPACE.fullmatch(namespace):
        raise InvalidAlarm(f'"{namespace}" is no namespace of CloudWatch; use one like Shop')
    return namespace


def _parse_dimensions(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or not value:
        raise InvalidAlarm(
            "names no dimension, and the metric could not be told from another's; use one like {Variant: $variant}"
        )
    entries = cast("Mapping[object, object]", value)
    if len(entries) > _MAX_DIMENSIONS:
        raise InvalidAlarm(f"names {len(entries)} dimensions; CloudWatch allows {_MAX_DIMENSIONS}")
    parsed: dict[str, str] = {}
    for name, content in entries.items():
        try:
            parsed[config_values.parse_text(name)] = _parse_dimension_value(config_values.parse_text(content))
        except InvalidAlarm as mistake:
            raise mistake.with_prefix(str(name)) from None
    return parsed


def _parse_dimension_value(content: str) -> str:
    if unknown_placeholders := [word for word in re.findall(r"\$\{?\w*\}?", content) if word != VARIANT]:
        raise InvalidAlarm(f'"{unknown_placeholders[0]}" stands for nothing; use {VARIANT}')
    if len(content) > _MAX_VALUE_LENGTH:
        raise InvalidAlarm(f"is {len(content)} characters long; CloudWatch allows {_MAX_VALUE_LENGTH}")
    return content


def _parse_comparison(value: object) -> Comparison:
    if value not in get_args(Comparison):
        raise InvalidAlarm(f'"{value}" is no comparison; use >, >=, < or <=, in quotes')
    return cast("Comparison", value)


def _parse_severity(value: object) -> Severity:
    if value not in tuple(Severity):
        raise InvalidAlarm(f'"{value}" is no severity; use P1 (page now), P2 (ticket today) or P3 (within a week)')
    return Severity(str(value))


def _parse_minimum_samples(value: object) -> int:
    minimum = config_values.parse_integer(value)
    if minimum < 1:
        raise InvalidAlarm(f"{minimum} is too small; use 1 or more, or leave it out")
    return minimum
