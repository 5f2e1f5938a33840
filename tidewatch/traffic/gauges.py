"""The state of an endpoint as the numbers that alarms read, from each call of the rollback function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from tidewatch import metrics
from tidewatch.metrics import Metric
from tidewatch.naming import VARIANTS
from tidewatch.traffic import ledger_copies
from tidewatch.traffic.deletion import EndpointDeletion
from tidewatch.traffic.first_endpoint import has_served
from tidewatch.traffic.incident_replay import TrafficSnapshot
from tidewatch.traffic.models import EndpointState, EndpointStatus
from tidewatch.traffic.served_versions import ServedVersion, track_served_versions
from tidewatch.traffic.writer import Writer


@dataclass(frozen=True)
class Gauges:
    """The gauges of an endpoint at one moment."""

    endpoint: Mapping[Metric, float]
    """Values by metric."""
    shares: Mapping[str, float]
    """The live share of each possible variant."""
    served_versions: Mapping[str, ServedVersion] = field(default_factory=dict[str, ServedVersion])
    """The version that each variant serves."""


def read_gauges(writer: Writer, read_snapshot: Callable[[], TrafficSnapshot]) -> Gauges:
    """Returns the gauges of the writer's endpoint, which `read_snapshot` describes once.

    Records each version that a variant holds for the first time.
    """
    control, endpoint = writer.control, writer.resource_names.endpoint
    # Read before the state, so that a deployment that begins in between is seen running.
    requested_config = control.read_requested_config(endpoint)
    snapshot, now = read_snapshot(), writer.clock.now()
    models = control.read_models(snapshot.config) or {} if snapshot.config else {}
    is_awaited = requested_config not in (None, snapshot.config) and writer.heartbeat.is_other_alive(
        control.read_requesting_writer()
    )
    is_deletion_requested = EndpointDeletion.is_requested(snapshot.entries, endpoint)
    served_versions = track_served_versions(control, models, now)
    found = _compute_gauges(
        snapshot,
        requested_config,
        now,
        is_awaited=is_awaited,
        is_deletion_requested=is_deletion_requested,
        # Counted last, so that what the reads above set aside is reported in the same call.
        rejected_count=_count_rejected(writer, now),
    )
    return replace(found, served_versions=served_versions)


def _count_rejected(writer: Writer, now: datetime) -> int:
    """Returns the number of recent records that no code of ours writes; a ledger that was changed counts as one."""
    count = writer.control.count_rejected(now) + writer.ledger.count_recent_unreadable(now)
    writer.ledger.entries()
    return count + writer.control.record_tampering(ledger_copies.find_tampering(writer.ledger, writer.control), now)


def _compute_gauges(
    snapshot: TrafficSnapshot,
    requested_config: str | None,
    now: datetime,
    *,
    is_awaited: bool = False,
    is_deletion_requested: bool = False,
    rejected_count: int = 0,
) -> Gauges:
    """Returns every gauge at every call: an alarm whose metric is left out keeps its old state.

    `requested_config` is the configuration that was requested last; None if none is recorded, which does not count as a
    deployment that was undone. `is_awaited` is whether the writer of that request is alive and will see its result.
    `is_deletion_requested` is whether the deletion of the endpoint was requested last: then nobody misses it while it
    is deleted and afterwards. `rejected_count` is the number of recent records that no code of ours writes.
    """
    state = snapshot.state
    is_deploying = state is not None and _is_deploying(state, requested_config)
    # Nobody misses a first endpoint that is still being created.
    is_being_deleted = is_deletion_requested and (state is None or state.status == EndpointStatus.DELETING)
    is_missing = (
        has_served(snapshot.entries) and not is_being_deleted and (state is None or state.status.is_not_serving)
    )
    is_rolled_back = (
        state is not None
        and requested_config is not None
        and requested_config != state.config
        and not is_deploying
        and not is_awaited
    )
    found = {
        metrics.OPEN_INCIDENTS: float(len(snapshot.open_incidents)),
        metrics.OUT_OF_BAND_CHANGES: float(sum(incident.kind == "out_of_band" for incident in snapshot.open_incidents)),
        metrics.ROLLBACK_PENDING: _measure_pending_seconds(snapshot, now),
        metrics.DEPLOYMENT_RUNNING: float(is_deploying),
        metrics.DEPLOYMENT_ROLLED_BACK: float(is_rolled_back),
        metrics.ENDPOINT_NOT_IN_SERVICE: float(is_missing),
        metrics.RECORDS_REFUSED: float(rejected_count),
    }
    return Gauges(found, _compute_shares(state))


def _compute_shares(state: EndpointState | None) -> Mapping[str, float]:
    """Returns the share of each possible variant; 0 for one that is not deployed, so that its alarms stay silent."""
    if state is None or state.split is None:
        return {}
    return {**dict.fromkeys(VARIANTS, 0.0), **state.split.shares}


def _is_deploying(state: EndpointState, requested_config: str | None) -> bool:
    """Whether the endpoint is changing to another configuration, or back from one.

    RollingBack after a change of weights is not a deployment, because no other configuration was requested.
    """
    if state.deploying_config is not None:
        return state.deploying_config != state.config
    return state.status == EndpointStatus.ROLLING_BACK and requested_config not in (None, state.config)


def _measure_pending_seconds(snapshot: TrafficSnapshot, now: datetime) -> float:
    run = snapshot.active_run
    if run is None or run.observed_at is not None:
        return 0.0
    return max((now - run.requested_at).total_seconds(), 0.0)
