"""AWS clients for a stack: the stack's profile and region, or the rehearsal's simulator."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from cli.errors import UserError
from cli.outputs import ROOT
from cli.stackfile import StackFile
from simulator.rehearsal.home import REHEARSAL, Home


class Session:
    """Makes clients for one stack."""

    def __init__(self, stack: str) -> None:
        self._session, self._kwargs = boto3.Session(), dict[str, str]()
        if stack == REHEARSAL:
            self._kwargs = _simulated()
            return
        config = StackFile.of(stack).config
        profile, region = config.get("aws:profile"), config.get("aws:region")
        self._session = boto3.Session(profile_name=profile or None, region_name=region or None)

    def client(self, service: str) -> Any:
        # The rollback function answers when the weights are there, which takes longer than botocore waits by default.
        config = Config(read_timeout=130, retries={"mode": "standard"})
        return self._session.client(service, config=config, **self._kwargs)  # type: ignore[call-overload]


def _simulated() -> dict[str, str]:
    environment = Home.of(ROOT).environment()
    if not environment:
        raise UserError("no rehearsal is running: start one with `tidewatch rehearse --stay` and leave it running")
    return {
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
        "region_name": environment["AWS_DEFAULT_REGION"],
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
    }
