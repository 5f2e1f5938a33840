"""Traffic: which slot of an endpoint serves which share, who changed it and why, and the way back.

Every writer of weights goes through `TrafficController`: the dynamic resources, the drain of a deployment, the rollback
function and the command line. What its methods take and raise stands at each of them:

    how it stands      state, split, held, entries, incidents, incident, latches, gauges
    what is left over  asked_for, unfinished, owes, owes_scaling, held_back, unserved
    rules              refuse_unless_allowed, refuse_missing: they raise, and change nothing
    changes            apply, deploy, set_capacity, settle_after_deployment, settle_owed, settle_left
    records            observe, acknowledge, own
    the end            end

A rollback is driven by `drive`, with a RollbackRequest and a RollbackPlan. Errors are sentences: TrafficError and its
subclasses.
"""

from __future__ import annotations

from tidewatch.traffic.controller import TrafficController
from tidewatch.traffic.copies import Copies
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
    TableMissing,
    TrafficError,
    UnknownAlarm,
    UnknownIncident,
)
from tidewatch.traffic.head import Head
from tidewatch.traffic.incidents import Incident, Latch
from tidewatch.traffic.ledger import Entry, Ledger, acknowledged_key, replay
from tidewatch.traffic.plan import RollbackPlan, invocation
from tidewatch.traffic.request import RollbackRequest, RollbackResult
from tidewatch.traffic.rollback import drive
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
    "Copies",
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
    "Ledger",
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
    "TableMissing",
    "TrafficController",
    "TrafficError",
    "UnknownAlarm",
    "UnknownIncident",
    "acknowledged_key",
    "drive",
    "invocation",
    "replay",
]
