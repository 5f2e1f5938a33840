"""AWS clients for a stack, with the timeouts and retries that the command line needs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from botocore.config import Config

from cli.backend import get_backend
from cli.stack_config_file import StackConfigFile


class Session:
    """Creates clients for one stack, or with this machine's AWS settings if the stack is ""."""

    def __init__(self, stack: str) -> None:
        self._access = get_backend(stack).connect(lambda: StackConfigFile.of(stack).resolve())

    @property
    def region(self) -> str:
        """The region of the clients; "" if neither the stack nor this machine sets one."""
        return self._access.region

    def now(self) -> datetime:
        """Returns the current time of the stack's account, which may be simulated."""
        return self._access.now()

    @property
    def is_simulated(self) -> bool:
        """Whether the account is simulated and has only what this program uses."""
        return self._access.is_simulated

    def client(self, service: str, region: str = "") -> Any:
        """Returns a client of a service, in the stack's region by default."""
        # The rollback function answers once the weights are live, which takes longer than botocore's default timeout.
        config = Config(read_timeout=130, retries={"mode": "standard"})
        return self._access.create_client(service, region, config)
