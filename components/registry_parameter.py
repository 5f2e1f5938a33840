"""The parameter that says where the registry is, as a resource that looks whether it is still there.

Pulumi takes a resource for there until a refresh says otherwise, and the parameter says which bucket is the registry.
So every `up` looks, and one that was deleted or edited by hand is written again by the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from botocore.exceptions import ClientError
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from components.sagemaker.provider import AwsProvider, Props, accepted, differs, gone, refused, taking_turns, told
from tidewatch.items import error_code
from tidewatch.registry.place import carried, leave, take_back

DESCRIPTION = "Where the model registry is: read before the first resource is made, and by the command line"


class RegistryParameterProvider(AwsProvider):
    """Writes the parameter, and marks the bucket as left behind when the parameter goes and the bucket stays."""

    @told
    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Refuses versions that were read from another bucket than the stack's own, as long as that one is there."""
        own, found = str(_olds.get("bucket") or ""), str(news.get("found") or "")
        if not own or not found or own == found or carried(self.client("s3"), own) is None:
            return accepted(news)
        return refused(news, elsewhere_found(str(news["name"]), own, found))

    @told
    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        inputs = [differs(_olds, _news, key) for key in ("bucket", "value", "tags", "kept")]
        return DiffResult(
            changes=any(inputs) or self._live(_news["name"]) != _news["value"],
            replaces=["name"] if differs(_olds, _news, "name") else [],
        )

    @told
    def create(self, props: Props) -> CreateResult:
        self._write({}, props)
        take_back(self.client("s3"), props["bucket"])
        return CreateResult(props["name"], props)

    @told
    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        self._write(_olds.get("tags") or {}, _news)
        return UpdateResult(_news)

    @told
    def read(self, id_: str, props: Props) -> ReadResult:
        """None where it is gone: the next `up` makes it again."""
        live = self._live(id_)
        return gone() if live is None else ReadResult(id_, {**props, "value": live})

    @told
    def delete(self, _id: str, _props: Props) -> None:
        if _props.get("kept"):
            leave(self.client("s3"), _props["bucket"])
        ssm = self.client("ssm")
        try:
            ssm.delete_parameter(Name=_id)
        except ssm.exceptions.ParameterNotFound:
            return

    def _live(self, name: str) -> str | None:
        try:
            return str(self.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
        except ClientError as error:
            if error_code(error) == "ParameterNotFound":
                return None
            raise

    def _write(self, tags: Mapping[str, str], props: Props) -> None:
        """PutParameter takes no tags together with Overwrite, so they follow in calls of their own."""
        ssm, name, wanted = self.client("ssm"), props["name"], dict(props["tags"])
        ssm.put_parameter(Name=name, Description=DESCRIPTION, Type="String", Value=props["value"], Overwrite=True)
        if removed := sorted(set(tags) - set(wanted)):
            ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=name, TagKeys=removed)
        listed = [{"Key": key, "Value": value} for key, value in sorted(wanted.items())]
        ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=listed)


def elsewhere_found(parameter: str, own: str, found: str) -> str:
    """Why nothing is deployed of versions that another registry holds."""
    return (
        f"The versions were read from the bucket {found}, which carries the tags of this stack's registry and is named "
        f"by the parameter {parameter}, but the registry of this stack is {own}. Find out who made {found} and wrote "
        f"the parameter, then write {own} into it again (`aws ssm put-parameter --overwrite`); nothing was changed."
    )


class RegistryParameter(Resource, module="tidewatch", name="RegistryParameter"):
    """The parameter of one registry. found: the bucket that versions were read from, "" where there was none; kept:
    whether its bucket outlives the stack."""

    def __init__(
        self,
        name: str,
        *,
        parameter: str,
        bucket: pulumi.Input[str],
        found: str,
        prefix: str,
        tags: Mapping[str, str],
        kept: bool,
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs: dict[str, Any] = {
            "name": parameter,
            "bucket": bucket,
            "found": found,
            "value": pulumi.Output.json_dumps({"bucket": bucket, "prefix": prefix}),
            "tags": dict(tags),
            "kept": kept,
        }
        super().__init__(RegistryParameterProvider(), name, inputs, taking_turns(opts))
