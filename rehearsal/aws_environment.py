"""The environment of this process while it rehearses: what it says of AWS is the simulator's alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import boto3

_boto3 = cast("Any", boto3)


@contextmanager
def isolate_aws_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """To the end of the block, these are the variables of AWS's SDKs and tools.

    One that the user has set besides, an endpoint of S3's own or the token of a session, would lead a rehearsal to a
    real account, or tell the simulator what it must not know. So would boto3's default session, which keeps the
    credentials that it found first: there is another one meanwhile.
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
