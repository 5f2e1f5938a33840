"""The parameter that names the registry's bucket, as a resource that checks whether the parameter still exists.

Pulumi believes that a resource exists until a refresh finds otherwise, and the program reads this parameter to find the
registry. Every `up` therefore reads it, and writes it again if somebody deleted or edited it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from botocore.exceptions import ClientError
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from components.sagemaker.provider import (
    AwsProvider,
    Props,
    accept,
    has_changed,
    missing_result,
    reject,
    report_as_sentence,
    set_delete_before_replace,
)
from tidewatch.aws.errors import get_error_code
from tidewatch.registry import mark_left_behind, read_bucket_tags, unmark_left_behind

DESCRIPTION = "Location of the model registry: read before the first resource is created, and by the command line"


class RegistryParameterProvider(AwsProvider):
    """Writes the parameter. When it deletes the parameter and the bucket stays, it marks the bucket as left behind."""

    @report_as_sentence
    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Refuses versions that were read from another bucket while the stack's own bucket still exists."""
        own_bucket, source_bucket = str(_olds.get("bucket") or ""), str(news.get("source_bucket") or "")
        if (
            not own_bucket
            or not source_bucket
            or own_bucket == source_bucket
            or read_bucket_tags(self.client("s3"), own_bucket) is None
        ):
            return accept(news)
        return reject(news, explain_other_registry(str(news["name"]), own_bucket, source_bucket))

    @report_as_sentence
    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        inputs = [has_changed(_olds, _news, key) for key in ("bucket", "value", "tags", "retained")]
        return DiffResult(
            changes=any(inputs) or self._read_value(_news["name"]) != _news["value"],
            replaces=["name"] if has_changed(_olds, _news, "name") else [],
        )

    @report_as_sentence
    def create(self, props: Props) -> CreateResult:
        self._write({}, props)
        unmark_left_behind(self.client("s3"), props["bucket"])
        return CreateResult(props["name"], props)

    @report_as_sentence
    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        self._write(_olds.get("tags") or {}, _news)
        return UpdateResult(_news)

    @report_as_sentence
    def read(self, id_: str, props: Props) -> ReadResult:
        """Returns an empty result if the parameter is gone, so that the next `up` creates it again."""
        live = self._read_value(id_)
        return missing_result() if live is None else ReadResult(id_, {**props, "value": live})

    @report_as_sentence
    def delete(self, _id: str, _props: Props) -> None:
        if _props.get("retained"):
            mark_left_behind(self.client("s3"), _props["bucket"])
        ssm = self.client("ssm")
        try:
            ssm.delete_parameter(Name=_id)
        except ssm.exceptions.ParameterNotFound:
            return

    def _read_value(self, name: str) -> str | None:
        try:
            return str(self.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
        except ClientError as error:
            if get_error_code(error) == "ParameterNotFound":
                return None
            raise

    def _write(self, previous_tags: Mapping[str, str], props: Props) -> None:
        """Writes the value, then the tags in separate calls: PutParameter takes no tags together with Overwrite."""
        ssm, name, declared_tags = self.client("ssm"), props["name"], dict(props["tags"])
        ssm.put_parameter(Name=name, Description=DESCRIPTION, Type="String", Value=props["value"], Overwrite=True)
        if removed := sorted(set(previous_tags) - set(declared_tags)):
            ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=name, TagKeys=removed)
        tag_list = [{"Key": key, "Value": value} for key, value in sorted(declared_tags.items())]
        ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=tag_list)


def explain_other_registry(parameter: str, own_bucket: str, source_bucket: str) -> str:
    """Explains why the program does not deploy versions from another registry."""
    return (
        f"The versions were read from the bucket {source_bucket}, which carries the tags of this stack's registry "
        f"and is named by the parameter {parameter}, but the registry of this stack is {own_bucket}. Find out who made "
        f"{source_bucket} and wrote the parameter, then write {own_bucket} into it again "
        "(`aws ssm put-parameter --overwrite`); nothing was changed."
    )


class RegistryParameter(Resource, module="tidewatch", name="RegistryParameter"):
    """The parameter of one registry.

    `source_bucket` is the bucket that the versions were read from, "" if there was none. The bucket outlives the stack
    if `retained`.
    """

    def __init__(
        self,
        name: str,
        *,
        parameter: str,
        bucket: pulumi.Input[str],
        source_bucket: str,
        prefix: str,
        tags: Mapping[str, str],
        retained: bool,
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs: dict[str, Any] = {
            "name": parameter,
            "bucket": bucket,
            "source_bucket": source_bucket,
            "value": pulumi.Output.json_dumps({"bucket": bucket, "prefix": prefix}),
            "tags": dict(tags),
            "retained": retained,
        }
        super().__init__(RegistryParameterProvider(), name, inputs, set_delete_before_replace(opts))
