"""The alarms of an objective: on each burn rate over a long and a short window, and on a budget that is used up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from tidewatch import metrics as m
from tidewatch.alarms.composite import Composite, all_of
from tidewatch.alarms.values import Alarm, Math, Missing, Severity, Stat
from tidewatch.durations import about
from tidewatch.slo.burning import BURNING, BURNS, Burn, burn_rate, time_to_exhaustion
from tidewatch.slo.objective import Objective, counting

FELT = {
    "availability": ("server-errors", "endpoint-not-in-service", "rollback-blocked"),
    "latency": ("endpoint-not-in-service", "rollback-blocked"),
}
"""Pages of a variant that say the same at once, where a burn rate says it later."""
LEAST_BAD = 5
"""Bad requests in a long window below which it says nothing: of ten requests an hour, a single bad one burns a budget
of 0.1% at 1,000 times the rate ("Low-Traffic Services and Error Budget Alerting")."""


def slo_alarms(objective: Objective, slots: Sequence[str], least_bad: int = LEAST_BAD) -> tuple[Alarm, ...]:
    """The metric alarms under an objective's composites; they notify nobody."""
    ordered = sorted(slots)
    burning = [alarm for burn in (*BURNS, BURNING) for alarm in _pair(objective, burn, ordered, least_bad)]
    return (*burning, _used(objective))


def slo_composites(objective: Objective) -> tuple[Composite, ...]:
    """What notifies: each burn rate over both of its windows, and the budget used up and still burning."""
    return (*(_burns(objective, burn) for burn in BURNS), _exhausted(objective))


def _burns(objective: Objective, burn: Burn) -> Composite:
    key = _key(objective, burn.name)
    if burn.name == "budget-half":
        says = f"At this rate half of the error budget will be gone: {objective.promise}."
    else:
        left = time_to_exhaustion(burn_rate(burn.threshold(objective.budget), objective.budget), objective.window)
        says = f"At this rate the whole error budget is gone in {about(left or objective.window)}: {objective.promise}."
    return Composite(
        key=key,
        title=f"{objective.kind.capitalize()}: {burn.name.replace('-', ' ')}",
        says=says,
        severity=burn.severity,
        scope="endpoint",
        rule=all_of(f"{key}-long", f"{key}-short"),
        suppressed_by_deployment=False,
        runbook=objective.runbook,
        parents=(*(_key(objective, parent) for parent in burn.parents), *FELT[objective.kind]),
        looks_back_s=burn.short_s,
    )


def _exhausted(objective: Objective) -> Composite:
    burning = _key(objective, BURNING.name)
    return Composite(
        key=_key(objective, "budget"),
        title=f"{objective.kind.capitalize()}: budget used up",
        says=f"The error budget is used up and still burns: {objective.promise}.",
        severity=Severity.P1,
        scope="endpoint",
        rule=all_of(_key(objective, "budget-used"), f"{burning}-long", f"{burning}-short"),
        suppressed_by_deployment=False,
        runbook=objective.runbook,
        parents=FELT[objective.kind],
        looks_back_s=BURNING.short_s,
    )


def _pair(objective: Objective, burn: Burn, slots: Sequence[str], least_bad: int) -> tuple[Alarm, Alarm]:
    """Only the long window asks for a number of bad requests: the short one must not miss a few that come late.

    The sweep's open incidents, times 0, are the clock: once requests stop, a window without any has a datapoint all the
    same, and no older one is judged in its place.
    """
    bad, requests, parts = counting(objective, slots)
    parts |= {"o": Stat(m.OPEN_INCIDENTS, "Maximum")}
    ratio = f"({bad}) / ({requests})"
    told = f"IF(({requests} + 0 * o) >= 1, {ratio}, 0)"
    gated = f"IF(({bad} + 0 * o) >= {least_bad}, {ratio}, 0)"
    return (
        _burning(objective, burn, "long", burn.long_s, Math(gated, parts, 0, 1)),
        _burning(objective, burn, "short", burn.short_s, Math(told, parts, 0, 1)),
    )


def _burning(objective: Objective, burn: Burn, length: str, seconds: int, signal: Math) -> Alarm:
    """The period is the window, evaluated each minute: datapoints of an hour would be averages of averages."""
    return _under(
        objective,
        f"{burn.name}-{length}",
        f"Bad requests over {about(timedelta(seconds=seconds))} use the budget {burn.rate:g} times as fast as allowed.",
        signal,
        ">",
        burn.threshold(objective.budget),
        seconds,
        Missing.NOT_BREACHING,
    )


def _used(objective: Objective) -> Alarm:
    """CloudWatch looks back seven days at most, so the share that is used is a metric of ours."""
    return _under(
        objective,
        "budget-used",
        "The error budget of the objective's window is used up.",
        Stat(m.BUDGET_USED, "Maximum", objective.kind),
        ">=",
        1,
        300,
        Missing.IGNORE,
    )


def _under(
    objective: Objective,
    name: str,
    says: str,
    signal: Stat | Math,
    comparison: Literal[">", ">="],
    threshold: float,
    seconds: int,
    missing: Missing,
) -> Alarm:
    return Alarm(
        key=_key(objective, name),
        title=f"{objective.kind.capitalize()}: {name.replace('-', ' ')}",
        says=says,
        severity=Severity.P3,
        scope="endpoint",
        signal=signal,
        comparison=comparison,
        threshold=threshold,
        period_s=seconds,
        periods=1,
        datapoints=1,
        missing=missing,
        suppressed_by_deployment=False,
        runbook=objective.runbook,
        notifies=False,
    )


def _key(objective: Objective, name: str) -> str:
    return f"{objective.kind}-{name}"
