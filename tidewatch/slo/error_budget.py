"""Reads the used share of the error budgets from the metrics.

The window is longer than CloudWatch's alarms allow, so the sweep emits the share as a metric of its own. CloudWatch
keeps periods of an hour for 455 days. Source: CloudWatch API reference, GetMetricData.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tidewatch.alarms.models import MetricStat
from tidewatch.aws.cloudwatch import COMPLETE, build_metric_query, read_metric_data
from tidewatch.slo import Objective, build_request_counts, compute_budget_used

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

HOUR = timedelta(hours=1)
FINAL_AFTER = timedelta(hours=3)
"""Hours that ended longer ago than this do not change any more: metrics arrive minutes late, not hours."""
READ_INTERVAL = timedelta(minutes=5)
READ_INTERVAL_TOLERANCE = timedelta(seconds=30)
"""How much a sweep may come early."""


class IncompleteMetrics(Exception):
    """CloudWatch returned only a part of the metrics: less of the budget would seem used."""


@dataclass
class ErrorBudgets:
    """The error budgets of one endpoint. It caches the hours that were read between the calls of a process."""

    objectives: Sequence[Objective]
    endpoint: str
    variants: Sequence[str]
    _hours: dict[str, dict[datetime, tuple[float, float]]] = field(
        default_factory=dict[str, dict[datetime, tuple[float, float]]]
    )
    _read_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether the last reading is old enough for another."""
        return self._read_at is None or now - self._read_at >= READ_INTERVAL - READ_INTERVAL_TOLERANCE

    def read_used_shares(self, cloudwatch: CloudWatchClient, now: datetime) -> dict[str, float]:
        """Returns the used share of each budget by objective. Raises what CloudWatch raises.

        The window before `now` begins at a full hour and is at most an hour too long. An endpoint that is younger than
        the window has the budget of a whole window at its present request rate; otherwise its first failure would use
        up everything.
        """
        self._read_at = now
        return {objective.kind: self._read_used_share(cloudwatch, objective, now) for objective in self.objectives}

    def _read_used_share(self, cloudwatch: CloudWatchClient, objective: Objective, now: datetime) -> float:
        this_hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        first = this_hour - objective.window
        cached = {hour: sums for hour, sums in self._hours.get(objective.kind, {}).items() if hour >= first}
        # Hours without requests leave no entry, so everything up to the newest cached hour was read.
        since = max(cached, default=first - HOUR) + HOUR
        fetched = self._fetch_hourly_sums(cloudwatch, objective, since, this_hour + HOUR)
        hours = cached | fetched
        final_before = this_hour - FINAL_AFTER
        final = {hour: sums for hour, sums in hours.items() if hour < final_before}
        if final_before > first:
            final.setdefault(final_before - HOUR, (0.0, 0.0))
        self._hours[objective.kind] = final
        bad, requests = (sum(sums[index] for sums in hours.values()) for index in (0, 1))
        first_request = min((hour for hour, (_, count) in hours.items() if count > 0), default=now)
        return compute_budget_used(max(bad, 0.0), requests, objective.budget) * min(
            (now - first_request) / objective.window, 1.0
        )

    def _fetch_hourly_sums(
        self, cloudwatch: CloudWatchClient, objective: Objective, since: datetime, until: datetime
    ) -> dict[datetime, tuple[float, float]]:
        """Returns bad and all requests by hour, summed here and not by CloudWatch.

        Its expressions would treat a variant that never had a request as a series without data.
        """
        _, _, stats = build_request_counts(objective, self.variants)
        queries = [self.build_query(name, stat) for name, stat in stats.items()]
        found = read_metric_data(cloudwatch, queries, since, until)
        if incomplete := sorted(name for name, series in found.items() if series.status != COMPLETE):
            raise IncompleteMetrics(
                f"CloudWatch returned {found[incomplete[0]].status} for {', '.join(incomplete)} of {objective.kind}."
            )
        sums: dict[str, dict[datetime, float]] = {"n": {}, "b": {}, "g": {}}
        for name, series in found.items():
            hours = sums[name[0]]
            for hour, value in series.values.items():
                hours[hour] = hours.get(hour, 0.0) + value
        requests, good, bad = sums["n"], sums["g"], sums["b"]
        if objective.kind == "latency":
            bad = {hour: count - good.get(hour, 0.0) for hour, count in requests.items()}
        get_count = requests.get  # nosec B113 # counts of the hours, not the library
        return {hour: (bad.get(hour, 0.0), get_count(hour, 0.0)) for hour in {*bad, *requests}}

    def build_query(self, name: str, stat: MetricStat) -> MetricDataQueryTypeDef:
        """Returns the query of a variant's statistic by the hour."""
        dimensions = stat.metric.build_dimensions(EndpointName=self.endpoint, VariantName=stat.source)
        return build_metric_query(name, stat.metric, dimensions, round(HOUR.total_seconds()), stat.statistic)


def parse_objectives(text: str) -> tuple[Objective, ...]:
    """Parses JSON like {"availability": {"percent": 99.9, "days": 28, "milliseconds": null}}.

    Raises InvalidAlarms for invalid objectives.
    """
    entries: dict[str, dict[str, Any]] = json.loads(text or "{}")
    return tuple(Objective(kind, **terms) for kind, terms in entries.items())  # type: ignore[arg-type]
