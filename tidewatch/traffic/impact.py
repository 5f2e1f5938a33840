"""What an incident did to users, as far as the platform counts it: requests, failures and latency by slot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tidewatch import metrics

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

MINUTE = timedelta(minutes=1)
UNKNOWN_BEGINNING = timedelta(minutes=15)
"""How long before the request of a rollback is looked at, where no datapoint says since when it was bad."""
LONGEST = timedelta(hours=24)
PARTS = {
    "n": (metrics.INVOCATIONS, "Sum"),
    "b": (metrics.ERRORS_5XX, "Sum"),
    "l": (metrics.MODEL_LATENCY, "Sum"),
    "c": (metrics.MODEL_LATENCY, "SampleCount"),
}


@dataclass(frozen=True)
class SlotImpact:
    """What a slot answered: requests, those of them with a 5xx, and the mean of what the model took (None: unknown)."""

    slot: str
    requests: int
    errors: int
    mean_latency_ms: float | None


@dataclass(frozen=True)
class Impact:
    """The minutes from `since` until `until`. `measured`: whether `since` is the first bad datapoint, or a guess."""

    since: datetime
    until: datetime
    measured: bool
    slots: tuple[SlotImpact, ...]

    def to_json(self) -> dict[str, object]:
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "since_first_bad_datapoint": self.measured,
            "slots": {
                one.slot: {key: value for key, value in asdict(one).items() if key != "slot"} for one in self.slots
            },
        }


def read_impact(
    cloudwatch: CloudWatchClient,
    endpoint: str,
    slots: Iterable[str],
    first_bad: datetime | None,
    opened: datetime,
    until: datetime,
) -> Impact:
    """What the slots of the endpoint answered, in whole minutes. Raises what CloudWatch raises."""
    since = _minute(first_bad or opened - UNKNOWN_BEGINNING)
    end = min(_minute(until) + MINUTE, since + LONGEST)
    named = sorted(slots)
    queries = [_query(f"{part}{place}", endpoint, slot, part) for place, slot in enumerate(named) for part in PARTS]
    sums: dict[str, float] = {}
    if queries:
        answer = cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=since, EndTime=end)
        sums = {one.get("Id", ""): sum(one.get("Values", ())) for one in answer["MetricDataResults"]}
    found = tuple(_slot(slot, [sums.get(f"{part}{place}", 0.0) for part in PARTS]) for place, slot in enumerate(named))
    return Impact(since, end, first_bad is not None, found)


def _slot(slot: str, sums: list[float]) -> SlotImpact:
    requests, errors, microseconds, counted = sums
    return SlotImpact(
        slot, round(requests), round(errors), round(microseconds / counted / 1000, 1) if counted else None
    )


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _query(name: str, endpoint: str, slot: str, part: str) -> MetricDataQueryTypeDef:
    metric, statistic = PARTS[part]
    dimensions = metric.of(EndpointName=endpoint, VariantName=slot)
    return {
        "Id": name,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            },
            "Period": round(MINUTE.total_seconds()),
            "Stat": statistic,
        },
    }
