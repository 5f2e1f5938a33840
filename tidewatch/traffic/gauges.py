"""How an endpoint stands, as the numbers that alarms watch: read by each call of the rollback function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tidewatch import metrics
from tidewatch.metrics import Metric
from tidewatch.naming import VARIANTS
from tidewatch.traffic.first_endpoint import has_served
from tidewatch.traffic.incident_replay import TrafficSnapshot
from tidewatch.traffic.models import EndpointState, EndpointStatus
from tidewatch.traffic.served_versions import ServedVersion


@dataclass(frozen=True)
class Gauges:
    """Values by metric of the endpoint, the live share of each variant that there can be, and what each holds."""

    endpoint: Mapping[Metric, float]
    shares: Mapping[str, float]
    served_versions: Mapping[str, ServedVersion] = field(default_factory=dict[str, ServedVersion])


def compute_gauges(
    snapshot: TrafficSnapshot,
    requested_config: str | None,
    now: datetime,
    *,
    is_awaited: bool = False,
    is_deletion_requested: bool = False,
    rejected_count: int = 0,
) -> Gauges:
    """Each value every time: a metric that is left out keeps its alarm in the state it had.

    asked: the configuration that was asked for last; None where nobody wrote it down, which is no deployment undone.
    awaited: whether who asked for it lives, and has still to see what became of it. ended: whether the endpoint's end
    was asked for last: it is missed by nobody, while it goes and when it is gone. refused: records of late that nothing
    of ours writes.
    """
    state = snapshot.state
    is_deploying = state is not None and _is_deploying(state, requested_config)
    # A first endpoint that is still being made has nobody to miss it.
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
    """A variant without a variant has none of the traffic: its alarms are there before it is, and are silent."""
    if state is None or state.split is None:
        return {}
    return {**dict.fromkeys(VARIANTS, 0.0), **state.split.shares}


def _is_deploying(state: EndpointState, requested_config: str | None) -> bool:
    """On its way to another configuration, or back from it: a change of weights rolls back too, but asks for none."""
    if state.deploying_config is not None:
        return state.deploying_config != state.config
    return state.status == EndpointStatus.ROLLING_BACK and requested_config not in (None, state.config)


def _measure_pending_seconds(snapshot: TrafficSnapshot, now: datetime) -> float:
    run = snapshot.active_run
    if run is None or run.observed_at is not None:
        return 0.0
    return max((now - run.requested_at).total_seconds(), 0.0)
