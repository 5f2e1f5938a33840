"""The evaluation of metric alarms: at each moment that is due, on the metrics as CloudWatch shows them at that moment.

Source: CloudWatch user guide, "Alarm evaluation": "the evaluation is based on the window of time defined by the Period
and Evaluation Periods", which slides: of a period of 5 minutes, minutes 1 to 5 at the end of minute 5, then 2 to 6.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import Alarm, CloudWatchBackend, cloudwatch_backends

from simulator.aws import alarm_rules, alarm_states
from simulator.aws.alarm_clock import MINUTE
from simulator.aws.alarm_definitions import Definition, Watched, computed
from simulator.aws.alarm_messages import stamp
from simulator.aws.alarm_rules import Outcome
from simulator.aws.metric_operators import Single
from simulator.aws.metrics import MetricStore, Series
from simulator.aws.world import ACCOUNT, World

Columns = Sequence[Sequence[tuple[float | None, float]]]
"""Of each metric, the datapoint and the number of samples of each period, oldest first."""


def run_due(here: World, now: datetime) -> None:
    """Evaluates what is due by now, in the order of time."""
    reached, clock = now.timestamp(), here.alarm_clock
    began, quiet = clock.stepped, False
    while (moment := clock.following(reached, began, quiet)) <= reached:
        quiet = step(here, moment)
        clock.passed(moment)
        clock.wake = alarm_states.next_expiry()


def step(here: World, moment: float) -> bool:
    """Everything that happens at one moment; answers whether no metric alarm can change until somebody acts."""
    at = datetime.fromtimestamp(moment, UTC)
    quiet = moment % MINUTE == 0
    for backend in list(cloudwatch_backends[ACCOUNT].values()):
        if backend.alarms:
            quiet = _evaluate_all(here, backend, moment, at) and quiet
            alarm_states.expire(here, backend, at)
    return quiet


def _evaluate_all(here: World, backend: CloudWatchBackend, moment: float, at: datetime) -> bool:
    changed: set[str] = set()
    quiet = True
    for alarm in list(backend.alarms.values()):
        made: Definition | None = getattr(alarm, "watching", None)
        if made is None or moment % made.step:
            continue
        old = alarm.state_value
        quiet = _evaluate(here, backend, alarm, made, moment, at) and quiet
        if alarm.state_value != old:
            changed.add(alarm.name)
    if changed:
        alarm_states.follow(here, backend, changed, at)
    return quiet


def _evaluate(
    here: World, backend: CloudWatchBackend, alarm: Alarm, made: Definition, moment: float, at: datetime
) -> bool:
    length = made.condition.range
    begins = tuple(moment - place * made.period for place in range(length, 0, -1))
    series = [_series(here.metrics, metric) for metric in made.metrics]
    still = _still(series, begins[0], moment)
    # On the same datapoints the same alarm comes to the same state again: that is most alarms, most of the time.
    if still is not None and getattr(alarm, "settled_in", None) == (alarm.state_value, still):
        return True
    columns = _columns(here.metrics, made, series, begins, moment)
    values = _values(alarm, made, columns, begins)
    if values is None or _too_few(made, columns):
        return False
    outcome = alarm_rules.evaluate(made.condition, values)
    if outcome.state in (None, alarm.state_value):
        settled = (alarm.state_value, still) if still is not None else None
        alarm.settled_in = settled  # type: ignore[attr-defined]
        return still is not None
    used = [(values[place] or 0.0, begins[place]) for place in outcome.used]
    reason = alarm_rules.reason(made.condition, [value for value, _ in used], [at for _, at in used], outcome)
    data = json.dumps(_reason_data(made, columns, used, outcome, begins, at))
    alarm_states.move(here, backend, alarm, str(outcome.state), reason, data, at)
    return False


def _still(series: Sequence[Series | None], begin: float, end: float) -> tuple[int, ...] | None:
    """What tells these datapoints from others, where they stay the same as long as this does; None otherwise."""
    marks: list[int] = []
    for one in series:
        mark = Series.NOTHING if one is None else one.unchanging(begin, end)
        if mark is None:
            return None
        marks.append(mark)
    return tuple(marks)


def _series(store: MetricStore, metric: Watched) -> Series | None:
    found = store.series.get(metric.key)
    if found is None or (metric.unit is not None and found.unit not in (None, metric.unit)):
        return None
    return found


def _columns(
    store: MetricStore, made: Definition, series: Sequence[Series | None], begins: Sequence[float], moment: float
) -> Columns:
    missing = [(None, 0.0)] * len(begins)
    with store.lock:
        return [
            missing
            if one is None
            else [one.window(metric.statistic, begin, begin + made.period, moment) for begin in begins]
            for metric, one in zip(made.metrics, series, strict=True)
        ]


def _values(
    alarm: Alarm, made: Definition, columns: Columns, begins: Sequence[float]
) -> tuple[float | None, ...] | None:
    """The watched time series; None where it cannot be computed, which DescribeAlarms then says."""
    try:
        value = computed(made, [tuple(value for value, _ in column) for column in columns], begins)
    except ValidationError:
        alarm.EvaluationState = "EVALUATION_ERROR"  # type: ignore[attr-defined]
        return None
    assert isinstance(value, Single)
    return value.values


def _too_few(made: Definition, columns: Columns) -> bool:
    """Whether a percentile has too few samples in its EvaluationPeriods, and is to be ignored then. No samples at all
    are missing data, which has a treatment of its own."""
    if not made.ignores_few_samples:
        return False
    for metric, column in zip(made.metrics, columns, strict=True):
        samples = sum(count for _, count in column[-made.condition.periods :])
        if 0 < samples < alarm_rules.fewest_samples(metric.statistic):
            return True
    return False


def _reason_data(
    made: Definition,
    columns: Columns,
    used: Sequence[tuple[float, float]],
    outcome: Outcome,
    begins: Sequence[float],
    at: datetime,
) -> dict[str, Any]:
    """StateReasonData. Source: user guide, "Alarm events and EventBridge", the events' reasonData."""
    oldest = used[-1][1] if used else begins[-made.condition.periods]
    data: dict[str, Any] = {"version": "1.0", "queryDate": stamp(at), "startDate": _stamp(oldest)}
    evaluated: list[dict[str, Any]] = [{"timestamp": _stamp(begin), "value": value} for value, begin in used]
    if not made.expressions:
        data["statistic"] = made.metrics[0].statistic
        for one, place in zip(evaluated, outcome.used, strict=True):
            one["sampleCount"] = columns[0][place][1]
    data |= {"period": made.period, "recentDatapoints": [value for value, _ in reversed(used)]}
    return {**data, "threshold": made.condition.threshold, "evaluatedDatapoints": evaluated}


def _stamp(seconds: float) -> str:
    return stamp(datetime.fromtimestamp(seconds, UTC))
