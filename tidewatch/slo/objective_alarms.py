"""The alarms of an objective: on each burn rate over a long and a short window, and on a used-up budget."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from tidewatch import metrics as m
from tidewatch.alarms.composites import CompositeAlarm, all_of
from tidewatch.alarms.models import FIVE_MINUTES, Alarm, MetricMath, MetricStat, MissingData, Severity
from tidewatch.duration_format import format_duration
from tidewatch.slo.burn_rates import (
    BURN_RATE_ALERTS,
    STILL_BURNING,
    BurnRateAlert,
    compute_burn_rate,
    compute_time_to_exhaustion,
)
from tidewatch.slo.objective import Objective, build_request_counts

COVERED_BY = {
    "availability": ("server-errors", "endpoint-not-in-service", "rollback-blocked"),
    "latency": ("endpoint-not-in-service", "rollback-blocked"),
}
"""Pages that report the same problem sooner than the burn rate."""
MIN_BAD_REQUESTS = 5
"""The least number of bad requests in a long window that counts: of ten requests an hour, a single bad one burns a
budget of 0.1% at 1,000 times the rate ("Low-Traffic Services and Error Budget Alerting")."""


def build_slo_alarms(objective: Objective, variants: Sequence[str]) -> tuple[Alarm, ...]:
    """Returns the metric alarms under an objective's composites. They notify nobody."""
    ordered = sorted(variants)
    burn_rate_alarms = [
        alarm for alert in (*BURN_RATE_ALERTS, STILL_BURNING) for alarm in _build_window_pair(objective, alert, ordered)
    ]
    return (*burn_rate_alarms, _build_budget_used_alarm(objective))


def build_slo_composites(objective: Objective) -> tuple[CompositeAlarm, ...]:
    """Returns the composites that notify: each burn rate over both windows, and a used-up budget that still burns."""
    return (
        *(_build_burn_rate_composite(objective, alert) for alert in BURN_RATE_ALERTS),
        _build_exhausted_composite(objective),
    )


def _build_burn_rate_composite(objective: Objective, alert: BurnRateAlert) -> CompositeAlarm:
    key = _build_key(objective, alert.name)
    if alert.name == "budget-half":
        description = f"At this rate half of the error budget will be gone: {objective.summary}."
    else:
        remaining = compute_time_to_exhaustion(
            compute_burn_rate(alert.compute_threshold(objective.budget), objective.budget), objective.window
        )
        duration = format_duration(remaining or objective.window)
        description = f"At this rate the whole error budget is gone in {duration}: {objective.summary}."
    return CompositeAlarm(
        key=key,
        description=description,
        severity=alert.severity,
        rule=all_of(f"{key}-long", f"{key}-short"),
        runbook=objective.runbook,
        parents=(*(_build_key(objective, parent) for parent in alert.parents), *COVERED_BY[objective.kind]),
        lookback_s=alert.short_s,
    )


def _build_exhausted_composite(objective: Objective) -> CompositeAlarm:
    still_burning = _build_key(objective, STILL_BURNING.name)
    return CompositeAlarm(
        key=_build_key(objective, "budget"),
        description=f"The error budget is used up and still burning: {objective.summary}.",
        severity=Severity.P1,
        rule=all_of(_build_key(objective, "budget-used"), f"{still_burning}-long", f"{still_burning}-short"),
        runbook=objective.runbook,
        parents=COVERED_BY[objective.kind],
        lookback_s=STILL_BURNING.short_s,
    )


def _build_window_pair(objective: Objective, alert: BurnRateAlert, variants: Sequence[str]) -> tuple[Alarm, Alarm]:
    """Returns the alarms of the long and the short window.

    Only the long window needs a number of bad requests: the short one must not miss a few late ones. The sweep's open
    incidents, times 0, are the clock: once requests stop, a window without any still has a datapoint, and CloudWatch
    does not evaluate an older one in its place.
    """
    bad, requests, stats = build_request_counts(objective, variants)
    stats |= {"o": MetricStat(m.OPEN_INCIDENTS, "Maximum")}
    ratio = f"({bad}) / ({requests})"
    short_expression = f"IF(({requests} + 0 * o) >= 1, {ratio}, 0)"
    long_expression = f"IF(({bad} + 0 * o) >= {MIN_BAD_REQUESTS}, {ratio}, 0)"
    return (
        _build_burn_rate_alarm(objective, alert, "long", alert.long_s, MetricMath(long_expression, stats, 0, 1)),
        _build_burn_rate_alarm(objective, alert, "short", alert.short_s, MetricMath(short_expression, stats, 0, 1)),
    )


def _build_burn_rate_alarm(
    objective: Objective, alert: BurnRateAlert, window: str, seconds: int, signal: MetricMath
) -> Alarm:
    """Uses the window as the period, evaluated each minute: hourly datapoints would be averages of averages."""
    return Alarm(
        key=_build_key(objective, f"{alert.name}-{window}"),
        title=_build_title(objective, f"{alert.name}-{window}"),
        description=f"Bad requests over {format_duration(timedelta(seconds=seconds))} use the budget {alert.rate:g} "
        f"times as fast as allowed.",
        severity=Severity.P3,
        signal=signal,
        comparison=">",
        threshold=alert.compute_threshold(objective.budget),
        period_s=seconds,
        runbook=objective.runbook,
        notifies=False,
    )


def _build_budget_used_alarm(objective: Objective) -> Alarm:
    """Reads our own metric of the used share, because CloudWatch looks back seven days at most."""
    return Alarm(
        key=_build_key(objective, "budget-used"),
        title=_build_title(objective, "budget-used"),
        description="The error budget of the objective's window is used up.",
        severity=Severity.P3,
        signal=MetricStat(m.BUDGET_USED, "Maximum", objective.kind),
        period_s=FIVE_MINUTES,
        missing=MissingData.IGNORE,
        runbook=objective.runbook,
        notifies=False,
    )


def _build_title(objective: Objective, name: str) -> str:
    return f"{objective.kind.capitalize()}: {name.replace('-', ' ')}"


def _build_key(objective: Objective, name: str) -> str:
    return f"{objective.kind}-{name}"
