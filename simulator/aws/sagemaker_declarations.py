"""What an endpoint is made from, in place of moto's: CreateModel, CreateEndpointConfig and their like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.responses import SageMakerResponse

from simulator.aws import hosting, sagemaker_rules
from simulator.aws.errors import ValidationException
from simulator.aws.fleet import EndpointConfiguration
from simulator.aws.world import ACCOUNT, world


def create_model(self: SageMakerResponse) -> ActionResult:
    """CreateModel: every field is kept, a name is used once."""
    backend, given = self.sagemaker_backend, self.params
    name = given["ModelName"]
    if name in backend._models:
        raise ValidationException(f'Cannot create already existing model "{arn_of(self, "model", name)}".')
    if bool(given.get("PrimaryContainer")) == bool(given.get("Containers")):
        raise ValidationException("Exactly one of PrimaryContainer and Containers must be given.")
    role = given.get("ExecutionRoleArn") or ""
    container = given.get("PrimaryContainer") or given["Containers"][0]
    kept = {key: value for key, value in given.items() if key != "Tags"}
    arn = arn_of(self, "model", name)
    models: dict[str, Any] = backend._models
    models[name] = hosting.HostedModel(
        name, arn, kept, role, hosting.role_exists(role), container, world().now(), list(given.get("Tags") or [])
    )
    return ActionResult({"ModelArn": arn})


def describe_model(self: SageMakerResponse) -> ActionResult:
    """DescribeModel: what was given, network isolation and VPC too."""
    models: dict[str, Any] = self.sagemaker_backend._models
    model = models.get(self.params["ModelName"])
    if model is None:
        raise ValidationException(f'Could not find model "{arn_of(self, "model", self.params["ModelName"])}".')
    return ActionResult(model.description())


def create_endpoint_config(self: SageMakerResponse) -> ActionResult:
    """CreateEndpointConfig: kept whole, after the rules."""
    given = self.params
    name = given["EndpointConfigName"]
    arn = arn_of(self, "endpoint-config", name)
    if name in self.sagemaker_backend.endpoint_configs:
        raise ValidationException(f'Cannot create already existing endpoint configuration "{arn}".')
    sagemaker_rules.endpoint_configuration(given)
    for variant in (*given["ProductionVariants"], *(given.get("ShadowProductionVariants") or ())):
        model = variant.get("ModelName")
        if model and model not in self.sagemaker_backend._models:
            raise ValidationException(f'Could not find model "{arn_of(self, "model", model)}".')
    tags = list(given.get("Tags") or [])
    configs: dict[str, Any] = self.sagemaker_backend.endpoint_configs
    configs[name] = EndpointConfiguration(name, arn, _with_defaults(given), world().now(), tags)
    return ActionResult({"EndpointConfigArn": arn})


def _with_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """A weight left out is 1.0. Source: model docs, ProductionVariant.InitialVariantWeight."""
    weighted = [{"InitialVariantWeight": 1.0, **variant} for variant in given["ProductionVariants"]]
    return {**given, "ProductionVariants": weighted}


def describe_endpoint_config(self: SageMakerResponse) -> ActionResult:
    """DescribeEndpointConfig."""
    return ActionResult(configuration_named(self, self.params["EndpointConfigName"]).description())


def delete_endpoint_config(self: SageMakerResponse) -> EmptyResult:
    """DeleteEndpointConfig. One in use is deleted all the same: the model docs only warn of it."""
    name = self.params["EndpointConfigName"]
    configuration_named(self, name)
    del self.sagemaker_backend.endpoint_configs[name]
    return EmptyResult()


def configuration_named(self: SageMakerResponse, name: str) -> EndpointConfiguration:
    """The endpoint configuration of a name. Raises ValidationException."""
    configs: dict[str, Any] = self.sagemaker_backend.endpoint_configs
    found = configs.get(name)
    if not isinstance(found, EndpointConfiguration):
        raise ValidationException(f'Could not find endpoint configuration "{arn_of(self, "endpoint-config", name)}".')
    return found


def images_of(self: SageMakerResponse, configuration: EndpointConfiguration) -> dict[str, str | None]:
    """The image of each model that the configuration names."""
    models: dict[str, Any] = self.sagemaker_backend._models
    named = {variant.get("ModelName", "") for variant in configuration.production_variants}
    return {name: models[name].container.get("Image") for name in named if name in models}


def arn_of(self: SageMakerResponse, kind: str, name: str) -> str:
    """The ARN of a SageMaker resource."""
    return f"arn:aws:sagemaker:{self.region}:{ACCOUNT}:{kind}/{name}"
