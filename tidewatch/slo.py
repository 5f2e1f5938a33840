"""Objectives: error budgets, burn rates, and the alarms on them.

Source of the arithmetic and of the windows: The Site Reliability Workbook (Google, 2018), chapter 5, "Alerting on
SLOs", https://sre.google/workbook/alerting-on-slos/. A budget is the share of requests that may be bad; a burn rate of
1 uses exactly all of it over the objective's window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

from tidewatch import metrics as m
from tidewatch.alarms.composite import Composite, all_of
from tidewatch.alarms.errors import InvalidAlarm, InvalidAlarms
from tidewatch.alarms.expressions import each, total
from tidewatch.alarms.reading import shown
from tidewatch.alarms.values import DAY, HOUR, Alarm, Math, Missing, Severity, Stat
from tidewatch.durations import about

Kind: TypeAlias = Literal["availability", "latency"]

RUNBOOKS = {"availability": "availability", "latency": "latency-objective"}
FELT = {
    "availability": ("server-errors", "endpoint-not-in-service", "rollback-blocked"),
    "latency": ("endpoint-not-in-service", "rollback-blocked"),
}
"""Pages of a variant that say the same at once, where a burn rate says it later."""
WINDOW_DAYS = (28, 30)
LONGEST_LATENCY = 50_000
HIGHEST = 99.9999
"""Percent: a failure in a million requests."""
LEAST_BAD = 5
"""Bad requests in a long window below which it says nothing: of ten requests an hour, a single bad one burns a budget
of 0.1% at 1,000 times the rate ("Low-Traffic Services and Error Budget Alerting")."""


def burn_rate(bad_ratio: float, budget: float) -> float:
    """How many times as fast as allowed a budget is used, at this ratio of bad requests; both 0 to 1."""
    return bad_ratio / budget


def bad_ratio(burn: float, budget: float) -> float:
    """The ratio of bad requests that burns a budget at this rate; above 1 where even a total outage would not."""
    return burn * budget


def burn_rate_using(share: float, within: timedelta, window: timedelta) -> float:
    """The burn rate that uses a share of the budget within a time: 2% of 30 days' in an hour is 14.4."""
    return share * (window / within)


def share_used(burn: float, lasting: timedelta, window: timedelta) -> float:
    """The share of the budget that a burn rate uses in a time; 1 is all of it."""
    return burn * (lasting / window)


def time_to_exhaustion(burn: float, window: timedelta, used: float = 0.0) -> timedelta | None:
    """How long what is left of the budget lasts at this rate; None for ever. used: share of it that is gone."""
    if used >= 1:
        return timedelta()
    seconds = (1 - used) * window.total_seconds() / burn if burn > 0 else math.inf
    # Beyond what a timedelta holds it is no time that anybody waits for.
    return timedelta(seconds=seconds) if seconds < timedelta.max.total_seconds() else None


def time_to_detection(bad: float, budget: float, burn: float, over: timedelta) -> timedelta | None:
    """After how long an alarm on this burn rate over this window fires, from when a ratio `bad` of requests is bad.

    None where it never does: a lower rate, though it may use up the whole budget.
    """
    threshold = bad_ratio(burn, budget)
    return over * (threshold / bad) if bad > 0 and bad >= threshold else None


def budget_used(bad: float, requests: float, budget: float) -> float:
    """The share of the budget that the bad ones among the window's requests have used; 0 without requests."""
    return bad / (requests * budget) if requests else 0.0


@dataclass(frozen=True)
class Burn:
    """An alert on a rate over a long window, and over a short one that tells whether it still burns.

    reach: where the rate is more than a total outage makes, or nearly, the alert is at this part of the way from
    the budget to a total outage instead ("Extreme Availability Goals"): at 90% nothing burns at 14.4.
    """

    name: str
    rate: float
    long_s: int
    short_s: int
    severity: Severity
    reach: float
    parents: tuple[str, ...] = ()

    def threshold(self, budget: float) -> float:
        """The ratio of bad requests above which it burns too fast; always below 1."""
        return min(bad_ratio(self.rate, budget), budget + self.reach * (1 - budget))


BURNS = (
    Burn("burn-fast", 14.4, HOUR, 300, Severity.P1, 0.8),
    Burn("burn", 6, 6 * HOUR, 1800, Severity.P1, 0.5, ("burn-fast",)),
    Burn("burn-slow", 3, DAY, 2 * HOUR, Severity.P2, 0.25, ("burn-fast", "burn")),
    Burn("budget-half", 0.5, DAY, 2 * HOUR, Severity.P3, 0, ("burn-fast", "burn", "burn-slow", "budget")),
)
"""Pages and ticket of the workbook's last recommendation, and the rate that uses half of the budget over its window."""
BURNING = Burn("burning", 1, HOUR, 1800, Severity.P1, 0)
"""What a budget that is used up must still do to page: once nothing burns any more, nobody can do anything about it."""


@dataclass(frozen=True)
class Objective:
    """What is promised: this percent of requests good, over so many days. Raises InvalidAlarms.

    kind: availability, where a 5xx is bad; latency, where a prediction that takes over `milliseconds` is.
    """

    kind: Kind
    percent: float
    days: int = 28
    milliseconds: float | None = None

    def __post_init__(self) -> None:
        mistakes: list[InvalidAlarm] = []
        if not math.isfinite(self.percent) or self.percent > HIGHEST:
            mistakes.append(
                InvalidAlarm(f"{self.percent:g} leaves nothing to fail; use at most {HIGHEST}, like 99.9", "percent")
            )
        elif self.percent < 50:
            mistakes.append(
                InvalidAlarm(f"{self.percent:g} is no promise to anybody; use 50 or more, like 99.9", "percent")
            )
        if self.days not in WINDOW_DAYS:
            mistakes.append(InvalidAlarm(f"{self.days} is no window of an objective here; use 28 or 30", "days"))
        if self.kind == "latency" and self.milliseconds is None:
            mistakes.append(InvalidAlarm("is missing; say how long a prediction may take, like 200", "milliseconds"))
        if self.milliseconds is not None and not 1 <= self.milliseconds <= LONGEST_LATENCY:
            mistakes.append(
                InvalidAlarm(f"{self.milliseconds:g} is out of range; use 1 to {LONGEST_LATENCY}", "milliseconds")
            )
        if mistakes:
            raise InvalidAlarms(mistakes)

    @property
    def budget(self) -> float:
        """The ratio of requests that may be bad, above 0 and at most 0.5."""
        return round((100 - self.percent) / 100, 12)

    @property
    def window(self) -> timedelta:
        return timedelta(days=self.days)

    @property
    def runbook(self) -> str:
        return RUNBOOKS[self.kind]

    @property
    def promise(self) -> str:
        """What it says, as half of a sentence."""
        good = "are answered" if self.kind == "availability" else f"take at most {self.milliseconds:g} ms"
        return f"the promise is that over {self.days} days {shown(self.percent)}% of the requests {good}"


def counting(objective: Objective, slots: Sequence[str]) -> tuple[str, str, dict[str, Stat]]:
    """Bad requests and all requests of the endpoint as expressions, with their statistics."""
    if objective.kind == "availability":
        parts = each("n", m.INVOCATIONS, "Sum", slots) | each("b", m.ERRORS_5XX, "Sum", slots)
        return total("b", slots), total("n", slots), parts
    within = f"TC(:{shown(round((objective.milliseconds or 0) * 1000))})"
    parts = each("n", m.MODEL_LATENCY, "SampleCount", slots) | each("g", m.MODEL_LATENCY, within, slots)
    requests = total("n", slots)
    return f"{requests} - ({total('g', slots)})", requests, parts


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
