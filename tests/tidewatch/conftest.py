"""An endpoint in the simulator, within the test's own process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rehearsal.aws import create_local_control, simulate_aws
from tests.tidewatch.traffic.account import Flights, flights
from tests.tidewatch.traffic.endpoint_images import canary_image, endpoint_image


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Flights]:
    """The account without an endpoint."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with simulate_aws() as clock:
        yield flights(clock, create_local_control())


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Flights]:
    """Blue holds version 3 and all traffic, green holds version 4 and none."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with endpoint_image().restore() as one:
        yield one


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Flights]:
    """Blue 95, green 5."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with canary_image().restore() as one:
        yield one
