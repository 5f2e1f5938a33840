"""The traffic of an endpoint: the share of each variant, who changed it and why, and which rules forbid a change.

Every writer of weights goes through `TrafficController`: the dynamic resources, the drain of a deployment, the rollback
function and the command line. Errors are TrafficError and its subclasses; their messages are sentences.
"""

from __future__ import annotations

from tidewatch.traffic.controller import TrafficController
from tidewatch.traffic.errors import (
    ArtifactQuarantined,
    ChangeRefused,
    DeploymentFailed,
    EndpointBusy,
    EndpointMissing,
    EndpointUnusable,
    IncidentOpen,
    InvalidSplit,
    NoCapacity,
    SilentRollback,
    TableMissing,
    TargetUnavailable,
    TrafficError,
    UnknownAlarm,
    UnknownIncident,
)
from tidewatch.traffic.incident_replay import Incident, Quarantine, describe_incident_state
from tidewatch.traffic.ledger import Ledger, LedgerEntry, build_acknowledgements_key, replay_split
from tidewatch.traffic.ledger_copies import LEDGER_PREFIX, LedgerCopies
from tidewatch.traffic.models import (
    RECENT_PERIOD,
    Clients,
    DeployedModel,
    DeploymentPolicy,
    DeploymentRecord,
    EndpointState,
    EndpointStatus,
    Receipt,
    ResourceNames,
    RollbackRun,
    VariantState,
)
from tidewatch.traffic.promotion import TrafficDeclaration, VariantDeclaration
from tidewatch.traffic.split import Split

__all__ = [
    "LEDGER_PREFIX",
    "RECENT_PERIOD",
    "ArtifactQuarantined",
    "ChangeRefused",
    "Clients",
    "DeployedModel",
    "DeploymentFailed",
    "DeploymentPolicy",
    "DeploymentRecord",
    "EndpointBusy",
    "EndpointMissing",
    "EndpointState",
    "EndpointStatus",
    "EndpointUnusable",
    "Incident",
    "IncidentOpen",
    "InvalidSplit",
    "Ledger",
    "LedgerCopies",
    "LedgerEntry",
    "NoCapacity",
    "Quarantine",
    "Receipt",
    "ResourceNames",
    "RollbackRun",
    "SilentRollback",
    "Split",
    "TableMissing",
    "TargetUnavailable",
    "TrafficController",
    "TrafficDeclaration",
    "TrafficError",
    "UnknownAlarm",
    "UnknownIncident",
    "VariantDeclaration",
    "VariantState",
    "build_acknowledgements_key",
    "describe_incident_state",
    "replay_split",
]
