"""Clients of the simulated AWS whose answers tests take apart without naming every type in them."""

from __future__ import annotations

from typing import Any

import boto3


def make_client(service: str, **options: Any) -> Any:
    """boto3's client of a service that is named at run time, which its stubs know only by a literal."""
    client: Any = boto3.client
    return client(service, **options)
