"""The endpoint's log group. SageMaker creates it when the containers first write, often before Pulumi could.

aws.cloudwatch.LogGroup fails on an existing group, so this resource adopts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from components.sagemaker.provider import (
    AwsProvider,
    Props,
    has_changed,
    missing_result,
    report_as_sentence,
    set_delete_before_replace,
)
from components.stack_context import StackContext
from tidewatch.aws.log_group import ENDPOINT_LOG_GROUP_PREFIX, LogGroup


class EndpointLogsProvider(AwsProvider):
    """Sets the retention and tags of one endpoint's log group."""

    @report_as_sentence
    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return DiffResult(
            changes=any(has_changed(_olds, _news, key) for key in ("group", "arn", "days", "tags")),
            replaces=["group"] if has_changed(_olds, _news, "group") else [],
        )

    @report_as_sentence
    def create(self, props: Props) -> CreateResult:
        _parse_log_group(props).put(self.client("logs"))
        return CreateResult(props["group"], props)

    @report_as_sentence
    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        _parse_log_group(_news).put(self.client("logs"), previous_tags=_olds.get("tags"))
        return UpdateResult(_news)

    @report_as_sentence
    def read(self, id_: str, props: Props) -> ReadResult:
        """Returns the group's retention and tags; if the group is gone, the next `up` creates it again."""
        found = LogGroup.read(self.client("logs"), id_, props["arn"])
        if found is None:
            return missing_result()
        return ReadResult(id_, {**props, "days": found.days, "tags": dict(found.tags)})

    @report_as_sentence
    def delete(self, _id: str, _props: Props) -> None:
        """Deletes the group.

        This happens only with `forceDestroy`: otherwise Pulumi retains it, like all resources with data.
        """
        LogGroup.delete(self.client("logs"), _id)


def _parse_log_group(props: Mapping[str, Any]) -> LogGroup:
    return LogGroup(props["group"], props["arn"], int(props["days"]), props["tags"])


class EndpointLogs(Resource, module="tidewatch", name="EndpointLogs"):
    """The retention, in days, and the tags of the log group of one endpoint's containers."""

    def __init__(
        self,
        context: StackContext,
        *,
        endpoint: pulumi.Input[str],
        days: int,
        tags: pulumi.Input[Mapping[str, str]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        group = pulumi.Output.concat(ENDPOINT_LOG_GROUP_PREFIX, endpoint)
        inputs: dict[str, Any] = {
            "group": group,
            "arn": context.build_arn("logs", pulumi.Output.concat("log-group:", group)),
            "days": days,
            "tags": tags,
        }
        super().__init__(EndpointLogsProvider(), context.name("logs"), inputs, set_delete_before_replace(opts))
