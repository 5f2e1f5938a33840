"""Evaluates metric alarms at each due moment, on the metrics that CloudWatch shows at that moment.

Source: CloudWatch user guide, "Alarm evaluation": "the evaluation is based on the window of time defined by the Period
and Evaluation Periods". The window slides: with a period of 5 minutes it covers minutes 1 to 5 at the end of minute 5,
then 2 to 6.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import Alarm, CloudWatchBackend, cloudwatch_backends

from rehearsal.aws.account import SimulatedAccount
from rehearsal.aws.cloudwatch import alarm_transitions, threshold_rules
from rehearsal.aws.cloudwatch.alarm_clock import MINUTE
from rehearsal.aws.cloudwatch.alarm_definitions import AlarmDefinition, AlarmMetric, compute_value
from rehearsal.aws.cloudwatch.alarm_notifications import format_timestamp
from rehearsal.aws.cloudwatch.metric_operators import TimeSeries
from rehearsal.aws.cloudwatch.metric_store import MetricStore, StoredSeries
from rehearsal.aws.cloudwatch.threshold_rules import EvaluationResult
from rehearsal.aws.constants import ACCOUNT

Columns = Sequence[Sequence[tuple[float | None, float]]]
"""For each metric, the datapoint and the number of samples of each period, oldest first."""


def evaluate_due(account: SimulatedAccount, now: datetime) -> None:
    """Evaluates everything that is due, in chronological order."""
    until, clock = now.timestamp(), account.alarm_clock
    jump_start, is_stable = clock.evaluated_until, False
    while (moment := clock.next_due(until, jump_start, is_stable)) <= until:
        is_stable = evaluate_at(account, moment)
        clock.mark_evaluated(moment)
        clock.next_wakeup = alarm_transitions.find_next_expiry()


def evaluate_at(account: SimulatedAccount, moment: float) -> bool:
    """Evaluates one moment. Returns whether no metric alarm can change until the next measurement or call."""
    now = datetime.fromtimestamp(moment, UTC)
    is_stable = moment % MINUTE == 0
    for backend in list(cloudwatch_backends[ACCOUNT].values()):
        if backend.alarms:
            is_stable = _evaluate_all(account, backend, moment, now) and is_stable
            alarm_transitions.end_expired_suppressions(account, backend, now)
    return is_stable


def _evaluate_all(account: SimulatedAccount, backend: CloudWatchBackend, moment: float, now: datetime) -> bool:
    changed: set[str] = set()
    is_stable = True
    for alarm in list(backend.alarms.values()):
        definition: AlarmDefinition | None = getattr(alarm, "definition", None)
        if definition is None or moment % definition.step_seconds:
            continue
        old = alarm.state_value
        is_stable = _evaluate_alarm(account, backend, alarm, definition, moment, now) and is_stable
        if alarm.state_value != old:
            changed.add(alarm.name)
    if changed:
        alarm_transitions.propagate_changes(account, backend, changed, now)
    return is_stable


def _evaluate_alarm(
    account: SimulatedAccount,
    backend: CloudWatchBackend,
    alarm: Alarm,
    definition: AlarmDefinition,
    moment: float,
    now: datetime,
) -> bool:
    length = definition.condition.evaluation_range
    period_starts = tuple(moment - offset * definition.period for offset in range(length, 0, -1))
    series = [_find_series(account.metrics, metric) for metric in definition.metrics]
    fingerprint = _fingerprint_windows(series, period_starts[0], moment, definition.period)
    # The same alarm gets the same state from the same datapoints, which is most alarms, most of the time.
    if fingerprint is not None and getattr(alarm, "stable_state", None) == (alarm.state_value, fingerprint):
        return True
    columns = _read_columns(account.metrics, definition, series, period_starts, moment)
    values = _compute_values(alarm, definition, columns, period_starts)
    if values is None or _has_too_few_samples(definition, columns):
        return False
    outcome = threshold_rules.evaluate_datapoints(definition.condition, values)
    if outcome.state in (None, alarm.state_value):
        stable_state = (alarm.state_value, fingerprint) if fingerprint is not None else None
        alarm.stable_state = stable_state  # type: ignore[attr-defined]
        return fingerprint is not None
    used = [(values[index] or 0.0, period_starts[index]) for index in outcome.evaluated_indexes]
    reason = threshold_rules.format_reason(
        definition.condition, [value for value, _ in used], [start for _, start in used], outcome
    )
    data = json.dumps(_build_reason_data(definition, columns, used, outcome, period_starts, now))
    alarm_transitions.change_state(account, backend, alarm, str(outcome.state), reason, data, now)
    return False


def _fingerprint_windows(
    series: Sequence[StoredSeries | None], begin: float, end: float, period: float
) -> tuple[int, ...] | None:
    """A fingerprint of these datapoints, which stay the same while it does; None if they may change."""
    fingerprints: list[int] = []
    for metric_series in series:
        fingerprint = (
            StoredSeries.NO_DATA if metric_series is None else metric_series.fingerprint_window(begin, end, period)
        )
        if fingerprint is None:
            return None
        fingerprints.append(fingerprint)
    return tuple(fingerprints)


def _find_series(store: MetricStore, metric: AlarmMetric) -> StoredSeries | None:
    found = store.series.get(metric.key)
    if found is None or (metric.unit is not None and found.unit not in (None, metric.unit)):
        return None
    return found


def _read_columns(
    store: MetricStore,
    definition: AlarmDefinition,
    series: Sequence[StoredSeries | None],
    period_starts: Sequence[float],
    moment: float,
) -> Columns:
    missing = [(None, 0.0)] * len(period_starts)
    with store.lock:
        return [
            missing
            if metric_series is None
            else [
                metric_series.compute_window(metric.statistic, begin, begin + definition.period, moment)
                for begin in period_starts
            ]
            for metric, metric_series in zip(definition.metrics, series, strict=True)
        ]


def _compute_values(
    alarm: Alarm, definition: AlarmDefinition, columns: Columns, period_starts: Sequence[float]
) -> tuple[float | None, ...] | None:
    """The alarm's time series; None if it cannot be computed, which DescribeAlarms then shows."""
    try:
        value = compute_value(definition, [tuple(value for value, _ in column) for column in columns], period_starts)
    except ValidationError:
        alarm.EvaluationState = "EVALUATION_ERROR"  # type: ignore[attr-defined]
        return None
    assert isinstance(value, TimeSeries)
    return value.values


def _has_too_few_samples(definition: AlarmDefinition, columns: Columns) -> bool:
    """Whether a percentile has too few samples in its evaluation periods and must be ignored.

    A window without samples is missing data, which has its own treatment.
    """
    if not definition.ignores_few_samples:
        return False
    for metric, column in zip(definition.metrics, columns, strict=True):
        samples = sum(count for _, count in column[-definition.condition.periods :])
        if 0 < samples < threshold_rules.compute_min_samples(metric.statistic):
            return True
    return False


def _build_reason_data(
    definition: AlarmDefinition,
    columns: Columns,
    used: Sequence[tuple[float, float]],
    outcome: EvaluationResult,
    period_starts: Sequence[float],
    now: datetime,
) -> dict[str, Any]:
    """StateReasonData. Source: user guide, "Alarm events and EventBridge", the events' reasonData."""
    oldest = used[-1][1] if used else period_starts[-definition.condition.periods]
    data: dict[str, Any] = {"version": "1.0", "queryDate": format_timestamp(now), "startDate": _format_seconds(oldest)}
    evaluated: list[dict[str, Any]] = [{"timestamp": _format_seconds(begin), "value": value} for value, begin in used]
    if not definition.expressions:
        data["statistic"] = definition.metrics[0].statistic
        for datapoint, index in zip(evaluated, outcome.evaluated_indexes, strict=True):
            datapoint["sampleCount"] = columns[0][index][1]
    data |= {"period": definition.period, "recentDatapoints": [value for value, _ in reversed(used)]}
    return {**data, "threshold": definition.condition.threshold, "evaluatedDatapoints": evaluated}


def _format_seconds(seconds: float) -> str:
    return format_timestamp(datetime.fromtimestamp(seconds, UTC))
