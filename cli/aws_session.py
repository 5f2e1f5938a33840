"""AWS clients for a stack: the stack's profile and region, or the rehearsal's simulator."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config

from cli.errors import UserError
from cli.outputs import ROOT
from cli.stack_config_file import StackConfigFile
from rehearsal.demo.paths import REHEARSAL, RehearsalPaths
from rehearsal.simulated_clock import SharedClock
from tidewatch import clock
from tidewatch.aws import Connection, find_config_faults, sessions


class Session:
    """Makes clients for one stack; for "" with what this machine has."""

    def __init__(self, stack: str) -> None:
        self._connection, self._simulator_options = Connection(), dict[str, str]()
        self._local_region = boto3.Session().region_name or ""
        self._clock: clock.Clock = clock.get_clock()
        if stack == REHEARSAL:
            self._simulator_options = _read_simulator_options()
            self._clock = SharedClock(RehearsalPaths.of(ROOT).clock_file)
            return
        if stack:
            self._connection = _resolve_connection(stack)

    @property
    def region(self) -> str:
        """The region of its clients; "" where neither the stack nor this machine names one."""
        return self._simulator_options.get("region_name") or self._connection.region or self._local_region

    def now(self) -> datetime:
        """The time where the stack is: a rehearsal's is simulated."""
        return self._clock.now()

    @property
    def is_simulated(self) -> bool:
        """Whether it is a rehearsal's, which has nothing but what this program uses."""
        return bool(self._simulator_options)

    def client(self, service: str, region: str = "") -> Any:
        """A client of a service, in the stack's region unless another is named."""
        # The rollback function answers when the weights are there, which takes longer than botocore waits by default.
        config = Config(read_timeout=130, retries={"mode": "standard"})
        if self._simulator_options:
            options = {**self._simulator_options, **({"region_name": region} if region else {})}
            return boto3.client(service, config=config, **options)  # type: ignore[call-overload]
        return sessions.create_client(self._connection, service, region, config)


def _resolve_connection(stack: str) -> Connection:
    """As the stack's AWS provider connects. Raises UserError where what it needs is wrong or cannot be read."""
    config = StackConfigFile.of(stack).resolve()
    if unreadable_paths := [path for path in config.unreadable_paths if path.startswith("aws:")]:
        raise UserError(
            f"{', '.join(unreadable_paths)} cannot be read here, and without it nobody can speak to AWS: "
            f"{config.reason}"
        )
    if mistakes := list(find_config_faults(config.values)):
        raise UserError(f"Pulumi.{stack}.yaml:\n" + "\n".join(mistakes))
    connection = Connection.from_config(config.values)
    try:
        sessions.get_session(connection)
    except sessions.AccountNotAllowed as error:
        raise UserError(str(error)) from error
    return connection


def _read_simulator_options() -> dict[str, str]:
    paths = RehearsalPaths.of(ROOT)
    environment = paths.read_environment()
    if not environment:
        raise UserError(paths.explain_missing())
    return {
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
        "region_name": environment["AWS_DEFAULT_REGION"],
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
    }
