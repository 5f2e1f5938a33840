"""An objective: what is promised to users, and which of their requests count against it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias

from tidewatch import metrics as m
from tidewatch.alarms.errors import InvalidAlarm, InvalidAlarms
from tidewatch.alarms.expressions import build_sum, build_variant_stats, format_number
from tidewatch.alarms.models import MetricStat

ObjectiveKind: TypeAlias = Literal["availability", "latency"]

RUNBOOK_BY_KIND = {"availability": "availability", "latency": "latency-objective"}
WINDOW_DAYS = (28, 30)
MAX_LATENCY_MS = 50_000
MAX_PERCENT = 99.9999
"""In percent. It allows one failure in a million requests."""


@dataclass(frozen=True)
class Objective:
    """A promised percentage of good requests over a number of days. Raises InvalidAlarms."""

    kind: ObjectiveKind
    """For availability a 5xx is bad; for latency a prediction that takes over `milliseconds`."""
    percent: float
    days: int = 28
    milliseconds: float | None = None

    def __post_init__(self) -> None:
        mistakes: list[InvalidAlarm] = []
        if not math.isfinite(self.percent) or self.percent > MAX_PERCENT:
            mistakes.append(
                InvalidAlarm(
                    f"{self.percent:g} leaves no error budget; use at most {MAX_PERCENT}, like 99.9", "percent"
                )
            )
        elif self.percent < 50:
            mistakes.append(
                InvalidAlarm(f"{self.percent:g} is too low for an objective; use 50 or more, like 99.9", "percent")
            )
        if self.days not in WINDOW_DAYS:
            mistakes.append(InvalidAlarm(f"{self.days} is not a supported window; use 28 or 30", "days"))
        if self.kind == "latency" and self.milliseconds is None:
            mistakes.append(
                InvalidAlarm("is missing; give the time that a prediction may take, like 200", "milliseconds")
            )
        if self.milliseconds is not None and not 1 <= self.milliseconds <= MAX_LATENCY_MS:
            mistakes.append(
                InvalidAlarm(f"{self.milliseconds:g} is out of range; use 1 to {MAX_LATENCY_MS}", "milliseconds")
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
        return RUNBOOK_BY_KIND[self.kind]

    @property
    def summary(self) -> str:
        """The objective as half of a sentence."""
        good = "are answered" if self.kind == "availability" else f"take at most {self.milliseconds:g} ms"
        return f"the promise is that over {self.days} days {format_number(self.percent)}% of the requests {good}"


def build_request_counts(objective: Objective, variants: Sequence[str]) -> tuple[str, str, dict[str, MetricStat]]:
    """Returns bad requests and all requests of the endpoint as expressions, with their statistics."""
    if objective.kind == "availability":
        stats = build_variant_stats("n", m.INVOCATIONS, "Sum", variants) | build_variant_stats(
            "b", m.ERRORS_5XX, "Sum", variants
        )
        return build_sum("b", variants), build_sum("n", variants), stats
    trimmed_count = f"TC(:{format_number(round((objective.milliseconds or 0) * 1000))})"
    stats = build_variant_stats("n", m.MODEL_LATENCY, "SampleCount", variants) | build_variant_stats(
        "g", m.MODEL_LATENCY, trimmed_count, variants
    )
    requests = build_sum("n", variants)
    return f"{requests} - ({build_sum('g', variants)})", requests, stats
