"""The interface that incidents use to read the traffic. `TrafficController` implements it."""

from __future__ import annotations

from typing import Protocol

from tidewatch.clock import Clock
from tidewatch.traffic.control_table import ControlTable
from tidewatch.traffic.incident_replay import Incident
from tidewatch.traffic.ledger import Ledger, LedgerEntry
from tidewatch.traffic.models import Clients, EndpointState, ResourceNames


class IncidentSource(Protocol):
    """The endpoint, its records, and clients for everything else."""

    clients: Clients
    resource_names: ResourceNames
    clock: Clock
    control: ControlTable
    ledger: Ledger

    def state(self) -> EndpointState:
        """Returns the present state of the endpoint. Raises EndpointMissing."""
        ...

    def entries(self) -> tuple[LedgerEntry, ...]:
        """Returns all entries of the ledger, in order."""
        ...

    def open_incidents(self) -> tuple[Incident, ...]:
        """Returns the open incidents, oldest first."""
        ...

    def get_incident(self, incident_id: str) -> Incident:
        """Returns one incident, open or not. Raises UnknownIncident."""
        ...
