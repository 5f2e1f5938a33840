"""The endpoint `flights`, made once a process and copied into a new account for each test that needs it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from unittest.mock import patch

from rehearsal.aws import create_local_control, simulate_aws
from tests.account_image import AccountImage
from tests.tidewatch.traffic.account import Flights, flights, make_clients
from tidewatch.traffic import DeployedModel


@dataclass(frozen=True)
class FlightsImage:
    """The account, and what the test's side of it remembers."""

    account: AccountImage
    holds: Mapping[str, DeployedModel]
    configs: int

    @contextmanager
    def restore(self) -> Iterator[Flights]:
        with simulate_aws() as clock:
            self.account.restore()
            yield Flights(clock, create_local_control(), make_clients(), holds=dict(self.holds), configs=self.configs)


@cache
def endpoint_image() -> FlightsImage:
    """Blue holds version 3 and all traffic, green holds version 4 and none."""
    return _build_image(None)


@cache
def canary_image() -> FlightsImage:
    """Blue 95, green 5."""
    return _build_image({"blue": 95, "green": 5})


def _build_image(weights: Mapping[str, float] | None) -> FlightsImage:
    with patch.dict(os.environ, {"AWS_DEFAULT_REGION": "us-east-1"}), simulate_aws() as clock:
        one = flights(clock, create_local_control())
        one.create()
        if weights is not None:
            one.split(**weights)
        return FlightsImage(AccountImage.take(), one.holds, one.configs)
