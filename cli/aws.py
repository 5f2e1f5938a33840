"""AWS clients for a stack: the stack's profile and region, or the rehearsal's simulator."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config

from cli.errors import UserError
from cli.outputs import ROOT
from cli.stackfile import StackFile
from simulator.clock import SharedClock
from simulator.rehearsal.home import REHEARSAL, Home
from tidewatch import clock


class Session:
    """Makes clients for one stack; for "" with what this machine has."""

    def __init__(self, stack: str) -> None:
        self._session, self._kwargs = boto3.Session(), dict[str, str]()
        self._clock: clock.Clock = clock.current()
        if stack == REHEARSAL:
            self._kwargs = _simulated()
            self._clock = SharedClock(Home.of(ROOT).folder / "simulator" / "clock")
            return
        config = StackFile.of(stack).config if stack else {}
        profile, region = config.get("aws:profile"), config.get("aws:region")
        self._session = boto3.Session(profile_name=profile or None, region_name=region or None)

    @property
    def region(self) -> str:
        """The region of its clients; "" where neither the stack nor this machine names one."""
        return self._kwargs.get("region_name") or self._session.region_name or ""

    def now(self) -> datetime:
        """The time where the stack is: a rehearsal's is simulated."""
        return self._clock.now()

    @property
    def simulated(self) -> bool:
        """Whether it is a rehearsal's, which has nothing but what this program uses."""
        return bool(self._kwargs)

    def client(self, service: str, region: str = "") -> Any:
        """A client of a service, in the stack's region unless another is named."""
        # The rollback function answers when the weights are there, which takes longer than botocore waits by default.
        config = Config(read_timeout=130, retries={"mode": "standard"})
        given = {**self._kwargs, **({"region_name": region} if region else {})}
        return self._session.client(service, config=config, **given)  # type: ignore[call-overload]


def _simulated() -> dict[str, str]:
    home = Home.of(ROOT)
    environment = home.environment()
    if not environment:
        raise UserError(home.missing())
    return {
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
        "region_name": environment["AWS_DEFAULT_REGION"],
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
    }
