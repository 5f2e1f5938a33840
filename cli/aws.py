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
from tidewatch.aws import Connection, faults, sessions


class Session:
    """Makes clients for one stack; for "" with what this machine has."""

    def __init__(self, stack: str) -> None:
        self._connection, self._kwargs = Connection(), dict[str, str]()
        self._machines_region = boto3.Session().region_name or ""
        self._clock: clock.Clock = clock.current()
        if stack == REHEARSAL:
            self._kwargs = _simulated()
            self._clock = SharedClock(Home.of(ROOT).clock)
            return
        if stack:
            self._connection = _connection(stack)

    @property
    def region(self) -> str:
        """The region of its clients; "" where neither the stack nor this machine names one."""
        return self._kwargs.get("region_name") or self._connection.region or self._machines_region

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
        if self._kwargs:
            given = {**self._kwargs, **({"region_name": region} if region else {})}
            return boto3.client(service, config=config, **given)  # type: ignore[call-overload]
        return sessions.client(self._connection, service, region, config)


def _connection(stack: str) -> Connection:
    """As the stack's AWS provider connects. Raises UserError where what it needs is wrong or cannot be read."""
    found = StackFile.of(stack).resolved()
    if unread := [path for path in found.unread if path.startswith("aws:")]:
        raise UserError(f"{', '.join(unread)} cannot be read here, and without it nobody can speak to AWS: {found.why}")
    if wrong := list(faults(found.values)):
        raise UserError(f"Pulumi.{stack}.yaml:\n" + "\n".join(wrong))
    connection = Connection.of(found.values)
    try:
        sessions.session(connection)
    except sessions.ConnectionRefused as refused:
        raise UserError(str(refused)) from refused
    return connection


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
