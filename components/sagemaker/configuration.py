"""The endpoint configuration: which models serve on which hosts, and what is captured of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pulumi_aws as aws

from components.sagemaker.slots import CONTENT, Slot
from components.scope import Scope
from tidewatch.content import content_hash

ContentTypes = aws.sagemaker.EndpointConfigurationDataCaptureConfigCaptureContentTypeHeaderArgs
OWNED_ELSEWHERE = ["productionVariants[*].initialVariantWeight", "productionVariants[*].initialInstanceCount"]
"""Weights and counts have owners of their own; Pulumi takes these paths in camelCase only."""


@dataclass(frozen=True)
class Hosting:
    """What the hosts of all slots have in common. Timeouts in seconds; volume_key is "" for AWS's own.

    ami_version: the machine image with the drivers that the containers need; "" for SageMaker's choice.
    """

    instance_type: str
    startup_seconds: int
    download_seconds: int
    volume_key: str = ""
    ami_version: str = ""


@dataclass(frozen=True)
class Capture:
    """What is captured: sampling in percent, the prefix without slashes around it, the content types kept readable."""

    sampling: int
    prefix: str
    csv_content_types: tuple[str, ...]
    json_content_types: tuple[str, ...]

    @property
    def declared(self) -> dict[str, Any]:
        return {
            "sampling": self.sampling,
            "prefix": self.prefix,
            "csv": list(self.csv_content_types),
            "json": list(self.json_content_types),
        }


@dataclass(frozen=True)
class Configuration:
    """A configuration as declared: the slots by the content of their models, on these hosts, captured like this."""

    slots: Sequence[Slot]
    contents: Mapping[str, str]
    hosting: Hosting
    capture: Capture
    champion: str

    @property
    def content(self) -> str:
        """The hash of what is declared, without weights, counts and the champion."""
        return content_hash(
            {
                "slots": dict(self.contents),
                "instanceType": self.hosting.instance_type,
                "startupSeconds": self.hosting.startup_seconds,
                "downloadSeconds": self.hosting.download_seconds,
                "volumeKey": self.hosting.volume_key,
                "capture": self.capture.declared,
                # Only where it is declared: without it the content stays what it is.
                **({"amiVersion": self.hosting.ami_version} if self.hosting.ami_version else {}),
            }
        )

    def document(self, model: str) -> dict[str, Any]:
        """Which version each slot held while this was live: what is needed to read the captured records."""
        return {
            "schema": 1,
            "model": model,
            "configuration": self.content,
            "capture": f"{self.capture.prefix}/{self.content}/",
            "slots": {
                slot.name: {
                    "version": slot.version,
                    "artifact": slot.artifact,
                    "image": slot.image,
                    "content": self.contents[slot.name],
                }
                for slot in self.slots
            },
        }


def endpoint_configuration(
    scope: Scope,
    declared: Configuration,
    *,
    models: Mapping[str, aws.sagemaker.Model],
    capture_bucket: pulumi.Input[str],
    capture_key: pulumi.Input[str],
    parent: pulumi.Resource,
) -> aws.sagemaker.EndpointConfiguration:
    """The configuration. New content is another one, and the one before is retained: a rollback of SageMaker's own goes
    back to it.

    It starts with everything on the champion; the declared split is applied to the endpoint, not written here. Its tag
    tells what it really is made of: an `up` with targets may leave out the models of the declaration.
    """
    hosting, capture = declared.hosting, declared.capture
    contents = {name: content_of(model) for name, model in models.items()}
    content = pulumi.Output.all(**contents).apply(lambda found: replace(declared, contents=found).content)
    return aws.sagemaker.EndpointConfiguration(
        scope.name("cfg"),
        production_variants=[
            aws.sagemaker.EndpointConfigurationProductionVariantArgs(
                variant_name=slot.name,
                model_name=models[slot.name].name,
                instance_type=hosting.instance_type,
                initial_instance_count=slot.instances,
                initial_variant_weight=1.0 if slot.name == declared.champion else 0.0,
                model_data_download_timeout_in_seconds=hosting.download_seconds,
                container_startup_health_check_timeout_in_seconds=hosting.startup_seconds,
                inference_ami_version=hosting.ami_version or None,
            )
            for slot in declared.slots
        ],
        data_capture_config=aws.sagemaker.EndpointConfigurationDataCaptureConfigArgs(
            enable_capture=True,
            initial_sampling_percentage=capture.sampling,
            destination_s3_uri=pulumi.Output.concat("s3://", capture_bucket, f"/{capture.prefix}/", content),
            kms_key_id=capture_key,
            capture_options=[
                aws.sagemaker.EndpointConfigurationDataCaptureConfigCaptureOptionArgs(capture_mode="Input"),
                aws.sagemaker.EndpointConfigurationDataCaptureConfigCaptureOptionArgs(capture_mode="Output"),
            ],
            capture_content_type_header=_readable(capture),
        ),
        kms_key_arn=hosting.volume_key or None,
        tags=scope.tagged() | {CONTENT: content},
        opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=True, ignore_changes=list(OWNED_ELSEWHERE)),
    )


def content_of(made: aws.sagemaker.Model | aws.sagemaker.EndpointConfiguration) -> pulumi.Output[str]:
    """The content that something was made with, by its tag; "" where somebody took that away."""
    return made.tags.apply(lambda tags: (tags or {}).get(CONTENT, ""))


def _readable(capture: Capture) -> ContentTypes | None:
    """The content types kept readable; a list without any is left out, for AWS takes none that is empty."""
    csv, json = list(capture.csv_content_types), list(capture.json_content_types)
    if not csv and not json:
        return None
    return ContentTypes(csv_content_types=csv or None, json_content_types=json or None)
