"""What a process connects to while it rehearses."""

from __future__ import annotations

import os
from typing import Any

import boto3
import pytest

from rehearsal import aws_environment

SIMULATED = {"AWS_ACCESS_KEY_ID": "simulated", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1"}


def key_of(client: Any) -> str:
    return client._request_signer._credentials.access_key


def test_clients_have_the_simulators_credentials_whatever_was_asked_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3's default session keeps the credentials that it found first."""
    for name, value in {**SIMULATED, "AWS_ACCESS_KEY_ID": "real", "AWS_SESSION_TOKEN": "t"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    assert key_of(boto3.client("s3")) == "real"
    with aws_environment.isolate_aws_environment(SIMULATED):
        assert "AWS_SESSION_TOKEN" not in os.environ
        assert key_of(boto3.client("s3")) == "simulated"
    assert key_of(boto3.client("s3")) == "real"
