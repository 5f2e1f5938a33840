"""How an endpoint stands, as the numbers that alarms watch: read by each call of the rollback function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tidewatch import metrics
from tidewatch.metrics import Metric
from tidewatch.naming import SLOTS
from tidewatch.traffic.beginning import has_served
from tidewatch.traffic.gate import View
from tidewatch.traffic.served import Served
from tidewatch.traffic.values import EndpointState
from tidewatch.traffic.writer import UNUSABLE

NOT_SERVING = UNUSABLE | {"Creating"}
"""Creating too: where one has served, another that is being made takes its place."""


@dataclass(frozen=True)
class Gauges:
    """Values by metric of the endpoint, the live share of each slot that there can be, and what each holds."""

    endpoint: Mapping[Metric, float]
    shares: Mapping[str, float]
    served: Mapping[str, Served] = field(default_factory=dict[str, Served])


def gauges(
    view: View, asked: str | None, now: datetime, *, awaited: bool = False, ended: bool = False, refused: int = 0
) -> Gauges:
    """Each value every time: a metric that is left out keeps its alarm in the state it had.

    asked: the configuration that was asked for last; None where nobody wrote it down, which is no deployment undone.
    awaited: whether who asked for it lives, and has still to see what became of it. ended: whether the endpoint's end
    was asked for last: it is missed by nobody, while it goes and when it is gone. refused: records of late that nothing
    of ours writes.
    """
    state = view.state
    running = state is not None and _deploying(state, asked)
    # A first endpoint that is still being made has nobody to miss it.
    going = ended and (state is None or state.status == "Deleting")
    missed = has_served(view.entries) and not going and (state is None or state.status in NOT_SERVING)
    undone = state is not None and asked is not None and asked != state.config and not running and not awaited
    found = {
        metrics.OPEN_INCIDENTS: float(len(view.open)),
        metrics.OUT_OF_BAND_CHANGES: float(sum(incident.kind == "observed" for incident in view.open)),
        metrics.ROLLBACK_PENDING: _pending_seconds(view, now),
        metrics.DEPLOYMENT_RUNNING: float(running),
        metrics.DEPLOYMENT_ROLLED_BACK: float(undone),
        metrics.ENDPOINT_NOT_IN_SERVICE: float(missed),
        metrics.RECORDS_REFUSED: float(refused),
    }
    return Gauges(found, _shares(state))


def _shares(state: EndpointState | None) -> Mapping[str, float]:
    """A slot without a variant has none of the traffic: its alarms are there before it is, and are silent."""
    if state is None or state.split is None:
        return {}
    return {**dict.fromkeys(SLOTS, 0.0), **state.split.shares}


def _deploying(state: EndpointState, asked: str | None) -> bool:
    """On its way to another configuration, or back from it: a change of weights rolls back too, but asks for none."""
    if state.deploying is not None:
        return state.deploying != state.config
    return state.status == "RollingBack" and asked not in (None, state.config)


def _pending_seconds(view: View, now: datetime) -> float:
    head = view.driven
    if head is None or head.observed_at is not None:
        return 0.0
    return max((now - head.requested_at).total_seconds(), 0.0)
