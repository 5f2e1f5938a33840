"""An objective: what is promised to users, and which of their requests count against it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

from tidewatch import metrics as m
from tidewatch.alarms.errors import InvalidAlarm, InvalidAlarms
from tidewatch.alarms.expressions import each, total
from tidewatch.alarms.reading import shown
from tidewatch.alarms.values import Stat

Kind: TypeAlias = Literal["availability", "latency"]

RUNBOOKS = {"availability": "availability", "latency": "latency-objective"}
WINDOW_DAYS = (28, 30)
LONGEST_LATENCY = 50_000
HIGHEST = 99.9999
"""Percent: a failure in a million requests."""


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
