"""How long a log group is kept that somebody else may have made: retention and tags, whether it is there or not.

SageMaker makes /aws/sagemaker/Endpoints/{endpoint} when the containers first write, without either.

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
"""What the name of an endpoint's own group begins with."""
AWS_TAG_PREFIX = "aws:"
"""How the tags begin that only AWS sets."""


class LogsClient(Protocol):
    """The client `logs`, as far as it is used."""

    def create_log_group(self, *, logGroupName: str) -> object: ...
    def delete_log_group(self, *, logGroupName: str) -> object: ...
    def describe_log_groups(self, **kwargs: Any) -> Mapping[str, Any]: ...
    def put_retention_policy(self, *, logGroupName: str, retentionInDays: int) -> object: ...
    def tag_resource(self, *, resourceArn: str, tags: Mapping[str, str]) -> object: ...
    def untag_resource(self, *, resourceArn: str, tagKeys: Sequence[str]) -> object: ...
    def list_tags_for_resource(self, *, resourceArn: str) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class LogGroup:
    """A group by its name and its ARN, the one without `:*` that tagging takes; days: how long its events are kept."""

    name: str
    arn: str
    days: int | None
    tags: Mapping[str, str]

    def put(self, logs: LogsClient, previous_tags: Mapping[str, str] | None = None) -> None:
        """Makes the group unless it is there, and sets retention and tags.

        before: the tags that it was given last; those that are not wanted any more are taken off. Raises ClientError.
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
        """The group as it is, without the tags that AWS sets; None where there is none. Raises ClientError."""
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
        """Deletes the group with what is in it; one that is gone is no error. Raises ClientError."""
        with _suppress_error("ResourceNotFoundException"):
            logs.delete_log_group(logGroupName=name)


@contextmanager
def _suppress_error(code: str) -> Generator[None]:
    """An answer of AWS that is no failure, by its code."""
    try:
        yield
    except ClientError as error:
        if get_error_code(error) != code:
            raise
