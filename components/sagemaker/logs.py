"""The endpoint's log group, which SageMaker makes when the containers first write, often before Pulumi could.

aws.cloudwatch.LogGroup fails on a group that is there, so this one takes it as it finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from components.sagemaker.provider import AwsProvider, Props, differs, gone, taking_turns, told
from components.scope import Scope
from tidewatch.log_group import OF_ENDPOINTS, LogGroup


class EndpointLogsProvider(AwsProvider):
    """Puts retention and tags on the group of one endpoint."""

    @told
    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return DiffResult(
            changes=any(differs(_olds, _news, key) for key in ("group", "arn", "days", "tags")),
            replaces=["group"] if differs(_olds, _news, "group") else [],
        )

    @told
    def create(self, props: Props) -> CreateResult:
        _declared(props).put(self.client("logs"))
        return CreateResult(props["group"], props)

    @told
    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        _declared(_news).put(self.client("logs"), before=_olds.get("tags"))
        return UpdateResult(_news)

    @told
    def read(self, id_: str, props: Props) -> ReadResult:
        """The retention and the tags that the group has; where it is gone, the next `up` makes it again."""
        found = LogGroup.read(self.client("logs"), id_, props["arn"])
        if found is None:
            return gone()
        return ReadResult(id_, {**props, "days": found.days, "tags": dict(found.tags)})

    @told
    def delete(self, _id: str, _props: Props) -> None:
        """Only with `forceDestroy`: otherwise Pulumi leaves the group, as it leaves whatever holds data."""
        LogGroup.delete(self.client("logs"), _id)


def _declared(props: Mapping[str, Any]) -> LogGroup:
    return LogGroup(props["group"], props["arn"], int(props["days"]), props["tags"])


class EndpointLogs(Resource, module="tidewatch", name="EndpointLogs"):
    """Retention, in days, and tags of what the containers of one endpoint write."""

    def __init__(
        self,
        scope: Scope,
        *,
        endpoint: pulumi.Input[str],
        days: int,
        tags: pulumi.Input[Mapping[str, str]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        group = pulumi.Output.concat(OF_ENDPOINTS, endpoint)
        inputs: dict[str, Any] = {
            "group": group,
            "arn": scope.arn("logs", pulumi.Output.concat("log-group:", group)),
            "days": days,
            "tags": tags,
        }
        super().__init__(EndpointLogsProvider(), scope.name("logs"), inputs, taking_turns(opts))
