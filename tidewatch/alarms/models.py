"""The types of alarms: what is measured, from which value on it is wrong, and how urgent that is.

Components turn these values into resources. Sources: CloudWatch API reference, PutMetricAlarm (windows, 10 metrics);
CloudWatch user guide, "Using math expressions with CloudWatch metrics".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, Literal, TypeAlias, TypeVar

from tidewatch.alarms import statistics as statistics
from tidewatch.alarms.errors import InvalidAlarm
from tidewatch.metrics import Metric

Comparison: TypeAlias = Literal[">", ">=", "<", "<="]
T = TypeVar("T")

CHAMPION = "champion"
VARIANT = "$variant"
"""Stands for the alarm's own variant in dimension values from the config."""
KEY_PATTERN = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
ID_PATTERN = re.compile(r"[a-z][A-Za-z0-9_]*")
MAX_METRICS = 10
MAX_EXPRESSION_LENGTH = 2048
MINUTE, FIVE_MINUTES, HOUR, DAY, WEEK = 60, 300, 3600, 86_400, 604_800


class Severity(StrEnum):
    """P1: page now. P2: ticket today. P3: within a week."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


class MissingData(StrEnum):
    """How CloudWatch treats a missing datapoint."""

    MISSING = "missing"
    NOT_BREACHING = "notBreaching"
    BREACHING = "breaching"
    IGNORE = "ignore"


@dataclass(frozen=True)
class MetricStat:
    """One statistic of one metric."""

    metric: Metric
    statistic: str
    source: str = ""
    """Whose metric it is, if the alarm's scope does not determine that. For a variant's metric a variant or "champion";
    for a function, queue or rule its purpose ("rollback", "drift"); for a budget its objective."""
    dimension_values: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    """The dimension values of a metric from the config, with $variant for the alarm's variant."""


@dataclass(frozen=True)
class MetricMath:
    """A metric math expression over statistics by their ids.

    In arithmetic and comparisons CloudWatch takes a missing value for 0 if another is present. It drops a datapoint
    that divides by 0. IF drops the datapoint if the condition or the chosen alternative is missing.
    """

    expression: str
    stats: Mapping[str, MetricStat] = field(hash=False)
    lower_bound: float | None = None
    """The least value of the expression; None if unbounded."""
    upper_bound: float | None = None
    """The greatest value of the expression; None if unbounded."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An alarm, in ALARM if `datapoints` of the last `periods` datapoints breach the threshold.

    Raises InvalidAlarm if CloudWatch would refuse it, or if it could never fire or never clear.
    """

    key: str
    """In kebab-case, unique in a catalog."""
    title: str
    """A few words."""
    description: str
    """One sentence about what it means for users."""
    severity: Severity
    signal: MetricStat | MetricMath
    comparison: Comparison = ">="
    threshold: float = 1
    """In the unit of the signal."""
    period_s: int = MINUTE
    periods: int = 1
    datapoints: int = 1
    missing: MissingData = MissingData.NOT_BREACHING
    guardrail: bool = False
    """Whether it is part of the composite that rolls back."""
    suppressed_by_deployment: bool = False
    """Whether a running deployment explains it and so suppresses it."""
    runbook: str = ""
    """The name of the runbook's file. The default is the key."""
    notifies: bool = True
    """False for an alarm that only composites and suppressors use."""
    parents: tuple[str, ...] = ()
    """The keys of alarms that report the same problem more urgently."""
    escalates: bool = False
    """Whether it notifies the people who are called when others do not respond."""

    def __post_init__(self) -> None:
        if not KEY_PATTERN.fullmatch(self.key):
            raise InvalidAlarm("is not a valid key; use words of a-z and 0-9 joined by dashes", "name", self.key)
        object.__setattr__(self, "runbook", self.runbook or self.key)
        for stat in self.stats:
            self._check_statistic(stat)
        if isinstance(self.signal, MetricMath):
            self._check_expression(self.signal)
        self._check_window()
        self._check_threshold()
        if self.guardrail and (self.missing is not MissingData.NOT_BREACHING or self.suppressed_by_deployment):
            raise InvalidAlarm(
                "triggers a rollback, so it must clear without data, and no deployment may suppress it",
                "missing",
                self.key,
            )

    @property
    def stats(self) -> tuple[MetricStat, ...]:
        """Every statistic that it reads."""
        return (self.signal,) if isinstance(self.signal, MetricStat) else tuple(self.signal.stats.values())

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value of its signal."""
        if isinstance(self.signal, MetricStat):
            return statistics.compute_bounds(self.signal.statistic, self.signal.metric)
        lower_bound, upper_bound = self.signal.lower_bound, self.signal.upper_bound
        return (-math.inf if lower_bound is None else lower_bound), (math.inf if upper_bound is None else upper_bound)

    def _check_statistic(self, stat: MetricStat) -> None:
        if not statistics.is_known_statistic(stat.statistic):
            raise InvalidAlarm(
                f'"{stat.statistic}" is not a statistic; use one like {statistics.EXAMPLES}', "statistic", self.key
            )
        if self.guardrail and statistics.is_percentile(stat.statistic):
            raise InvalidAlarm(
                f"{stat.statistic} of a variant with little traffic neither fires nor clears; use a trimmed mean like "
                f"tm95, or a percent rank like PR(:200)",
                "statistic",
                self.key,
            )

    def _check_expression(self, signal: MetricMath) -> None:
        if not 1 <= len(signal.stats) <= MAX_METRICS:
            raise InvalidAlarm(f"reads {len(signal.stats)} metrics; CloudWatch allows 10", "expression", self.key)
        if len(signal.expression) > MAX_EXPRESSION_LENGTH:
            raise InvalidAlarm("is over 2,048 characters long; split the alarm", "expression", self.key)
        for stat_id in signal.stats:
            if not ID_PATTERN.fullmatch(stat_id):
                raise InvalidAlarm(
                    f'"{stat_id}" is not a valid id; start with a lower-case letter, then use letters, digits '
                    "and underscores",
                    "expression",
                    self.key,
                )
        ids = set(re.findall(rf"\b{ID_PATTERN.pattern}\b", signal.expression))
        if ids != set(signal.stats):
            unmatched = ", ".join(sorted(ids ^ set(signal.stats)))
            raise InvalidAlarm(
                f"the expression and the metrics have different ids: {unmatched}", "expression", self.key
            )

    def _check_window(self) -> None:
        period, periods = self.period_s, self.periods
        if period not in (10, 20, 30) and (period < 60 or period % 60):
            raise InvalidAlarm(f"{period} seconds is not a CloudWatch period; use 10, 20, 30, or a multiple of 60",
                               "period", self.key)  # fmt: skip
        if periods < 1:
            raise InvalidAlarm(f"{periods} periods is too few; use 1 or more", "periods", self.key)
        longest = DAY if period < HOUR else WEEK
        if period * periods > longest:
            span, period_range = ("a day", "below an hour") if longest == DAY else ("seven days", "of an hour or more")
            window = f"{periods} periods of {period} seconds"
            problem = f"{window} are over {span} ({longest} seconds), the maximum with a period {period_range}"
            if period > longest:
                if shorter := _find_longest_period(periods):
                    raise InvalidAlarm(f"{problem}; use a period of {shorter} seconds or less", "period", self.key)
                fewer = DAY // 60
                raise InvalidAlarm(f"{problem}; use {fewer} periods or fewer, and shorter ones", "periods", self.key)
            raise InvalidAlarm(f"{problem}; use {longest // period} periods or fewer", "periods", self.key)
        if not 1 <= self.datapoints <= periods:
            raise InvalidAlarm(
                f"{self.datapoints} of {periods} datapoints is impossible; use 1 to {periods}", "datapoints", self.key
            )

    def _check_threshold(self) -> None:
        lower_bound, upper_bound = self.bounds
        threshold = self.threshold
        if not math.isfinite(threshold):
            raise InvalidAlarm(f"{threshold} is not a finite number", "threshold", self.key)
        is_reachable = (
            lower_bound <= threshold < upper_bound
            if self.comparison in (">", "<=")
            else lower_bound < threshold <= upper_bound
        )
        if not is_reachable:
            value_range = _format_range(lower_bound, upper_bound)
            raise InvalidAlarm(
                f"{threshold:g} is outside the metric's range, which is {value_range}: {self.comparison} "
                f"{threshold:g} would hold always or never",
                "threshold",
                self.key,
            )


@dataclass(frozen=True)
class DimensionResolver(Generic[T]):
    """Resolves the dimensions of a metric, to text or to values that become text (T)."""

    key: str
    """The stack's key, the dimension of our own metrics."""
    endpoint: T
    """The physical endpoint."""
    champion: str
    functions: Mapping[str, T]
    """The functions by purpose."""
    queues: Mapping[str, T]
    """The queues by purpose."""
    rules: Mapping[str, T] = field(default_factory=dict[str, T])
    """The rules by purpose."""

    def resolve(self, stat: MetricStat, variant: str = "") -> dict[str, T | str]:
        """Returns the dimensions of a statistic for an alarm of that variant.

        Raises InvalidAlarm if one is undetermined.
        """
        if stat.dimension_values:
            return {name: value.replace(VARIANT, variant) for name, value in stat.dimension_values.items()}
        return {name: self._resolve_value(name, stat, variant) for name in stat.metric.dimensions}

    def _resolve_value(self, dimension: str, stat: MetricStat, variant: str) -> T | str:
        match dimension:
            case "Stack":
                return self.key
            case "EndpointName":
                return self.endpoint
            case "FunctionName" if stat.source in self.functions:
                return self.functions[stat.source]
            case "QueueName" if stat.source in self.queues:
                return self.queues[stat.source]
            case "RuleName" if stat.source in self.rules:
                return self.rules[stat.source]
            case "Variant" | "VariantName" if resolved := (
                self.champion if stat.source == CHAMPION else stat.source or variant
            ):
                return resolved
            case "Objective" if stat.source:
                return stat.source
            case _:
                raise InvalidAlarm(f'{stat.metric.name} needs a {dimension}; "{stat.source}" names none', "dimensions")


def _find_longest_period(periods: int) -> int:
    """Returns the longest period in seconds, a multiple of a minute, of which that many fit into a window, or 0."""
    longest = WEEK // periods // 60 * 60
    return longest if longest >= HOUR else DAY // periods // 60 * 60


def _format_range(lower_bound: float, upper_bound: float) -> str:
    if math.isinf(upper_bound):
        return "any number" if math.isinf(lower_bound) else f"{lower_bound:g} or more"
    return f"{upper_bound:g} or less" if math.isinf(lower_bound) else f"{lower_bound:g} to {upper_bound:g}"
