"""The guardrails: alarms that compare a challenger with the champion and roll it back.

Their composite (`catalog.build_guardrail_composite`) has these and the custom guardrails of the config.

Their periods are a minute, and two of three must breach, so ALARM follows the first bad datapoint by one minute. They
use no percentiles, which neither fire nor clear with little traffic, and no FILL, which would replace a late datapoint
by a guess.
"""

from __future__ import annotations

from tidewatch import metrics as m
from tidewatch.alarms.expressions import build_min_samples_condition, build_significant_excess, format_number
from tidewatch.alarms.models import CHAMPION, Alarm, MetricMath, MetricStat, Severity
from tidewatch.alarms.serving_alarms import MICROSECONDS
from tidewatch.alarms.thresholds import AlarmThresholds
from tidewatch.metrics import Metric

PERIODS, DATAPOINTS = 3, 2


def build_guardrail_alarms(thresholds: AlarmThresholds) -> tuple[Alarm, ...]:
    """Returns the built-in guardrails of a variant that is not the champion."""
    return (
        _build_errors_guardrail(thresholds),
        _build_model_errors_guardrail(thresholds),
        _build_latency_guardrail(thresholds),
    )


def _build_errors_guardrail(thresholds: AlarmThresholds) -> Alarm:
    return Alarm(
        key="guardrail-errors",
        title="Challenger fails",
        description=f"The challenger fails {thresholds.guardrail_error_points:g} points more of its requests than the "
        f"champion would.",
        severity=Severity.P1,
        signal=MetricMath(
            f"IF({_build_min_samples_condition(thresholds)}, {build_significant_excess()}, 0)",
            _build_comparison_stats(m.ERRORS_5XX),
            -1,
            1,
        ),
        comparison=">",
        threshold=thresholds.guardrail_error_points / 100,
        periods=PERIODS,
        datapoints=DATAPOINTS,
        guardrail=True,
    )


def _build_model_errors_guardrail(thresholds: AlarmThresholds) -> Alarm:
    """Counts refused requests too, but only if the champion has traffic: callers send bad requests to any model."""
    condition = f"{_build_min_samples_condition(thresholds)} AND (k >= {thresholds.minimum_requests})"
    return Alarm(
        key="guardrail-model-errors",
        title="Challenger refuses",
        description=f"The challenger leaves {thresholds.guardrail_error_points:g} points more of its requests "
        "without a prediction than the champion would: it may expect other features.",
        severity=Severity.P1,
        signal=MetricMath(
            f"IF({condition}, {build_significant_excess()}, 0)", _build_comparison_stats(m.MODEL_ERRORS), -1, 1
        ),
        comparison=">",
        threshold=thresholds.guardrail_error_points / 100,
        periods=PERIODS,
        datapoints=DATAPOINTS,
        guardrail=True,
        runbook="guardrail-errors",
    )


def _build_min_samples_condition(thresholds: AlarmThresholds) -> str:
    return build_min_samples_condition(thresholds.minimum_requests, thresholds.minimum_errors)


def _build_comparison_stats(errors: Metric) -> dict[str, MetricStat]:
    """Returns requests and bad ones as n and b of the variant, and k and d of the champion."""
    return {
        "n": MetricStat(m.INVOCATIONS, "Sum"),
        "k": MetricStat(m.INVOCATIONS, "Sum", CHAMPION),
        "b": MetricStat(errors, "Sum"),
        "d": MetricStat(errors, "Sum", CHAMPION),
    }


def _build_latency_guardrail(thresholds: AlarmThresholds) -> Alarm:
    """Compares trimmed means, or uses the absolute limit while the champion has too few requests.

    Metric math has no standard deviation, so nothing is subtracted for chance as it is for errors. With few requests
    and a long tail the means alone differ by half every few hours, so this guardrail needs more requests.
    """
    min_requests, ratio = thresholds.guardrail_latency_requests, thresholds.guardrail_latency_ratio
    fallback = round(thresholds.latency_milliseconds * MICROSECONDS / ratio)
    is_slower = f"((t - c) > {format_number(round(thresholds.guardrail_latency_milliseconds * MICROSECONDS))})"
    champion_latency = f"IF((n >= {min_requests}) AND (k >= {min_requests}), c, {fallback})"
    stats = {
        "n": MetricStat(m.INVOCATIONS, "Sum"),
        "k": MetricStat(m.INVOCATIONS, "Sum", CHAMPION),
        "t": MetricStat(m.MODEL_LATENCY, "tm95"),
        "c": MetricStat(m.MODEL_LATENCY, "tm95", CHAMPION),
    }
    return Alarm(
        key="guardrail-latency",
        title="Challenger is slow",
        description=f"The challenger takes over {ratio:g} times as long as the champion.",
        severity=Severity.P1,
        signal=MetricMath(f"IF((n >= {min_requests}) AND {is_slower}, t / {champion_latency}, 0)", stats, 0),
        comparison=">",
        threshold=ratio,
        periods=PERIODS,
        datapoints=DATAPOINTS,
        guardrail=True,
    )
