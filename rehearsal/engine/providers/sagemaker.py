"""Models, endpoint configurations and endpoints."""

from __future__ import annotations

from typing import Any

from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.errors import is_not_found
from rehearsal.engine.providers.polling import wait_until
from rehearsal.engine.providers.properties import Props, is_same, pick
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec
from rehearsal.engine.providers.tagging import from_pairs, make_retag, to_pairs

_RENAMES = {
    "kmsKeyArn": "KmsKeyId",
    "routingConfigs": "RoutingConfig",
    "s3DataSources": "S3DataSource",
}
_NAME = Naming(limit=63, rule="letters, digits and hyphens, and no hyphen at its ends")
_CONFIG = ("asyncInferenceConfig", "dataCaptureConfig", "executionRoleArn", "kmsKeyArn", "shadowProductionVariants")
_MODEL = (
    "containers",
    "enableNetworkIsolation",
    "executionRoleArn",
    "inferenceExecutionConfig",
    "primaryContainer",
    "vpcConfig",
)


class EndpointFailed(Exception):
    """An endpoint ended in a state that serves nothing."""


def _build_tags(c: ResourceContext) -> Props:
    return {"Tags": to_pairs(c["tags"])} if c.get("tags") else {}


def _read_tags(c: ResourceContext, arn: str) -> dict[str, str]:
    return from_pairs(c.client.list_tags(ResourceArn=arn)["Tags"])


def _create_model(c: ResourceContext) -> Props:
    params = c.build_params("CreateModel", pick(c.props, *_MODEL), _RENAMES)
    return {"arn": c.client.create_model(ModelName=c["name"], **_build_tags(c), **params)["ModelArn"]}


def _read_model(c: ResourceContext) -> Props:
    response = c.client.describe_model(ModelName=c.id)
    live = c.parse_response(
        "DescribeModel", {k: v for k, v in response.items() if k not in ("ModelName", "ModelArn", "CreationTime")}
    )
    properties = {k: v for k, v in live.items() if k in c.props or not c.props}
    return {"name": c.id, "arn": response["ModelArn"], **properties, "tags": _read_tags(c, response["ModelArn"])}


def _validate_model(news: Props) -> dict[str, str]:
    if (news.get("primaryContainer") is None) == (news.get("containers") is None):
        return {"primaryContainer": 'exactly one of "primaryContainer" and "containers" must be given'}
    return {}


def _add_defaults(news: Props) -> Props:
    """Adds the schema's defaults inside blocks: a variant's weight is 1, and capture is off."""
    variants = {
        k: _add_default_weights(news[k]) for k in ("productionVariants", "shadowProductionVariants") if news.get(k)
    }
    return {**news, **variants}


def _add_default_weights(variants: Any) -> Any:
    if not isinstance(variants, list):
        return variants
    return [{"initialVariantWeight": 1, **v} if isinstance(v, dict) else v for v in variants]


def _create_config(c: ResourceContext) -> Props:
    properties = pick(c.props, "productionVariants", *_CONFIG)
    if capture := properties.get("dataCaptureConfig"):
        properties["dataCaptureConfig"] = {**capture, "enableCapture": bool(capture.get("enableCapture"))}
    for variant in properties["productionVariants"]:
        variant.setdefault("variantName", "variant-1")
    params = c.build_params("CreateEndpointConfig", properties, _RENAMES)
    response = c.client.create_endpoint_config(EndpointConfigName=c["name"], **_build_tags(c), **params)
    return {"arn": response["EndpointConfigArn"]}


def _read_config(c: ResourceContext) -> Props:
    response = c.client.describe_endpoint_config(EndpointConfigName=c.id)
    arn = response["EndpointConfigArn"]
    skipped = ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
    live = c.parse_response(
        "DescribeEndpointConfig", {k: v for k, v in response.items() if k not in skipped}, {"KmsKeyId": "kmsKeyArn"}
    )
    properties = {k: v for k, v in live.items() if (k in c.props or not c.props) and is_same(c.props.get(k), v)}
    return {"name": c.id, "arn": arn, **properties, "tags": _read_tags(c, arn)}


def _create_endpoint(c: ResourceContext) -> Props:
    params = c.build_params("CreateEndpoint", pick(c.props, "endpointConfigName", "deploymentConfig"))
    return {"arn": c.client.create_endpoint(EndpointName=c["name"], **_build_tags(c), **params)["EndpointArn"]}


def _finish_endpoint(c: ResourceContext) -> Props:
    _wait_until_in_service(c, c.id, "create")
    return {}


def _wait_until_in_service(c: ResourceContext, name: str, operation: str) -> None:
    def is_in_service() -> bool:
        response = c.client.describe_endpoint(EndpointName=name)
        status = response["EndpointStatus"]
        if status in ("Failed", "OutOfService", "UpdateRollbackFailed"):
            reason = response.get("FailureReason") or "SageMaker gave no reason"
            raise EndpointFailed(
                f"waiting for SageMaker AI Endpoint ({name}) {operation}: unexpected state '{status}', "
                f"wanted target 'InService'. last error: {reason}"
            )
        return bool(status == "InService")

    wait_until(is_in_service)


def _read_endpoint(c: ResourceContext) -> Props:
    """Reads the endpoint: the last deployment's settings, and, as in the provider, no live weights and counts."""
    response = c.client.describe_endpoint(EndpointName=c.id)
    live: Props = {"name": c.id, "arn": response["EndpointArn"], "endpointConfigName": response["EndpointConfigName"]}
    if deployment := response.get("LastDeploymentConfig"):
        live["deploymentConfig"] = c.parse_response("DescribeEndpoint", {"LastDeploymentConfig": deployment})[
            "lastDeploymentConfig"
        ]
    return {**live, "tags": _read_tags(c, response["EndpointArn"])}


def _update_endpoint(c: ResourceContext) -> Props:
    """Calls UpdateEndpoint, which resets the live weights, only if the configuration or deployment settings changed."""
    if c.has_changed("endpointConfigName") or (c.get("deploymentConfig") and c.has_changed("deploymentConfig")):
        params = c.build_params("UpdateEndpoint", pick(c.props, "endpointConfigName", "deploymentConfig"))
        c.client.update_endpoint(EndpointName=c.id, **params)
        _wait_until_in_service(c, c.id, "update")
    return {}


def _delete_endpoint(c: ResourceContext) -> None:
    c.client.delete_endpoint(EndpointName=c.id)

    def is_deleted() -> bool:
        try:
            c.client.describe_endpoint(EndpointName=c.id)
        except Exception as error:
            if is_not_found(error):
                return True
            raise
        return False

    wait_until(is_deleted)


def _find_rollback_change(olds: Props, news: Props) -> list[str]:
    """The input to replace if the auto-rollback configuration was added or removed; its alarms change in place."""
    had, has = (bool((p.get("deploymentConfig") or {}).get("autoRollbackConfiguration")) for p in (olds, news))
    return ["deploymentConfig"] if had != has else []


_RETAG = make_retag("ResourceArn", calls=("add_tags", "delete_tags"))

SPECS: dict[str, ResourceSpec] = {
    "aws:sagemaker/model:Model": ResourceSpec(
        "sagemaker",
        _create_model,
        _read_model,
        lambda c: c.client.delete_model(ModelName=c.id),
        naming=_NAME,
        inputs=frozenset(_MODEL),
        validate=_validate_model,
        retag=_RETAG,
    ),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": ResourceSpec(
        "sagemaker",
        _create_config,
        _read_config,
        lambda c: c.client.delete_endpoint_config(EndpointConfigName=c.id),
        naming=_NAME,
        inputs=frozenset({"productionVariants", *_CONFIG}),
        apply_defaults=_add_defaults,
        retag=_RETAG,
    ),
    "aws:sagemaker/endpoint:Endpoint": ResourceSpec(
        "sagemaker",
        _create_endpoint,
        _read_endpoint,
        _delete_endpoint,
        finish=_finish_endpoint,
        update=_update_endpoint,
        naming=_NAME,
        inputs=frozenset({"endpointConfigName", "deploymentConfig"}),
        force_new_when=_find_rollback_change,
        retag=_RETAG,
    ),
}
