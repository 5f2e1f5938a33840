"""What the traffic code asks of whatever serves the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from tidewatch.traffic.models import EndpointState
from tidewatch.traffic.split import Split


class Platform(Protocol):
    """An endpoint that spreads requests over variants by weight."""

    def state(self) -> EndpointState:
        """How it stands now; raises EndpointMissing."""
        ...

    def set_weights(self, split: Split) -> None:
        """Asks for a split and returns when the request was accepted; raises EndpointBusy when it cannot be now."""
        ...

    def set_capacity(self, variant: str, instances: int) -> None:
        """Asks for an instance count and returns when the request was accepted; raises EndpointBusy."""
        ...

    def delete(self) -> None:
        """Asks for the end of the endpoint; returns when that was accepted. Raises EndpointBusy, EndpointMissing."""
        ...

    def read_invocations(
        self, variants: Iterable[str], since: datetime, until: datetime
    ) -> Mapping[str, Mapping[datetime, float]]:
        """Requests by variant and minute (its beginning), as far as the platform has reported them."""
        ...
