"""AWS clients for a stack, each with the waits and retries that the command line needs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from botocore.config import Config

from cli.backend import get_backend
from cli.stack_config_file import StackConfigFile


class Session:
    """Makes clients for one stack; for "" with what this machine has."""

    def __init__(self, stack: str) -> None:
        self._access = get_backend(stack).connect(lambda: StackConfigFile.of(stack).resolve())

    @property
    def region(self) -> str:
        """The region of its clients; "" where neither the stack nor this machine names one."""
        return self._access.region

    def now(self) -> datetime:
        """The time where the stack is, which may be simulated."""
        return self._access.now()

    @property
    def is_simulated(self) -> bool:
        """Whether the account has nothing but what this program uses."""
        return self._access.is_simulated

    def client(self, service: str, region: str = "") -> Any:
        """A client of a service, in the stack's region unless another is named."""
        # The rollback function answers when the weights are there, which takes longer than botocore waits by default.
        config = Config(read_timeout=130, retries={"mode": "standard"})
        return self._access.create_client(service, region, config)
