"""Clients of the simulated AWS whose answers tests take apart without naming every type in them."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

USER_AGENT = Config(user_agent="tests")
"""Botocore composes its own from twenty parts, twice a call: a tenth of a call to the simulator."""


def make_client(service: str, **options: Any) -> Any:
    """boto3's client of a service that is named at run time, which its stubs know only by a literal."""
    client: Any = boto3.client
    config = USER_AGENT.merge(options.pop("config", Config()))
    return client(service, config=config, **options)
