"""The hosts of an endpoint: they fetch each variant's model.tar.gz from S3 and start the model server with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.iam.models import iam_backends
from moto.s3.exceptions import S3ClientError
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends

from rehearsal.aws.account import SimulatedAccount
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.identity import execution_role
from rehearsal.aws.inference.triton import ModelLoadError
from rehearsal.aws.sagemaker.fleet import Fleet


@dataclass
class HostedModel:
    """A model with all fields of its creation."""

    model_name: str
    arn: str
    fields: Mapping[str, Any]
    role: str
    role_existed: bool
    container: Mapping[str, Any]
    """The container that answers, the first of several."""
    creation_time: datetime
    tags: list[dict[str, str]]

    @property
    def response_object(self) -> dict[str, Any]:
        """The entry in moto's ListModels."""
        return self.description()

    def description(self) -> dict[str, Any]:
        """The response of DescribeModel, which always includes network isolation."""
        isolated = bool(self.fields.get("EnableNetworkIsolation"))
        created_fields = {"ModelArn": self.arn, "CreationTime": self.creation_time}
        return {**self.fields, "EnableNetworkIsolation": isolated, **created_fields}


def check_health(account: SimulatedAccount, region: str, endpoint: str, fleet: Fleet) -> str | None:
    """Starts every variant of an endpoint's fleet. Returns why it cannot serve, in SageMaker's words, or None."""
    for variant in (*fleet.variants, *fleet.shadows):
        models: Any = sagemaker_backends[ACCOUNT][region]._models
        model: HostedModel | None = models.get(variant.model)
        if model is None:
            return f'Could not find model "{variant.model}".'
        if (reason := _explain_missing_role(model)) is not None:
            return reason
        if (
            reason := execution_role.explain_start_denial(region, model.role, model.fields, model.container)
        ) is not None:
            return reason
        try:
            _load_model(account, region, fleet, variant.name, model.container)
        except ModelLoadError as error:
            return (
                f"The primary container for production variant {variant.name} did not pass the ping health check. "
                f"Please check CloudWatch logs for this endpoint. ({error})"
            )
        execution_role.record_log_denials(account, region, model.role, endpoint)
    return None


def _load_model(
    account: SimulatedAccount, region: str, fleet: Fleet, variant: str, container: Mapping[str, Any]
) -> None:
    url = container.get("ModelDataUrl") or _find_data_source(container)
    if not url:
        return
    bucket, _, key = url.removeprefix("s3://").partition("/")
    try:
        model_object = s3_backends[ACCOUNT]["aws"].get_object(bucket, key)
    except S3ClientError:
        model_object = None
    if model_object is None:
        raise ModelLoadError(f"Could not find model data at {url}")
    model = account.model_cache.get_model(
        f"{url}@{model_object.etag}", model_object.value, container.get("Environment") or {}
    )
    account.loaded_models[region, fleet.configuration.endpoint_config_name, variant] = model


def _find_data_source(container: Mapping[str, Any]) -> str | None:
    source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
    if source and source.get("CompressionType") != "Gzip":
        raise ModelLoadError("the simulator reads compressed model data only (CompressionType Gzip)")
    return source.get("S3Uri")


def _explain_missing_role(model: HostedModel) -> str | None:
    """Why a model whose role was deleted after its creation cannot serve, or None.

    Source: SageMaker developer guide, "SageMaker execution roles": hosting assumes the model's role to fetch the
    artifact and write logs.
    """
    if not model.role_existed or has_role(model.role):
        return None
    return f'The execution role ARN "{model.role}" is invalid: the role does not exist.'


def get_model_role(region: str, model: str) -> str:
    """The role of a model; "" if it has none or does not exist."""
    found: Any = sagemaker_backends[ACCOUNT][region]._models.get(model)
    return found.role if found is not None else ""


def has_role(arn: str) -> bool:
    return any(role.arn == arn for role in list(iam_backends[ACCOUNT]["aws"].roles.values()))
