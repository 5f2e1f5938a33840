"""Which of AWS's errors mean that a thing is not there."""

from __future__ import annotations

from botocore.exceptions import ClientError

GONE = frozenset(
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
"""Error codes that say: there is no such thing."""


class Gone(Exception):
    """What was looked for is not there (for calls that answer with an empty list instead of an error)."""


def absent(error: Exception) -> bool:
    """Whether an error says that the thing does not exist."""
    if not isinstance(error, ClientError):
        return isinstance(error, Gone)
    said = error.response.get("Error", {}).get("Message", "")
    return code(error) in GONE or "ould not find" in said or said.startswith("No scalable target found")


def code(error: ClientError) -> str:
    """An AWS error's code."""
    return error.response.get("Error", {}).get("Code", "")
