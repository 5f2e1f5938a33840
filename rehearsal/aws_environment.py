"""The AWS environment variables of this process during a rehearsal: only those of the simulator."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import boto3

_boto3 = cast("Any", boto3)


@contextmanager
def isolate_aws_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Replaces the variables of AWS's SDKs and tools until the end of the block.

    Other variables of the user, like a separate S3 endpoint or a session token, would lead the rehearsal to a real
    account, or leak to the simulator. boto3's default session would too, since it keeps the credentials that it found
    first: the block uses another one.
    """
    before, default_session = dict(os.environ), _boto3.DEFAULT_SESSION
    _boto3.DEFAULT_SESSION = None
    for name in [name for name in before if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        _boto3.DEFAULT_SESSION = default_session
