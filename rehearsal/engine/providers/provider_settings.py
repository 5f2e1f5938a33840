"""An aws provider's settings, and the boto3 clients for them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any

import boto3
from botocore.config import Config

_CLIENT_LOCK = Lock()


@cache
def _create_client(service: Any, region: str, endpoint: str | None, key: str | None) -> Any:
    del key  # only part of the cache's key, so that another account's client is not reused
    return boto3.client(
        service,
        region_name=region,
        config=Config(s3={"addressing_style": "path"} if endpoint else None, max_pool_connections=32),
    )


@cache
def _get_account_id(sts: Any) -> str:
    """The account of a client's key, which never changes."""
    return str(sts.get_caller_identity()["Account"])


@dataclass(frozen=True)
class ProviderSettings:
    """An aws provider's settings: the region of its calls, and the default tags of all resources."""

    region: str = "us-east-1"
    default_tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ProviderSettings:
        """Reads an aws.Provider's inputs or the stack's `aws:` config, in which objects are JSON texts."""
        tags = config.get("defaultTags") or {}
        tags = json.loads(tags) if isinstance(tags, str) else tags
        region = config.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        return cls(region or "us-east-1", tags.get("tags") or {})

    def get_client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client, cached by service, region, endpoint and key."""
        endpoint_and_key = os.environ.get("AWS_ENDPOINT_URL"), os.environ.get("AWS_ACCESS_KEY_ID")
        with _CLIENT_LOCK:
            return _create_client(service, region or self.region, *endpoint_and_key)

    @property
    def account(self) -> str:
        return _get_account_id(self.get_client("sts"))
