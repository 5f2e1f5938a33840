"""The interface to the platform that serves the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from tidewatch.traffic.models import EndpointState
from tidewatch.traffic.split import Split


class Platform(Protocol):
    """An endpoint that distributes requests over variants by weight."""

    def state(self) -> EndpointState:
        """Returns its present state. Raises EndpointMissing."""
        ...

    def set_weights(self, split: Split) -> None:
        """Requests a split and returns once the request is accepted.

        Raises EndpointBusy if it cannot be accepted now.
        """
        ...

    def set_capacity(self, variant: str, instances: int) -> None:
        """Requests an instance count and returns once the request is accepted. Raises EndpointBusy."""
        ...

    def delete(self) -> None:
        """Requests the deletion and returns once it is accepted. Raises EndpointBusy, EndpointMissing."""
        ...

    def read_invocations(
        self, variants: Iterable[str], since: datetime, until: datetime
    ) -> Mapping[str, Mapping[datetime, float]]:
        """Returns requests by variant and start of the minute, as far as the platform has reported them."""
        ...
