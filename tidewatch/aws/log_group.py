"""Sets retention and tags of a log group that something else may have created.

SageMaker creates /aws/sagemaker/Endpoints/{endpoint} without either when the containers first write.

Source: CloudWatch Logs API, CreateLogGroup, PutRetentionPolicy, TagResource; SageMaker developer guide, "CloudWatch
Logs for Amazon SageMaker AI".
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from tidewatch.aws.errors import get_error_code

ENDPOINT_LOG_GROUP_PREFIX = "/aws/sagemaker/Endpoints/"
"""The prefix of an endpoint's own log group."""
AWS_TAG_PREFIX = "aws:"
"""The prefix of tags that only AWS sets."""


class LogsClient(Protocol):
    """The methods of the client `logs` that are used."""

    def create_log_group(self, *, logGroupName: str) -> object: ...
    def delete_log_group(self, *, logGroupName: str) -> object: ...
    def describe_log_groups(self, **kwargs: Any) -> Mapping[str, Any]: ...
    def put_retention_policy(self, *, logGroupName: str, retentionInDays: int) -> object: ...
    def tag_resource(self, *, resourceArn: str, tags: Mapping[str, str]) -> object: ...
    def untag_resource(self, *, resourceArn: str, tagKeys: Sequence[str]) -> object: ...
    def list_tags_for_resource(self, *, resourceArn: str) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class LogGroup:
    """A log group."""

    name: str
    arn: str
    """The ARN for tagging, without `:*`."""
    days: int | None
    """How long its events are kept; None sets no retention."""
    tags: Mapping[str, str]

    def put(self, logs: LogsClient, previous_tags: Mapping[str, str] | None = None) -> None:
        """Creates the group unless it exists, and sets retention and tags.

        `previous_tags` are the tags that it got last; those no longer wanted are removed. Raises ClientError.
        """
        with _suppress_error("ResourceAlreadyExistsException"):
            logs.create_log_group(logGroupName=self.name)
        if self.days is not None:
            logs.put_retention_policy(logGroupName=self.name, retentionInDays=self.days)
        if removed := sorted(set(previous_tags or ()) - set(self.tags)):
            logs.untag_resource(resourceArn=self.arn, tagKeys=removed)
        logs.tag_resource(resourceArn=self.arn, tags=dict(self.tags))

    @classmethod
    def read(cls, logs: LogsClient, name: str, arn: str) -> LogGroup | None:
        """Returns the present group without the tags that AWS sets, or None if there is none. Raises ClientError."""
        token: dict[str, str] = {}
        while True:
            page = logs.describe_log_groups(logGroupNamePrefix=name, **token)
            for found in page["logGroups"]:
                if found["logGroupName"] == name:
                    tags: Mapping[str, str] = logs.list_tags_for_resource(resourceArn=arn).get("tags", {})
                    own = {key: value for key, value in tags.items() if not key.startswith(AWS_TAG_PREFIX)}
                    return cls(name, arn, found.get("retentionInDays"), own)
            if not page.get("nextToken"):
                return None
            token = {"nextToken": page["nextToken"]}

    @staticmethod
    def delete(logs: LogsClient, name: str) -> None:
        """Deletes the group with its content. A missing group is no error. Raises ClientError."""
        with _suppress_error("ResourceNotFoundException"):
            logs.delete_log_group(logGroupName=name)


@contextmanager
def _suppress_error(code: str) -> Generator[None]:
    """Suppresses an error of AWS with this code."""
    try:
        yield
    except ClientError as error:
        if get_error_code(error) != code:
            raise
