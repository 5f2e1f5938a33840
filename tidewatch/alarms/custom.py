"""Guardrails on metrics of the user's own: what the config names rolls back like what is built in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, cast, get_args

from tidewatch.alarms import reading
from tidewatch.alarms import statistic as statistics
from tidewatch.alarms.errors import InvalidAlarm, InvalidAlarms
from tidewatch.alarms.values import KEY, SLOT, Alarm, Comparison, Math, Missing, Severity, Stat
from tidewatch.metrics import EMITTED, PLATFORM, Metric

PREFIX = "guardrail-metric"
RUNBOOK = PREFIX
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
_LONGEST_NAME = 40
_MOST_DIMENSIONS = 30
_LONGEST_VALUE = 1024
MOST_GUARDRAILS = 20
"""With all others of a slot in one composite alarm, whose rule has at most 100 alarms and 10,240 characters.
Source: CloudWatch API reference, PutCompositeAlarm, AlarmRule; a test puts the longest names."""
T = TypeVar("T")


def custom_guardrails(declared: Sequence[Mapping[str, object]]) -> tuple[Alarm, ...]:
    """An alarm for each declared metric, for any slot but the champion; $slot in a dimension is the alarm's slot.

    Each has name, namespace, metric, dimensions, statistic, comparison, threshold; and may have period (60 seconds),
    periods (2), datapoints (as periods), minimumSamples (none), severity (P1). Fewer samples than the minimum are no
    datapoint. Raises InvalidAlarms, naming every mistake by its place in the list.
    """
    mistakes: list[InvalidAlarm] = []
    alarms: list[Alarm] = []
    names: dict[object, int] = {}
    if len(declared) > MOST_GUARDRAILS:
        mistakes.append(InvalidAlarm(f"are {len(declared)}; one composite alarm takes {MOST_GUARDRAILS} of your own"))
    for place, given in enumerate(declared):
        one = cast("object", given)
        if not isinstance(one, Mapping):
            mistakes.append(InvalidAlarm(f"{one!r} is not an object; nest its keys under it", str(place)))
            continue
        guardrail = _Declared(given)
        alarm = guardrail.alarm()
        mistakes += [mistake.under(str(place)) for mistake in guardrail.mistakes]
        name = given.get("name")
        if isinstance(name, str) and name in names:
            sentence = f'"{name}" is the name of number {names[name]} too; give each its own'
            mistakes.append(InvalidAlarm(sentence, f"{place}.name"))
        elif isinstance(name, str):
            names[name] = place
        if alarm:
            alarms.append(alarm)
    if mistakes:
        raise InvalidAlarms(mistakes)
    return tuple(alarms)


class _Declared:
    """One guardrail as the config has it, and what is wrong with it."""

    def __init__(self, given: Mapping[str, object]) -> None:
        self._given = given
        self.mistakes = [reading.unknown(key, FIELDS) for key in sorted(given.keys() - set(FIELDS))]

    def alarm(self) -> Alarm | None:
        """The alarm; None where something is wrong."""
        name = self._read("name", _name)
        stat = self._stat()
        comparison = self._read("comparison", _comparison)
        threshold = self._read("threshold", reading.number)
        period = self._read("period", reading.whole, 60)
        periods = self._read("periods", reading.whole, 2)
        datapoints = self._read("datapoints", reading.whole, periods or 1)
        minimum = self._read("minimumSamples", _minimum, 0)
        severity = self._read("severity", _severity, Severity.P1)
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
                key=f"{PREFIX}-{name}",
                title=f"Guardrail {name}",
                says=f"{stat.metric.name} of the challenger is {comparison} {threshold:g}, which the config rules out.",
                severity=severity,
                scope="variant",
                signal=_gated(stat, minimum) if minimum else stat,
                comparison=comparison,
                threshold=threshold,
                period_s=period,
                periods=periods,
                datapoints=datapoints,
                missing=Missing.NOT_BREACHING,
                minimum_samples=minimum or None,
                guardrail=True,
                suppressed_by_deployment=False,
                runbook=RUNBOOK,
            )
        except InvalidAlarm as mistake:
            self.mistakes.append(InvalidAlarm(mistake.sentence, mistake.path))
            return None

    def _stat(self) -> Stat | None:
        namespace = self._read("namespace", _namespace)
        metric = self._read("metric", reading.text)
        dimensions = self._read("dimensions", _dimensions)
        statistic = self._read("statistic", reading.text)
        if namespace is None or metric is None or dimensions is None or statistic is None:
            return None
        return Stat(_known(namespace, metric, tuple(dimensions)), statistic, values=dimensions)

    def _read(self, key: str, parse: Callable[[object], T], default: T | None = None) -> T | None:
        value = self._given.get(key)
        if value is None:
            if default is None:
                self.mistakes.append(InvalidAlarm("is missing", key))
            return default
        try:
            return parse(value)
        except InvalidAlarm as mistake:
            self.mistakes.append(mistake.under(key))
            return None


def _known(namespace: str, name: str, dimensions: tuple[str, ...]) -> Metric:
    """The metric, with the range of values of one that the catalog has."""
    of = (one for one in (*EMITTED, *PLATFORM) if (one.namespace, one.name) == (namespace, name))
    known = next(of, Metric(name, "None", (), "Named by the config.", namespace, least=float("-inf")))
    return replace(known, dimensions=dimensions)


def _gated(stat: Stat, minimum: int) -> Math:
    """Without an alternative: too few samples are no datapoint, where a number might breach."""
    least, most = statistics.bounds(stat.statistic, stat.metric)
    samples = Stat(stat.metric, "SampleCount", values=stat.values)
    return Math(f"IF(n >= {minimum}, x)", {"n": samples, "x": stat}, least, most)


def _name(value: object) -> str:
    name = reading.text(value)
    if not KEY.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise InvalidAlarm(
            f'"{name}" is no name of a guardrail; use up to {_LONGEST_NAME} of a-z, 0-9 and dashes inside, '
            f"like conversion"
        )
    return name


def _namespace(value: object) -> str:
    namespace = reading.text(value)
    if not _NAMESPACE.fullmatch(namespace):
        raise InvalidAlarm(f'"{namespace}" is no namespace of CloudWatch; use one like Shop')
    return namespace


def _dimensions(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or not value:
        raise InvalidAlarm(
            "names no dimension, and the metric could not be told from another's; use one like {Variant: $slot}"
        )
    given = cast("Mapping[object, object]", value)
    if len(given) > _MOST_DIMENSIONS:
        raise InvalidAlarm(f"names {len(given)} dimensions; CloudWatch allows {_MOST_DIMENSIONS}")
    read: dict[str, str] = {}
    for name, content in given.items():
        try:
            read[reading.text(name)] = _value(reading.text(content))
        except InvalidAlarm as mistake:
            raise mistake.under(str(name)) from None
    return read


def _value(content: str) -> str:
    if odd := [word for word in re.findall(r"\$\{?\w*\}?", content) if word != SLOT]:
        raise InvalidAlarm(f'"{odd[0]}" stands for nothing; use {SLOT}')
    if len(content) > _LONGEST_VALUE:
        raise InvalidAlarm(f"is {len(content)} characters long; CloudWatch allows {_LONGEST_VALUE}")
    return content


def _comparison(value: object) -> Comparison:
    if value not in get_args(Comparison):
        raise InvalidAlarm(f'"{value}" is no comparison; use >, >=, < or <=, in quotes')
    return cast("Comparison", value)


def _severity(value: object) -> Severity:
    if value not in tuple(Severity):
        raise InvalidAlarm(f'"{value}" is no severity; use P1 (page now), P2 (ticket today) or P3 (within a week)')
    return Severity(str(value))


def _minimum(value: object) -> int:
    minimum = reading.whole(value)
    if minimum < 1:
        raise InvalidAlarm(f"{minimum} is too small; use 1 or more, or leave it out")
    return minimum
