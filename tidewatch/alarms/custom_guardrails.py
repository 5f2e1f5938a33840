"""Guardrails on the user's own metrics. They roll back like the built-in ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tidewatch.alarms import statistics as statistics
from tidewatch.alarms.models import Alarm, Comparison, MetricMath, MetricStat, Severity
from tidewatch.metrics import EMITTED_METRICS, PLATFORM_METRICS, Metric

KEY_PREFIX = "guardrail-metric"
RUNBOOK = KEY_PREFIX
MAX_GUARDRAILS = 20
"""With all others of a variant they fit into one composite alarm, whose rule has at most 100 alarms and 10,240
characters. A test uses the longest names. Source: CloudWatch API reference, PutCompositeAlarm, AlarmRule."""


def build_custom_guardrail(
    *,
    name: str,
    namespace: str,
    metric: str,
    dimensions: Mapping[str, str],
    statistic: str,
    comparison: Comparison,
    threshold: float,
    period_s: int,
    periods: int,
    datapoints: int,
    minimum_samples: int,
    severity: Severity,
) -> Alarm:
    """Returns the alarm on a metric for any variant except the champion.

    `$variant` in a dimension value stands for the alarm's variant. A period with fewer samples than the minimum has no
    datapoint; 0 turns that off. Raises InvalidAlarm.
    """
    stat = MetricStat(_find_metric(namespace, metric, tuple(dimensions)), statistic, dimension_values=dimensions)
    return Alarm(
        key=f"{KEY_PREFIX}-{name}",
        title=f"Guardrail {name}",
        description=f"{metric} of the challenger is {comparison} {threshold:g}, beyond the limit in the config.",
        severity=severity,
        signal=_gate_on_samples(stat, minimum_samples) if minimum_samples else stat,
        comparison=comparison,
        threshold=threshold,
        period_s=period_s,
        periods=periods,
        datapoints=datapoints,
        guardrail=True,
        runbook=RUNBOOK,
    )


def _find_metric(namespace: str, name: str, dimensions: tuple[str, ...]) -> Metric:
    """Returns the metric, with the range of values that the catalog has for it."""
    matches = (
        candidate
        for candidate in (*EMITTED_METRICS, *PLATFORM_METRICS)
        if (candidate.namespace, candidate.name) == (namespace, name)
    )
    metric = next(matches, Metric(name, "None", (), "Named in the config.", namespace, lower_bound=float("-inf")))
    return replace(metric, dimensions=dimensions)


def _gate_on_samples(stat: MetricStat, minimum: int) -> MetricMath:
    """Drops the datapoint if there are too few samples. An alternative number could breach."""
    lower_bound, upper_bound = statistics.compute_bounds(stat.statistic, stat.metric)
    samples = MetricStat(stat.metric, "SampleCount", dimension_values=stat.dimension_values)
    return MetricMath(f"IF(n >= {minimum}, x)", {"n": samples, "x": stat}, lower_bound, upper_bound)
