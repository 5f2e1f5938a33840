"""Detects the AWS errors that mean that an object does not exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from tidewatch.aws.errors import get_error_code, get_error_message

NOT_FOUND_CODES = frozenset(
    {
        "404",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchConfiguration",
        "NoSuchEntity",
        "NoSuchKey",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "NotFound",
        "NotFoundException",
        "ObjectLockConfigurationNotFoundError",
        "ObjectNotFoundException",
        "OwnershipControlsNotFoundError",
        "ParameterNotFound",
        "PolicyNotFoundException",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "ServerSideEncryptionConfigurationNotFoundError",
    }
)
"""Error codes that mean that an object does not exist."""


class NotFound(Exception):
    """The object does not exist, for calls that return an empty list instead of an error."""


class InitFailed(Exception):
    """A call failed after it had created or changed an object.

    The state keeps the object with the reason. This is Pulumi's ErrorResourceInitFailed, which a bridged provider
    returns for every Create that fails after the object has an id, and for every Update that fails
    (pulumi-terraform-bridge, `Create` and `Update` in pkg/tfbridge/provider.go).
    """

    def __init__(self, id_: str, outs: Mapping[str, Any], reason: str) -> None:
        super().__init__(reason)
        self.id, self.outs, self.reason = id_, dict(outs), reason


def is_not_found(error: Exception) -> bool:
    """Whether an error means that the object does not exist."""
    if not isinstance(error, ClientError):
        return isinstance(error, NotFound)
    message = get_error_message(error)
    return (
        get_error_code(error) in NOT_FOUND_CODES
        or "ould not find" in message
        or message.startswith("No scalable target found")
    )
