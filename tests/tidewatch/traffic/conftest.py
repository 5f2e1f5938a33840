"""An endpoint in the simulator, within the test's own process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulator.aws import in_process, local_control
from tests.tidewatch.traffic.account import Flights, flights


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Flights]:
    """The account without an endpoint."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with in_process() as clock:
        yield flights(clock, local_control())


@pytest.fixture
def endpoint(account: Flights) -> Flights:
    """Blue holds version 3 and all traffic, green holds version 4 and none."""
    account.create()
    return account


@pytest.fixture
def canary(endpoint: Flights) -> Flights:
    """Blue 95, green 5."""
    endpoint.split(blue=95, green=5)
    return endpoint
