"""What every component needs: its stack, the region, and how resources are named and tagged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.settings import StackSpec
from tidewatch.naming import build_name_prefix, build_stack_key, hash_stack_key


@dataclass(frozen=True)
class StackContext:
    """A stack: its names, its region, and the tags that record the owner of each resource."""

    project: str
    stack: str
    model: str
    region: str
    account: pulumi.Output[str]
    partition: pulumi.Output[str]
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    protect: bool = False
    force_destroy: bool = False

    @classmethod
    def of(
        cls,
        *,
        project: str,
        stack: str,
        model: str,
        owner: str,
        region: str,
        tags: Mapping[str, str],
        protect: bool,
        force_destroy: bool,
    ) -> StackContext:
        """Returns the context of a stack, with the account and partition of its credentials."""
        return cls(
            project=project,
            stack=stack,
            model=model,
            region=region,
            account=aws.get_caller_identity_output().account_id,
            partition=aws.get_partition_output().partition,
            tags={**tags, "tidewatch:stack": f"{project}/{stack}", "tidewatch:model": model, "tidewatch:owner": owner},
            protect=protect,
            force_destroy=force_destroy,
        )

    @classmethod
    def from_settings(cls, settings: StackSpec, project: str, stack: str) -> StackContext:
        """Returns the context that a stack's config describes."""
        return cls.of(
            project=project,
            stack=stack,
            model=settings.model.name,
            owner=settings.model.owner,
            region=settings.region,
            tags=settings.tags,
            protect=settings.protect,
            force_destroy=settings.force_destroy,
        )

    @property
    def key(self) -> str:
        """The stack's key, such as tidewatch/dev/flights, unique in its account."""
        return build_stack_key(self.project, self.stack, self.model)

    def name(self, *parts: str) -> str:
        """Returns a logical name, such as flights-model-blue-3fa9c1d2e4."""
        return "-".join((build_name_prefix(self.model), *parts))

    def build_unique_name(self, *parts: str) -> str:
        """Returns a name such as flights-3fa9c1-drift that no other stack of the account uses.

        It is for resources with an explicit name, and for those that are selected by a prefix of their name.
        """
        return self.name(hash_stack_key(self.key), *parts)

    def build_physical_name(self, *parts: str, mark: str = "") -> str:
        """Returns the name of an alarm or a dashboard, such as flights-guardrail-green-3fa9c1.

        Other resources need it before the alarm or dashboard exists. `mark` precedes the hash of the stack's key. It
        distinguishes two resources with the same parts, because CloudWatch does not accept one name for both.
        """
        return self.name(*parts, f"{mark}{hash_stack_key(self.key)}")

    def build_bucket_name(self, part: str) -> str:
        """Returns a logical name that S3 accepts too: it allows no capital letters."""
        return self.name(part).lower()

    def build_tags(self, **more: str) -> dict[str, str]:
        """Returns the stack's tags and the tags of one resource, such as its variant."""
        return {**self.tags, **{f"tidewatch:{key}": value for key, value in more.items()}}

    def build_arn(self, service: str, resource: pulumi.Input[str]) -> pulumi.Output[str]:
        """Returns the ARN of a resource in this account and region."""
        return pulumi.Output.concat("arn:", self.partition, f":{service}:{self.region}:", self.account, ":", resource)

    @property
    def account_root_arn(self) -> pulumi.Output[str]:
        """The principal that stands for everybody in the account whom IAM allows."""
        return pulumi.Output.concat("arn:", self.partition, ":iam::", self.account, ":root")

    @property
    def retains_data(self) -> bool:
        """Whether resources that hold data stay after `pulumi destroy`."""
        return not self.force_destroy
