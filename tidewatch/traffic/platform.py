"""What the traffic code asks of whatever serves the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from tidewatch.traffic.split import Split
from tidewatch.traffic.values import EndpointState


class Platform(Protocol):
    """An endpoint that spreads requests over slots by weight."""

    def state(self) -> EndpointState:
        """How it stands now; raises EndpointMissing."""
        ...

    def set_weights(self, split: Split) -> None:
        """Asks for a split and returns when the request was accepted; raises EndpointBusy when it cannot be now."""
        ...

    def set_capacity(self, slot: str, instances: int) -> None:
        """Asks for an instance count and returns when the request was accepted; raises EndpointBusy."""
        ...

    def end(self) -> None:
        """Asks for the end of the endpoint; returns when that was accepted. Raises EndpointBusy, EndpointMissing."""
        ...

    def invocations(
        self, slots: Iterable[str], since: datetime, until: datetime
    ) -> Mapping[str, Mapping[datetime, float]]:
        """Requests by slot and minute (its beginning), as far as the platform has reported them."""
        ...
