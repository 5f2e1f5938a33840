"""SageMaker's models and endpoint configurations, in place of moto's: CreateModel, CreateEndpointConfig and others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.responses import SageMakerResponse

from rehearsal.aws.account import current_account
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.sagemaker import model_hosts, validation
from rehearsal.aws.sagemaker.errors import ValidationException
from rehearsal.aws.sagemaker.fleet import EndpointConfiguration


def create_model(self: SageMakerResponse) -> ActionResult:
    """CreateModel: keeps every field; a name can be used once."""
    backend, params = self.sagemaker_backend, self.params
    name = params["ModelName"]
    if name in backend._models:
        raise ValidationException(f'Cannot create already existing model "{build_sagemaker_arn(self, "model", name)}".')
    if bool(params.get("PrimaryContainer")) == bool(params.get("Containers")):
        raise ValidationException("Exactly one of PrimaryContainer and Containers must be given.")
    role = params.get("ExecutionRoleArn") or ""
    container = params.get("PrimaryContainer") or params["Containers"][0]
    fields = {key: value for key, value in params.items() if key != "Tags"}
    arn = build_sagemaker_arn(self, "model", name)
    models: dict[str, Any] = backend._models
    models[name] = model_hosts.HostedModel(
        name,
        arn,
        fields,
        role,
        model_hosts.has_role(role),
        container,
        current_account().now(),
        list(params.get("Tags") or []),
    )
    return ActionResult({"ModelArn": arn})


def describe_model(self: SageMakerResponse) -> ActionResult:
    """DescribeModel: returns the given fields, including network isolation and VPC."""
    models: dict[str, Any] = self.sagemaker_backend._models
    model = models.get(self.params["ModelName"])
    if model is None:
        raise ValidationException(
            f'Could not find model "{build_sagemaker_arn(self, "model", self.params["ModelName"])}".'
        )
    return ActionResult(model.description())


def create_endpoint_config(self: SageMakerResponse) -> ActionResult:
    """CreateEndpointConfig: checks the rules and keeps every field."""
    params = self.params
    name = params["EndpointConfigName"]
    arn = build_sagemaker_arn(self, "endpoint-config", name)
    if name in self.sagemaker_backend.endpoint_configs:
        raise ValidationException(f'Cannot create already existing endpoint configuration "{arn}".')
    validation.check_endpoint_configuration(params)
    for variant in (*params["ProductionVariants"], *(params.get("ShadowProductionVariants") or ())):
        model = variant.get("ModelName")
        if model and model not in self.sagemaker_backend._models:
            raise ValidationException(f'Could not find model "{build_sagemaker_arn(self, "model", model)}".')
    tags = list(params.get("Tags") or [])
    configs: dict[str, Any] = self.sagemaker_backend.endpoint_configs
    configs[name] = EndpointConfiguration(name, arn, _apply_defaults(params), current_account().now(), tags)
    return ActionResult({"EndpointConfigArn": arn})


def _apply_defaults(params: Mapping[str, Any]) -> dict[str, Any]:
    """Sets an omitted weight to 1.0. Source: model docs, ProductionVariant.InitialVariantWeight."""
    variants = [{"InitialVariantWeight": 1.0, **variant} for variant in params["ProductionVariants"]]
    return {**params, "ProductionVariants": variants}


def describe_endpoint_config(self: SageMakerResponse) -> ActionResult:
    """DescribeEndpointConfig."""
    return ActionResult(find_configuration(self, self.params["EndpointConfigName"]).description())


def delete_endpoint_config(self: SageMakerResponse) -> EmptyResult:
    """DeleteEndpointConfig: also deletes one in use, of which the model docs only warn."""
    name = self.params["EndpointConfigName"]
    find_configuration(self, name)
    del self.sagemaker_backend.endpoint_configs[name]
    return EmptyResult()


def find_configuration(self: SageMakerResponse, name: str) -> EndpointConfiguration:
    """The endpoint configuration with a name. Raises ValidationException."""
    configs: dict[str, Any] = self.sagemaker_backend.endpoint_configs
    found = configs.get(name)
    if not isinstance(found, EndpointConfiguration):
        raise ValidationException(
            f'Could not find endpoint configuration "{build_sagemaker_arn(self, "endpoint-config", name)}".'
        )
    return found


def list_images(self: SageMakerResponse, configuration: EndpointConfiguration) -> dict[str, str | None]:
    """The image of each model in the configuration."""
    models: dict[str, Any] = self.sagemaker_backend._models
    model_names = {variant.get("ModelName", "") for variant in configuration.production_variants}
    return {name: models[name].container.get("Image") for name in model_names if name in models}


def build_sagemaker_arn(self: SageMakerResponse, kind: str, name: str) -> str:
    """The ARN of a SageMaker resource."""
    return f"arn:aws:sagemaker:{self.region}:{ACCOUNT}:{kind}/{name}"
