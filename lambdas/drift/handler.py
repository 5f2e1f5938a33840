"""The drift function: computes profiles, verdicts and reports of the hours that are due, and emits metrics."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from typing import Any, cast

from tidewatch import clock, metrics
from tidewatch.aws.embedded_metrics import format_embedded_metrics
from tidewatch.drift.job.drift_job import DriftJob
from tidewatch.drift.job.models import DriftClients, DriftConfig, DriftResources, VariantHour
from tidewatch.drift.statistics import DriftSeverity, Thresholds
from tidewatch.text import sanitize

LOGGER = logging.getLogger(__name__)

HOUR_FORMAT = "%Y-%m-%dT%H"
SEVERITY_RANKS = {severity: float(rank) for rank, severity in enumerate(DriftSeverity)}


@dataclass(frozen=True)
class DriftEnvironment:
    """The function's configuration, from its environment variables."""

    resources: DriftResources
    config: DriftConfig

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> DriftEnvironment:
        """Reads the variables. Raises KeyError for a missing one and ValueError for invalid thresholds."""
        resources = DriftResources(
            stack_key=variables["STACK_KEY"],
            model=variables["MODEL"],
            endpoint=variables["ENDPOINT"],
            capture_bucket=variables["CAPTURE_BUCKET"],
            capture_prefix=variables["CAPTURE_PREFIX"],
            monitoring_bucket=variables["MONITORING_BUCKET"],
            registry_bucket=variables["REGISTRY_BUCKET"],
            control_table=variables["CONTROL_TABLE"],
        )
        config = DriftConfig(
            thresholds=Thresholds(**json.loads(variables.get("THRESHOLDS") or "{}")),
            lag_minutes=int(variables.get("LAG_MINUTES") or 20),
            look_back_hours=int(variables.get("LOOK_BACK_HOURS") or 72),
        )
        return cls(resources, config)


class UnknownDriftEvent(ValueError):
    """An event that no part of the stack sends."""


@cache
def get_environment() -> DriftEnvironment:
    return DriftEnvironment.from_variables(os.environ)


@cache
def get_clients() -> DriftClients:
    """Creates the clients once per process. boto3 is imported here, so that the module loads fast."""
    client = cast("Any", import_module("boto3")).client
    config = import_module("botocore.config").Config(
        connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 5, "mode": "standard"}
    )
    return DriftClients(
        s3=client("s3", config=config),
        dynamodb=client("dynamodb", config=config),
        events=client("events", config=config),
    )


def handler(event: Mapping[str, Any] | None, context: object = None) -> dict[str, object]:
    """Handles an event of Lambda.

    An empty event processes the hours that are due; `{"hour": "2026-01-01T10"}` processes that hour, in UTC, again.
    """
    env, requested_hour = get_environment(), parse_event(event or {})
    now = clock.get_clock().now()
    result = DriftJob(get_clients(), env.resources, env.config).run(
        now,
        compute_deadline(context),
        only_hour=requested_hour,
        on_hour=lambda hour: print(format_metrics(hour, env), flush=True),
    )
    for problem in result.problems:
        LOGGER.warning("%s", sanitize(problem))
    if not result.skipped:
        print(
            format_embedded_metrics(
                {metrics.HOURS_FAILING: float(result.failing_count)}, {"Stack": env.resources.stack_key}, now
            )
        )
    return {
        "hours": [{**asdict(hour), "hour": f"{hour.hour:{HOUR_FORMAT}}"} for hour in result.hours],
        "skipped": result.skipped,
        "remaining": result.remaining_count,
        "failing": result.failing_count,
        "problems": list(result.problems),
    }


def parse_event(event: Mapping[str, Any]) -> datetime | None:
    """Returns the hour that an event names, or None for all that are due. Raises UnknownDriftEvent."""
    if not event:
        return None
    try:
        if set(event) == {"hour"}:
            return datetime.strptime(event["hour"], HOUR_FORMAT).replace(tzinfo=UTC)
    except (TypeError, ValueError):
        pass
    raise UnknownDriftEvent(
        'The drift function does not know this event; send {} for the hours that are due, or {"hour": '
        '"2026-01-01T10"} to process an hour (UTC) again.'
    )


def compute_deadline(context: object) -> datetime | None:
    """Returns when the function's time is over, or None if the context has no limit."""
    remaining = cast("Any", getattr(context, "get_remaining_time_in_millis", None))
    if remaining is None:
        return None
    return clock.get_clock().now() + timedelta(milliseconds=int(remaining()))


def format_metrics(hour: VariantHour, env: DriftEnvironment) -> str:
    """Returns the metrics of one variant's hour as a log line with the time of the hour's end.

    An hour that is processed late or again must not count as today's.
    """
    values = {
        metrics.FEATURES_CHECKED: float(hour.features_checked),
        metrics.FEATURES_DRIFTING: float(hour.features_drifting),
        metrics.MAX_PSI: float(hour.max_psi),
        metrics.RECORDS_READ: float(hour.records_read),
        metrics.RECORDS_REJECTED: float(hour.records_rejected),
        metrics.DRIFT_INSUFFICIENT: float(hour.insufficient),
        metrics.DRIFT_SEVERITY: SEVERITY_RANKS[DriftSeverity(hour.severity)],
    }
    return format_embedded_metrics(
        values, {"Stack": env.resources.stack_key, "Variant": hour.variant}, hour.hour + timedelta(hours=1)
    )
