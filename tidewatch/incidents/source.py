"""What incidents read of the traffic; a `TrafficController` is one."""

from __future__ import annotations

from typing import Protocol

from tidewatch.clock import Clock
from tidewatch.traffic.control_table import ControlTable
from tidewatch.traffic.incident_replay import Incident
from tidewatch.traffic.ledger import Ledger, LedgerEntry
from tidewatch.traffic.models import Clients, EndpointState, ResourceNames


class IncidentSource(Protocol):
    """The endpoint, its records and the clients to read what they do not hold."""

    clients: Clients
    resource_names: ResourceNames
    clock: Clock
    control: ControlTable
    ledger: Ledger

    def state(self) -> EndpointState:
        """The endpoint as it is now; raises EndpointMissing."""
        ...

    def entries(self) -> tuple[LedgerEntry, ...]:
        """The ledger, in order."""
        ...

    def open_incidents(self) -> tuple[Incident, ...]:
        """The open ones, oldest first."""
        ...

    def get_incident(self, incident_id: str) -> Incident:
        """One incident, open or not; raises UnknownIncident."""
        ...
