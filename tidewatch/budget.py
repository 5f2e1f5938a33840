"""What of the error budgets is used: the alarm on it looks back further than CloudWatch's alarms can, so it is read
from the metrics and emitted as one of ours.

Source of the limits: CloudWatch API reference, GetMetricData (500 queries, 100,800 datapoints a page; periods of an
hour are kept for 455 days).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tidewatch.alarms.values import Stat
from tidewatch.slo import Objective, budget_used, counting

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

HOUR = timedelta(hours=1)
SETTLED = timedelta(hours=3)
"""Hours that ended longer ago than this do not change any more: metrics arrive minutes late, not hours."""
EVERY = timedelta(minutes=5)
SLACK = timedelta(seconds=30)
"""By how much a sweep of each minute may come early."""


class Unread(Exception):
    """Metrics that CloudWatch gave only a part of: a budget would look fuller than it is."""


@dataclass
class Budgets:
    """The objectives of one endpoint, with the hours that were read of them: kept between the calls of a process."""

    objectives: Sequence[Objective]
    endpoint: str
    slots: Sequence[str]
    _hours: dict[str, dict[datetime, tuple[float, float]]] = field(
        default_factory=dict[str, dict[datetime, tuple[float, float]]]
    )
    _read_at: datetime | None = None

    def due(self, now: datetime) -> bool:
        """Whether the last reading is so old that it is time for another."""
        return self._read_at is None or now - self._read_at >= EVERY - SLACK

    def used(self, cloudwatch: CloudWatchClient, now: datetime) -> dict[str, float]:
        """By objective, the share of its budget that the window before `now` has used. Raises what CloudWatch raises.

        The window begins with a whole hour, and is at most an hour longer than promised. An endpoint that is younger
        than the window has a budget of all of it, for as many requests as if they came like this: or its first failure
        would use it up.
        """
        self._read_at = now
        return {one.kind: self._used(cloudwatch, one, now) for one in self.objectives}

    def _used(self, cloudwatch: CloudWatchClient, objective: Objective, now: datetime) -> float:
        this_hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        first = this_hour - objective.window
        known = {hour: sums for hour, sums in self._hours.get(objective.kind, {}).items() if hour >= first}
        # Hours without requests leave no trace: what was read is all up to the newest one kept.
        since = max(known, default=first - HOUR) + HOUR
        fresh = self._sums(cloudwatch, objective, since, this_hour + HOUR)
        hours = known | fresh
        settled = this_hour - SETTLED
        kept = {hour: sums for hour, sums in hours.items() if hour < settled}
        if settled > first:
            kept.setdefault(settled - HOUR, (0.0, 0.0))
        self._hours[objective.kind] = kept
        bad, requests = (sum(sums[place] for sums in hours.values()) for place in (0, 1))
        begun = min((hour for hour, (_, asked) in hours.items() if asked > 0), default=now)
        return budget_used(max(bad, 0.0), requests, objective.budget) * min((now - begun) / objective.window, 1.0)

    def _sums(
        self, cloudwatch: CloudWatchClient, objective: Objective, since: datetime, until: datetime
    ) -> dict[datetime, tuple[float, float]]:
        """Bad and all requests by hour. Added up here: in CloudWatch's own sums, a slot that never had a request is one
        series without data more."""
        _, _, parts = counting(objective, self.slots)
        asked: dict[str, Any] = {
            "MetricDataQueries": [self.query(name, stat) for name, stat in parts.items()],
            "StartTime": since,
            "EndTime": until,
        }
        sums: dict[str, dict[datetime, float]] = {"n": {}, "b": {}, "g": {}}
        status: dict[str, str] = {}
        while True:
            page = cloudwatch.get_metric_data(**asked)
            for one in page["MetricDataResults"]:
                name = one.get("Id", "")
                status[name] = one.get("StatusCode", "Complete")
                for at, value in zip(one.get("Timestamps", ()), one.get("Values", ()), strict=True):
                    hour, hours = at.astimezone(UTC), sums[name[0]]
                    hours[hour] = hours.get(hour, 0.0) + value
            if not (token := page.get("NextToken")):
                break
            asked["NextToken"] = token
        if unread := sorted(name for name, code in status.items() if code != "Complete"):
            raise Unread(f"CloudWatch answered {status[unread[0]]} for {', '.join(unread)} of {objective.kind}.")
        requests, good, bad = sums["n"], sums["g"], sums["b"]
        if objective.kind == "latency":
            bad = {hour: count - good.get(hour, 0.0) for hour, count in requests.items()}
        of = requests.get  # nosec B113 # counts of the hours, not the library
        return {hour: (bad.get(hour, 0.0), of(hour, 0.0)) for hour in {*bad, *requests}}

    def query(self, name: str, stat: Stat) -> MetricDataQueryTypeDef:
        """A statistic of a slot by the hour."""
        dimensions = stat.metric.of(EndpointName=self.endpoint, VariantName=stat.of)
        return {
            "Id": name,
            "MetricStat": {
                "Metric": {
                    "Namespace": stat.metric.namespace,
                    "MetricName": stat.metric.name,
                    "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                },
                "Period": _SECONDS,
                "Stat": stat.statistic,
            },
        }


_SECONDS = round(HOUR.total_seconds())


def objectives(text: str) -> tuple[Objective, ...]:
    """Objectives from JSON like {"availability": {"percent": 99.9, "days": 28, "milliseconds": null}}.

    Raises InvalidAlarms for one that nobody can promise.
    """
    declared: dict[str, dict[str, Any]] = json.loads(text or "{}")
    return tuple(Objective(kind, **terms) for kind, terms in declared.items())  # type: ignore[arg-type]
