"""Alarms as values: what is measured, from when it is wrong, how urgent that is. Components make resources of them.

Sources: CloudWatch API reference, PutMetricAlarm (windows, 10 metrics); CloudWatch user guide, "Using math expressions
with CloudWatch metrics".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Literal, TypeAlias, TypeVar

from tidewatch.alarms import statistic as statistics
from tidewatch.alarms.errors import InvalidAlarm
from tidewatch.metrics import Metric

Comparison: TypeAlias = Literal[">", ">=", "<", "<="]
Scope: TypeAlias = Literal["endpoint", "variant"]
T = TypeVar("T")

CHAMPION = "champion"
SLOT = "$slot"
"""Stands for the alarm's own slot in dimension values that the config gives."""
KEY = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
PART = re.compile(r"[a-z][A-Za-z0-9_]*")
MOST_METRICS = 10
LONGEST_EXPRESSION = 2048
HOUR, DAY, WEEK = 3600, 86_400, 604_800


class Severity(StrEnum):
    """P1: page now. P2: ticket today. P3: within a week."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


class Missing(StrEnum):
    """What a datapoint that is not there counts as."""

    MISSING = "missing"
    NOT_BREACHING = "notBreaching"
    BREACHING = "breaching"
    IGNORE = "ignore"


@dataclass(frozen=True)
class Stat:
    """One statistic of one metric.

    of: whose, where the alarm's scope does not tell: a slot, or "champion", for a metric of a variant; what the
    function, the queue or the rule is for ("rollback", "drift"); the objective of a budget. values: the dimension
    values of a metric that the config names, with $slot for the alarm's slot.
    """

    metric: Metric
    statistic: str
    of: str = ""
    values: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)


@dataclass(frozen=True)
class Math:
    """An expression of metric math over statistics by their ids. least, most: what it can be; None is unbounded.

    CloudWatch takes a value that is missing beside others for 0, in arithmetic and in comparisons; drops a datapoint
    that divides by 0; and IF drops it where the condition, or the alternative that is asked for, is missing.
    """

    expression: str
    parts: Mapping[str, Stat] = field(hash=False)
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Alarm:
    """An alarm before it is a resource: in ALARM when `datapoints` of the last `periods` datapoints compare.

    key: kebab-case, unique in a catalog. title: a few words. says: one sentence, what it means for users.
    threshold: in the unit of the signal. period_s: seconds. minimum_samples: requests a period, which the signal asks
    for already. guardrail: part of the composite that rolls back. runbook: the file's name, by default the key.
    notifies: False for what only composites and suppressors look at. parents: alarms that say the same more urgently.
    escalates: it tells those who are called when others do not answer.
    Raises InvalidAlarm.
    """

    key: str
    title: str
    says: str
    severity: Severity
    scope: Scope
    signal: Stat | Math
    comparison: Comparison
    threshold: float
    period_s: int
    periods: int
    datapoints: int
    missing: Missing
    minimum_samples: int | None = None
    guardrail: bool = False
    suppressed_by_deployment: bool = True
    runbook: str = ""
    notifies: bool = True
    parents: tuple[str, ...] = ()
    escalates: bool = False

    def __post_init__(self) -> None:
        if not KEY.fullmatch(self.key):
            raise InvalidAlarm("is not a key; use words of a-z and 0-9 joined by dashes", "name", self.key)
        object.__setattr__(self, "runbook", self.runbook or self.key)
        for stat in self.stats:
            self._check_statistic(stat)
        if isinstance(self.signal, Math):
            self._check_expression(self.signal)
        self._check_window()
        self._check_threshold()
        if self.guardrail and (self.missing is not Missing.NOT_BREACHING or self.suppressed_by_deployment):
            raise InvalidAlarm(
                "rolls back, so it must clear without data and no deployment may suppress it", "missing", self.key
            )

    @property
    def stats(self) -> tuple[Stat, ...]:
        """Every statistic that it reads."""
        return (self.signal,) if isinstance(self.signal, Stat) else tuple(self.signal.parts.values())

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that its signal can be."""
        if isinstance(self.signal, Stat):
            return statistics.bounds(self.signal.statistic, self.signal.metric)
        least, most = self.signal.least, self.signal.most
        return (-math.inf if least is None else least), (math.inf if most is None else most)

    def _check_statistic(self, stat: Stat) -> None:
        if not statistics.known(stat.statistic):
            raise InvalidAlarm(
                f'"{stat.statistic}" is not a statistic; use one like {statistics.EXAMPLES}', "statistic", self.key
            )
        if self.guardrail and statistics.is_percentile(stat.statistic):
            raise InvalidAlarm(
                f"{stat.statistic} of a slot with little traffic neither fires nor clears; use a trimmed mean like "
                f"tm95, or a percent rank like PR(:200)",
                "statistic",
                self.key,
            )

    def _check_expression(self, signal: Math) -> None:
        if not 1 <= len(signal.parts) <= MOST_METRICS:
            raise InvalidAlarm(f"reads {len(signal.parts)} metrics; CloudWatch allows 10", "expression", self.key)
        if len(signal.expression) > LONGEST_EXPRESSION:
            raise InvalidAlarm("is over 2,048 characters long; split the alarm", "expression", self.key)
        for part in signal.parts:
            if not PART.fullmatch(part):
                raise InvalidAlarm(
                    f'"{part}" is not an id; use a small letter first, then letters, digits and underscores',
                    "expression",
                    self.key,
                )
        named = set(re.findall(rf"\b{PART.pattern}\b", signal.expression))
        if named != set(signal.parts):
            odd = ", ".join(sorted(named ^ set(signal.parts)))
            raise InvalidAlarm(f"names other ids than it reads: {odd}", "expression", self.key)

    def _check_window(self) -> None:
        period, periods = self.period_s, self.periods
        if period not in (10, 20, 30) and (period < 60 or period % 60):
            raise InvalidAlarm(f"{period} seconds is no period of CloudWatch; use 10, 20, 30, or a multiple of 60",
                               "period", self.key)  # fmt: skip
        if periods < 1:
            raise InvalidAlarm(f"{periods} periods evaluate nothing; use 1 or more", "periods", self.key)
        longest = DAY if period < HOUR else WEEK
        if period * periods > longest:
            span, most = ("a day", "below an hour") if longest == DAY else ("seven days", "of an hour or more")
            given = f"{periods} periods of {period} seconds"
            said = f"{given} are over {span} ({longest} seconds), the most with a period {most}"
            if period > longest:
                if shorter := _longest_period(periods):
                    raise InvalidAlarm(f"{said}; use a period of {shorter} seconds or less", "period", self.key)
                fewer = DAY // 60
                raise InvalidAlarm(f"{said}; use {fewer} periods or fewer, and shorter ones", "periods", self.key)
            raise InvalidAlarm(f"{said}; use {longest // period} periods or fewer", "periods", self.key)
        if not 1 <= self.datapoints <= periods:
            raise InvalidAlarm(
                f"{self.datapoints} of {periods} datapoints cannot be; use 1 to {periods}", "datapoints", self.key
            )

    def _check_threshold(self) -> None:
        least, most = self.bounds
        at = self.threshold
        if not math.isfinite(at):
            raise InvalidAlarm(f"{at} is not a finite number", "threshold", self.key)
        crossed = least <= at < most if self.comparison in (">", "<=") else least < at <= most
        if not crossed:
            raise InvalidAlarm(
                f"{at:g} is outside what it is compared with, which is {_span(least, most)}: {self.comparison} {at:g} "
                f"would hold always or never",
                "threshold",
                self.key,
            )


@dataclass(frozen=True)
class Names(Generic[T]):
    """What dimension values are made of, as text or as what becomes text.

    key: of the stack, under which our own metrics run. endpoint: the physical one. functions, queues, rules: by
    purpose.
    """

    key: str
    endpoint: T
    champion: str
    functions: Mapping[str, T]
    queues: Mapping[str, T]
    rules: Mapping[str, T] = field(default_factory=dict[str, T])

    def of(self, stat: Stat, slot: str = "") -> dict[str, T | str]:
        """The dimensions of a statistic, for an alarm of that slot. Raises InvalidAlarm where one is left open."""
        if stat.values:
            return {name: value.replace(SLOT, slot) for name, value in stat.values.items()}
        return {name: self._value(name, stat, slot) for name in stat.metric.dimensions}

    def _value(self, dimension: str, stat: Stat, slot: str) -> T | str:
        match dimension:
            case "Endpoint":
                return self.key
            case "EndpointName":
                return self.endpoint
            case "FunctionName" if stat.of in self.functions:
                return self.functions[stat.of]
            case "QueueName" if stat.of in self.queues:
                return self.queues[stat.of]
            case "RuleName" if stat.of in self.rules:
                return self.rules[stat.of]
            case "Variant" | "VariantName" if variant := (self.champion if stat.of == CHAMPION else stat.of or slot):
                return variant
            case "Objective" if stat.of:
                return stat.of
            case _:
                raise InvalidAlarm(f'{stat.metric.name} needs a {dimension}; "{stat.of}" names none', "dimensions")


def _longest_period(periods: int) -> int:
    """The longest period in seconds, a multiple of a minute, of which so many fit into a window; 0 where none does."""
    longest = WEEK // periods // 60 * 60
    return longest if longest >= HOUR else DAY // periods // 60 * 60


def _span(least: float, most: float) -> str:
    if math.isinf(most):
        return "any number" if math.isinf(least) else f"{least:g} or more"
    return f"{most:g} or less" if math.isinf(least) else f"{least:g} to {most:g}"
