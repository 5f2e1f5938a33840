"""What a slot holds: a registry version as a SageMaker model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.scope import Scope
from tidewatch.content import content_hash, fingerprint
from tidewatch.traffic import Held

CONTENT = "tidewatch:content"
"""The tag that tells the hash of what a model or a configuration is made of."""
TRITON = {"SAGEMAKER_TRITON_LOG_VERBOSE": "false"}


@dataclass(frozen=True)
class Slot:
    """A slot as declared: a verified registry version, and the instances that serve it.

    artifact_url: s3:// of model.tar.gz; artifact: its sha256, hex. image: the container image by digest.
    environment: what the container reads besides Triton's own; secrets: the names of those that are secret.
    floor: instances it needs to take traffic.
    """

    name: str
    version: str
    artifact_url: str
    artifact: str
    image: str
    weight: float
    instances: int
    floor: int = 1
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    secrets: frozenset[str] = frozenset()

    def content(self, model: str, network: Network | None) -> str:
        """The hash of what is declared about the model in the slot: no weight and no count."""
        return content_hash(
            {
                "version": self.version,
                "artifact": self.artifact,
                "bucket": self.bucket,
                "image": self.image,
                "environment": self._told(model),
                "network": network.declared if network else None,
            }
        )

    @property
    def bucket(self) -> str:
        """The bucket that the artifact is in."""
        return self.artifact_url.removeprefix("s3://").partition("/")[0]

    def variables(self, model: str) -> dict[str, str]:
        """The container's environment: Triton serves the model of this name, and logs no request."""
        return {"SAGEMAKER_TRITON_DEFAULT_MODEL_NAME": model, **TRITON, **self.environment}

    def container(self, model: str) -> dict[str, pulumi.Input[str]]:
        """The variables as the container gets them, secret where the config's are."""
        variables = self.variables(model).items()
        return {name: pulumi.Output.secret(value) if name in self.secrets else value for name, value in variables}

    def _told(self, model: str) -> dict[str, str]:
        """The variables as a hash may name them that stands in tags and the ledger."""
        variables = self.variables(model)
        secret = {name: value for name, value in variables.items() if name in self.secrets}
        if not secret:
            return variables
        stands_for = fingerprint(json.dumps(secret, sort_keys=True), f"{model}/{self.artifact}")
        return {name: value for name, value in variables.items() if name not in secret} | {"": stands_for}

    def held(self, model: str, network: Network | None) -> Held:
        """The slot as the ledger knows it."""
        return Held(
            version=self.version,
            artifact=self.artifact,
            image=self.image.rpartition("@")[2],
            content=self.content(model, network),
            floor=self.floor,
        )


@dataclass(frozen=True)
class Network:
    """The subnets and security groups that the containers run in: ids, or ARNs of what another account shares."""

    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]

    @property
    def declared(self) -> dict[str, list[str]]:
        return {"subnets": sorted(self.subnets), "securityGroups": sorted(self.security_groups)}

    @property
    def subnet_ids(self) -> list[str]:
        """As SageMaker takes them."""
        return [_id(one) for one in self.subnets]

    @property
    def group_ids(self) -> list[str]:
        """As SageMaker takes them."""
        return [_id(one) for one in self.security_groups]


def _id(place: str) -> str:
    return place.rpartition("/")[2]


def slot_model(
    scope: Scope, slot: Slot, *, role: pulumi.Input[str], network: Network | None, parent: pulumi.Resource
) -> aws.sagemaker.Model:
    """The model of a slot, run as `role`. Another content is another model, and the one before is retained: a rollback
    may need it after the slot has moved on.
    """
    return aws.sagemaker.Model(
        scope.name("model", slot.name),
        execution_role_arn=role,
        primary_container=aws.sagemaker.ModelPrimaryContainerArgs(
            image=slot.image, model_data_url=slot.artifact_url, environment=slot.container(scope.model)
        ),
        enable_network_isolation=True,
        vpc_config=network
        and aws.sagemaker.ModelVpcConfigArgs(subnets=network.subnet_ids, security_group_ids=network.group_ids),
        tags=scope.tagged(slot=slot.name, version=slot.version) | {CONTENT: slot.content(scope.model, network)},
        opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=True),
    )
