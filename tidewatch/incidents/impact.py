"""The impact of an incident on users as the platform counts it: requests, errors and latency by variant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tidewatch import metrics
from tidewatch.aws.cloudwatch import build_metric_query, read_metric_data

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

MINUTE = timedelta(minutes=1)
DEFAULT_LOOKBACK = timedelta(minutes=15)
"""How long before the request of a rollback the impact begins if the first bad datapoint is unknown."""
MAX_PERIOD = timedelta(hours=24)
METRIC_STATISTICS = {
    "n": (metrics.INVOCATIONS, "Sum"),
    "b": (metrics.ERRORS_5XX, "Sum"),
    "l": (metrics.MODEL_LATENCY, "Sum"),
    "c": (metrics.MODEL_LATENCY, "SampleCount"),
}


@dataclass(frozen=True)
class VariantImpact:
    """The requests to a variant, those answered with a 5xx, and the mean time that the model took (None if unknown)."""

    variant: str
    requests: int
    errors: int
    mean_latency_ms: float | None


@dataclass(frozen=True)
class Impact:
    """The impact in the minutes from `since` until `until`."""

    since: datetime
    until: datetime
    measured: bool
    """Whether `since` is the first bad datapoint. Otherwise it is a guess."""
    variants: tuple[VariantImpact, ...]

    def to_json(self) -> dict[str, object]:
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "since_first_bad_datapoint": self.measured,
            "variants": {
                impact.variant: {key: value for key, value in asdict(impact).items() if key != "variant"}
                for impact in self.variants
            },
        }


def read_impact(
    cloudwatch: CloudWatchClient,
    endpoint: str,
    variants: Iterable[str],
    first_bad_at: datetime | None,
    opened_at: datetime,
    until: datetime,
) -> Impact:
    """Returns the impact by variant, in whole minutes. Raises what CloudWatch raises."""
    since = _floor_to_minute(first_bad_at or opened_at - DEFAULT_LOOKBACK)
    end = min(_floor_to_minute(until) + MINUTE, since + MAX_PERIOD)
    names = sorted(variants)
    queries = [
        _build_query(f"{metric_key}{index}", endpoint, variant, metric_key)
        for index, variant in enumerate(names)
        for metric_key in METRIC_STATISTICS
    ]
    found_series = read_metric_data(cloudwatch, queries, since, end)
    sums = {query_id: sum(series.values.values()) for query_id, series in found_series.items()}
    found = tuple(
        _build_variant_impact(variant, [sums.get(f"{metric_key}{index}", 0.0) for metric_key in METRIC_STATISTICS])
        for index, variant in enumerate(names)
    )
    return Impact(since, end, first_bad_at is not None, found)


def _build_variant_impact(variant: str, sums: list[float]) -> VariantImpact:
    requests, errors, microseconds, samples = sums
    return VariantImpact(
        variant, round(requests), round(errors), round(microseconds / samples / 1000, 1) if samples else None
    )


def _floor_to_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _build_query(name: str, endpoint: str, variant: str, metric_key: str) -> MetricDataQueryTypeDef:
    metric, statistic = METRIC_STATISTICS[metric_key]
    dimensions = metric.build_dimensions(EndpointName=endpoint, VariantName=variant)
    return build_metric_query(name, metric, dimensions, round(MINUTE.total_seconds()), statistic)
