"""What a variant holds: a registry version as a SageMaker model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.settings import StackSpec, VariantSpec
from components.stack_context import StackContext
from tidewatch.content_hash import compute_content_hash, fingerprint_secret
from tidewatch.registry import ResolvedVersion
from tidewatch.traffic import DeployedModel

CONTENT_TAG = "tidewatch:content"
"""The tag with the hash of what a model or a configuration is created from."""
TRITON_ENVIRONMENT = {"SAGEMAKER_TRITON_LOG_VERBOSE": "false"}


@dataclass(frozen=True)
class ProductionVariant:
    """A variant as declared: a verified registry version, and the instances that serve it."""

    name: str
    version: str
    artifact_url: str
    """The s3:// URL of model.tar.gz."""
    artifact: str
    """The artifact's sha256, in hex."""
    image: str
    """The container image by digest."""
    weight: float
    instances: int
    floor: int = 1
    """The number of instances that the variant needs to take traffic."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """The environment variables of the container, besides Triton's own."""
    secrets: frozenset[str] = frozenset()
    """The names of the environment variables that are secret."""

    @classmethod
    def from_settings(
        cls, settings: StackSpec, versions: Mapping[str, ResolvedVersion]
    ) -> dict[str, ProductionVariant]:
        """Returns each declared variant with its resolved version; none if no version was resolved."""
        return {
            name: cls(
                name=name,
                version=variant.version,
                artifact_url=versions[name].artifact_url,
                artifact=versions[name].artifact,
                image=versions[name].image,
                weight=variant.weight,
                instances=variant.instances,
                floor=settings.floor if name == settings.champion else 1,
                environment={**settings.endpoint.environment, **variant.environment},
                secrets=_find_secret_variables(settings, variant),
            )
            for name, variant in (sorted(settings.variants.items()) if versions else ())
        }

    def compute_content(self, model: str, network: Network | None) -> str:
        """Returns the hash of what is declared about the variant's model, without weight and count."""
        return compute_content_hash(
            {
                "version": self.version,
                "artifact": self.artifact,
                "bucket": self.bucket,
                "image": self.image,
                "environment": self._redact_secrets(model),
                "network": network.hash_inputs if network else None,
            }
        )

    @property
    def bucket(self) -> str:
        """The bucket of the artifact."""
        return self.artifact_url.removeprefix("s3://").partition("/")[0]

    def build_environment(self, model: str) -> dict[str, str]:
        """Returns the container's environment: Triton serves the model of this name, and logs no request."""
        return {"SAGEMAKER_TRITON_DEFAULT_MODEL_NAME": model, **TRITON_ENVIRONMENT, **self.environment}

    def build_container_environment(self, model: str) -> dict[str, pulumi.Input[str]]:
        """Returns the container's environment variables, secret where the config's values are."""
        variables = self.build_environment(model).items()
        return {name: pulumi.Output.secret(value) if name in self.secrets else value for name, value in variables}

    def _redact_secrets(self, model: str) -> dict[str, str]:
        """Returns the variables for a hash that appears in tags and the ledger: secrets only as a fingerprint."""
        variables = self.build_environment(model)
        secret = {name: value for name, value in variables.items() if name in self.secrets}
        if not secret:
            return variables
        secret_fingerprint = fingerprint_secret(json.dumps(secret, sort_keys=True), f"{model}/{self.artifact}")
        return {name: value for name, value in variables.items() if name not in secret} | {"": secret_fingerprint}

    def to_deployed_model(self, model: str, network: Network | None) -> DeployedModel:
        """Returns the variant as the ledger records it."""
        return DeployedModel(
            version=self.version,
            artifact=self.artifact,
            image=self.image.rpartition("@")[2],
            content=self.compute_content(model, network),
            floor=self.floor,
        )


@dataclass(frozen=True)
class Network:
    """The network that the containers run in: ids, or ARNs of what another account shares."""

    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]

    @classmethod
    def from_settings(cls, settings: StackSpec) -> Network | None:
        """Returns the network of the containers; None if the config names none."""
        return cls(settings.vpc.subnets, settings.vpc.security_groups) if settings.vpc else None

    @property
    def hash_inputs(self) -> dict[str, list[str]]:
        return {"subnets": sorted(self.subnets), "securityGroups": sorted(self.security_groups)}

    @property
    def subnet_ids(self) -> list[str]:
        """The subnets as ids, the form that SageMaker takes."""
        return [_to_id(subnet) for subnet in self.subnets]

    @property
    def group_ids(self) -> list[str]:
        """The security groups as ids, the form that SageMaker takes."""
        return [_to_id(group) for group in self.security_groups]


def _find_secret_variables(settings: StackSpec, variant: VariantSpec) -> frozenset[str]:
    """Returns the names of the secret variables.

    Pulumi knows which top-level values contain a secret, but not where in them, so all variables in such a value are
    secret.
    """
    shared = settings.endpoint.environment if "endpoint" in settings.secret else {}
    own = variant.environment if "variants" in settings.secret else {}
    return frozenset({*shared, *own})


def _to_id(id_or_arn: str) -> str:
    return id_or_arn.rpartition("/")[2]


def create_variant_model(
    context: StackContext,
    variant: ProductionVariant,
    *,
    role: pulumi.Input[str],
    network: Network | None,
    parent: pulumi.Resource,
) -> aws.sagemaker.Model:
    """Creates the model of a variant, which runs with `role`.

    Other content is another model, and the one before is retained: a rollback may need it after the variant has moved
    on.
    """
    return aws.sagemaker.Model(
        context.name("model", variant.name),
        execution_role_arn=role,
        primary_container=aws.sagemaker.ModelPrimaryContainerArgs(
            image=variant.image,
            model_data_url=variant.artifact_url,
            environment=variant.build_container_environment(context.model),
        ),
        enable_network_isolation=True,
        vpc_config=network
        and aws.sagemaker.ModelVpcConfigArgs(subnets=network.subnet_ids, security_group_ids=network.group_ids),
        tags=context.build_tags(variant=variant.name, version=variant.version)
        | {CONTENT_TAG: variant.compute_content(context.model, network)},
        opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=True),
    )
