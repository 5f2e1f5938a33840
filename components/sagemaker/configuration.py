"""The endpoint configuration: which models serve on which hosts, and what is captured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pulumi_aws as aws

from components.sagemaker.variant_model import CONTENT_TAG, Network, ProductionVariant
from components.settings import EndpointSpec, StackSpec
from components.stack_context import StackContext
from tidewatch.content_hash import compute_content_hash

ContentTypes = aws.sagemaker.EndpointConfigurationDataCaptureConfigCaptureContentTypeHeaderArgs
IGNORED_PATHS = ["productionVariants[*].initialVariantWeight", "productionVariants[*].initialInstanceCount"]
"""Other resources own weights and counts. Pulumi accepts these paths in camelCase only."""


@dataclass(frozen=True)
class HostConfig:
    """What the hosts of all variants have in common."""

    instance_type: str
    startup_seconds: int
    """The container's time to pass its health check, in seconds."""
    download_seconds: int
    """The time to download the model, in seconds."""
    volume_key: str = ""
    """The KMS key of the volumes; "" for AWS's own."""
    ami_version: str = ""
    """The machine image with the drivers that the containers need; "" for SageMaker's choice."""

    @classmethod
    def from_settings(cls, endpoint: EndpointSpec) -> HostConfig:
        return cls(
            endpoint.instance_type,
            endpoint.startup_seconds,
            endpoint.download_seconds,
            endpoint.volume_key,
            endpoint.inference_ami_version,
        )


@dataclass(frozen=True)
class DataCaptureConfig:
    """What SageMaker captures."""

    sampling: int
    """The captured share of requests, in percent."""
    prefix: str
    """The prefix in the capture bucket, without slashes at its ends."""
    csv_content_types: tuple[str, ...]
    """The content types that are captured as readable CSV."""
    json_content_types: tuple[str, ...]
    """The content types that are captured as readable JSON."""

    @classmethod
    def from_settings(cls, endpoint: EndpointSpec) -> DataCaptureConfig:
        return cls(
            endpoint.capture_sampling, endpoint.capture_prefix, endpoint.csv_content_types, endpoint.json_content_types
        )

    @property
    def hash_inputs(self) -> dict[str, Any]:
        return {
            "sampling": self.sampling,
            "prefix": self.prefix,
            "csv": list(self.csv_content_types),
            "json": list(self.json_content_types),
        }


@dataclass(frozen=True)
class Configuration:
    """A declared configuration: the variants with the content of their models, their hosts, and their capture."""

    variants: Sequence[ProductionVariant]
    contents: Mapping[str, str]
    hosting: HostConfig
    capture: DataCaptureConfig
    champion: str

    @classmethod
    def from_settings(cls, settings: StackSpec, variants: Mapping[str, ProductionVariant]) -> Configuration:
        """Returns the configuration that the config declares for these variants."""
        network, model = Network.from_settings(settings), settings.model.name
        return cls(
            variants=[variants[name] for name in sorted(variants)],
            contents={name: variant.compute_content(model, network) for name, variant in variants.items()},
            hosting=HostConfig.from_settings(settings.endpoint),
            capture=DataCaptureConfig.from_settings(settings.endpoint),
            champion=settings.champion,
        )

    @property
    def content(self) -> str:
        """The hash of what is declared, without weights, counts and the champion."""
        return compute_content_hash(
            {
                "variants": dict(self.contents),
                "instanceType": self.hosting.instance_type,
                "startupSeconds": self.hosting.startup_seconds,
                "downloadSeconds": self.hosting.download_seconds,
                "volumeKey": self.hosting.volume_key,
                "capture": self.capture.hash_inputs,
                # Included only if declared, so that the content of other configurations stays the same.
                **({"amiVersion": self.hosting.ami_version} if self.hosting.ami_version else {}),
            }
        )

    def build_record(self, model: str) -> dict[str, Any]:
        """Returns the version that each variant holds under this configuration.

        The captured records can only be read with this record.
        """
        return {
            "schema": 1,
            "model": model,
            "configuration": self.content,
            "capture": f"{self.capture.prefix}/{self.content}/",
            "variants": {
                variant.name: {
                    "version": variant.version,
                    "artifact": variant.artifact,
                    "image": variant.image,
                    "content": self.contents[variant.name],
                }
                for variant in self.variants
            },
        }


def create_endpoint_configuration(
    context: StackContext,
    declared: Configuration,
    *,
    models: Mapping[str, aws.sagemaker.Model],
    capture_bucket: pulumi.Input[str],
    capture_key: pulumi.Input[str],
    parent: pulumi.Resource,
) -> aws.sagemaker.EndpointConfiguration:
    """Creates the configuration. New content is a new configuration, and the one before is retained.

    SageMaker's own rollback goes back to the retained one. A configuration starts with all weight on the champion; the
    declared split is applied to the endpoint and not written here. The content tag names what it really contains,
    because an `up` with targets may leave out models of the declaration.
    """
    contents = {name: read_content_tag(model) for name, model in models.items()}
    content = pulumi.Output.all(**contents).apply(
        lambda actual_contents: replace(declared, contents=actual_contents).content
    )
    return aws.sagemaker.EndpointConfiguration(
        context.name("cfg"),
        production_variants=[
            _build_variant_args(variant, declared, models[variant.name].name) for variant in declared.variants
        ],
        data_capture_config=_build_capture_args(declared.capture, capture_bucket, capture_key, content),
        kms_key_arn=declared.hosting.volume_key or None,
        tags=context.build_tags() | {CONTENT_TAG: content},
        opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=True, ignore_changes=list(IGNORED_PATHS)),
    )


def read_content_tag(resource: aws.sagemaker.Model | aws.sagemaker.EndpointConfiguration) -> pulumi.Output[str]:
    """Returns the content that a resource was created with, from its tag; "" if somebody removed the tag."""
    return resource.tags.apply(lambda tags: (tags or {}).get(CONTENT_TAG, ""))


def _build_variant_args(
    variant: ProductionVariant, declared: Configuration, model_name: pulumi.Input[str]
) -> aws.sagemaker.EndpointConfigurationProductionVariantArgs:
    hosting = declared.hosting
    return aws.sagemaker.EndpointConfigurationProductionVariantArgs(
        variant_name=variant.name,
        model_name=model_name,
        instance_type=hosting.instance_type,
        initial_instance_count=variant.instances,
        initial_variant_weight=1.0 if variant.name == declared.champion else 0.0,
        model_data_download_timeout_in_seconds=hosting.download_seconds,
        container_startup_health_check_timeout_in_seconds=hosting.startup_seconds,
        inference_ami_version=hosting.ami_version or None,
    )


def _build_capture_args(
    capture: DataCaptureConfig, bucket: pulumi.Input[str], key: pulumi.Input[str], content: pulumi.Input[str]
) -> aws.sagemaker.EndpointConfigurationDataCaptureConfigArgs:
    """Returns the capture of requests and answers, into a folder that is named by the content."""
    return aws.sagemaker.EndpointConfigurationDataCaptureConfigArgs(
        enable_capture=True,
        initial_sampling_percentage=capture.sampling,
        destination_s3_uri=pulumi.Output.concat("s3://", bucket, f"/{capture.prefix}/", content),
        kms_key_id=key,
        capture_options=[
            aws.sagemaker.EndpointConfigurationDataCaptureConfigCaptureOptionArgs(capture_mode="Input"),
            aws.sagemaker.EndpointConfigurationDataCaptureConfigCaptureOptionArgs(capture_mode="Output"),
        ],
        capture_content_type_header=_build_content_type_header(capture),
    )


def _build_content_type_header(capture: DataCaptureConfig) -> ContentTypes | None:
    """Returns the content types that stay readable. Leaves out an empty list, because AWS does not accept one."""
    csv, json = list(capture.csv_content_types), list(capture.json_content_types)
    if not csv and not json:
        return None
    return ContentTypes(csv_content_types=csv or None, json_content_types=json or None)
