"""Traffic: which slot of an endpoint serves which share, who changed it and why, and the way back.

Every writer of weights goes through `TrafficController`: the dynamic resources, the drain of a deployment, the rollback
function and the command line. The interface:

    Split(shares)                                shares sum to one, nothing negative, at least one positive
        Split.of(weights) / Split.only(slot, among) / Split.from_json(document)
        .without(slots) .serving .share(slot) .close_to(other, tolerance=1e-4) .to_json()
    Held(version, artifact, image, content, floor=1)              what a slot holds; to_json() / from_json()
    Clients(sagemaker, dynamodb, cloudwatch, s3=None, sns=None, autoscaling=None)
    Place(key, endpoint, ledger, control)      names; endpoint, ledger and control are "" while they do not exist
    DeploymentPolicy(type="ALL_AT_ONCE", size_percent=None, wait_seconds=0, termination_wait_seconds=0, alarms=())

    TrafficController(clients, place, clock=None, wait_seconds=3600, guardrails=None)
        .state() -> EndpointState                                  raises EndpointMissing
        .split -> Split | None                                     the live split; None while nothing has weight
        .held() -> dict[str, Held]                                 what the live configuration's slots hold
        .refuse_unless_allowed(*, declared, previously, held, acknowledged=None, champion=None, champion_before=None)
        .acknowledge(incident_id, who) -> None
        .apply(declared, *, who, why, held) -> Receipt | None      None: it was live already
        .own(declaration) -> None                                  whose endpoint it is
        .end(declaration, *, who) -> bool                          False: there was none, or it is another's
        .settle_after_deployment(declared, *, held, who="pulumi") -> Receipt | None
        .deploy(config, *, held, changed, guardrails_allowed=True, abort_alarm=None, instances=None, policy=None)
            -> DeploymentRecord
        .set_capacity(slot, instances) -> None                     waits until the instances are there
        .observe() -> Incident | None                              records what no ledger entry explains
        .incidents() -> tuple[Incident, ...]                       the open ones, oldest first
        .gauges() -> Gauges                                        how it stands, for alarms
        .asked_for() -> str | None                                 the configuration that was asked for last
        .incident(incident_id) -> Incident                         raises UnknownIncident
        .latches() -> tuple[Latch, ...]
        .entries() -> tuple[Entry, ...]

    drive(request, controller, plan, deadline=None) -> RollbackResult      in tidewatch.traffic.rollback
        RollbackRequest(trigger, reason, requested_at, by="", alarm_arn="", alarm_at="")
        RollbackPlan(target, floor=1, abort_alarm="", monitoring_bucket="", topic="", environment="", ...)
    invocation(function, region)                                           the call of it, as a line for people

Errors are sentences: TrafficError and its subclasses.
"""

from __future__ import annotations

from tidewatch.traffic.controller import TrafficController
from tidewatch.traffic.errors import (
    DeploymentFailed,
    EndpointBusy,
    EndpointMissing,
    EndpointUnusable,
    IncidentOpen,
    InvalidSplit,
    Latched,
    NoCapacity,
    NoTarget,
    Refused,
    SilentRollback,
    TrafficError,
    UnknownIncident,
)
from tidewatch.traffic.head import Head
from tidewatch.traffic.incidents import Incident, Latch
from tidewatch.traffic.ledger import Entry, replay
from tidewatch.traffic.plan import RollbackPlan, invocation
from tidewatch.traffic.rollback import RollbackRequest, RollbackResult, drive
from tidewatch.traffic.split import Split
from tidewatch.traffic.values import (
    Clients,
    DeploymentPolicy,
    DeploymentRecord,
    EndpointState,
    Held,
    Place,
    Receipt,
    SlotState,
)

__all__ = [
    "Clients",
    "DeploymentFailed",
    "DeploymentPolicy",
    "DeploymentRecord",
    "EndpointBusy",
    "EndpointMissing",
    "EndpointState",
    "EndpointUnusable",
    "Entry",
    "Head",
    "Held",
    "Incident",
    "IncidentOpen",
    "InvalidSplit",
    "Latch",
    "Latched",
    "NoCapacity",
    "NoTarget",
    "Place",
    "Receipt",
    "Refused",
    "RollbackPlan",
    "RollbackRequest",
    "RollbackResult",
    "SilentRollback",
    "SlotState",
    "Split",
    "TrafficController",
    "TrafficError",
    "UnknownIncident",
    "drive",
    "invocation",
    "replay",
]
