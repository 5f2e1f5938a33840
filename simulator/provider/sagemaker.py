"""Models, endpoint configurations and endpoints."""

from __future__ import annotations

from typing import Any

from simulator.provider.base import Call, Naming, Spec, absent, pairs, unpaired
from simulator.provider.tagging import tagging
from simulator.provider.values import Props, chosen, same
from simulator.provider.waiting import wait

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
    """An endpoint that was waited for ended in a state that serves nothing."""


def _tagged(c: Call) -> Props:
    return {"Tags": pairs(c["tags"])} if c.get("tags") else {}


def _tags(c: Call, arn: str) -> dict[str, str]:
    return unpaired(c.client.list_tags(ResourceArn=arn)["Tags"])


def _create_model(c: Call) -> Props:
    params = c.params("CreateModel", chosen(c.props, *_MODEL), _RENAMES)
    return {"arn": c.client.create_model(ModelName=c["name"], **_tagged(c), **params)["ModelArn"]}


def _read_model(c: Call) -> Props:
    said = c.client.describe_model(ModelName=c.id)
    live = c.answer(
        "DescribeModel", {k: v for k, v in said.items() if k not in ("ModelName", "ModelArn", "CreationTime")}
    )
    kept = {k: v for k, v in live.items() if k in c.props or not c.props}
    return {"name": c.id, "arn": said["ModelArn"], **kept, "tags": _tags(c, said["ModelArn"])}


def _model_faults(news: Props) -> dict[str, str]:
    if (news.get("primaryContainer") is None) == (news.get("containers") is None):
        return {"primaryContainer": 'exactly one of "primaryContainer" and "containers" must be given'}
    return {}


def _with_defaults(news: Props) -> Props:
    """What the schema fills into blocks: a variant's weight is 1, capture is off unless it is switched on."""
    variants = {k: _weighted(news[k]) for k in ("productionVariants", "shadowProductionVariants") if news.get(k)}
    return {**news, **variants}


def _weighted(variants: Any) -> Any:
    if not isinstance(variants, list):
        return variants
    return [{"initialVariantWeight": 1, **v} if isinstance(v, dict) else v for v in variants]


def _create_config(c: Call) -> Props:
    given = chosen(c.props, "productionVariants", *_CONFIG)
    if capture := given.get("dataCaptureConfig"):
        given["dataCaptureConfig"] = {**capture, "enableCapture": bool(capture.get("enableCapture"))}
    for variant in given["productionVariants"]:
        variant.setdefault("variantName", "variant-1")
    params = c.params("CreateEndpointConfig", given, _RENAMES)
    said = c.client.create_endpoint_config(EndpointConfigName=c["name"], **_tagged(c), **params)
    return {"arn": said["EndpointConfigArn"]}


def _read_config(c: Call) -> Props:
    said = c.client.describe_endpoint_config(EndpointConfigName=c.id)
    arn = said["EndpointConfigArn"]
    skipped = ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
    live = c.answer(
        "DescribeEndpointConfig", {k: v for k, v in said.items() if k not in skipped}, {"KmsKeyId": "kmsKeyArn"}
    )
    kept = {k: v for k, v in live.items() if (k in c.props or not c.props) and same(c.props.get(k), v)}
    return {"name": c.id, "arn": arn, **kept, "tags": _tags(c, arn)}


def _create_endpoint(c: Call) -> Props:
    params = c.params("CreateEndpoint", chosen(c.props, "endpointConfigName", "deploymentConfig"))
    return {"arn": c.client.create_endpoint(EndpointName=c["name"], **_tagged(c), **params)["EndpointArn"]}


def _finish_endpoint(c: Call) -> Props:
    _in_service(c, c.id, "create")
    return {}


def _in_service(c: Call, name: str, doing: str) -> None:
    def settled() -> bool:
        said = c.client.describe_endpoint(EndpointName=name)
        status = said["EndpointStatus"]
        if status in ("Failed", "OutOfService", "UpdateRollbackFailed"):
            reason = said.get("FailureReason") or "SageMaker gave no reason"
            raise EndpointFailed(
                f"waiting for SageMaker AI Endpoint ({name}) {doing}: unexpected state '{status}', "
                f"wanted target 'InService'. last error: {reason}"
            )
        return bool(status == "InService")

    wait(settled)


def _read_endpoint(c: Call) -> Props:
    """Weights and counts of the moment are not seen, as in the provider; the last deployment's settings are."""
    said = c.client.describe_endpoint(EndpointName=c.id)
    live: Props = {"name": c.id, "arn": said["EndpointArn"], "endpointConfigName": said["EndpointConfigName"]}
    if deployment := said.get("LastDeploymentConfig"):
        live["deploymentConfig"] = c.answer("DescribeEndpoint", {"LastDeploymentConfig": deployment})[
            "lastDeploymentConfig"
        ]
    return {**live, "tags": _tags(c, said["EndpointArn"])}


def _update_endpoint(c: Call) -> Props:
    """UpdateEndpoint, which resets the live weights: only where configuration or deployment settings changed."""
    if c.changed("endpointConfigName") or (c.get("deploymentConfig") and c.changed("deploymentConfig")):
        params = c.params("UpdateEndpoint", chosen(c.props, "endpointConfigName", "deploymentConfig"))
        c.client.update_endpoint(EndpointName=c.id, **params)
        _in_service(c, c.id, "update")
    return {}


def _delete_endpoint(c: Call) -> None:
    c.client.delete_endpoint(EndpointName=c.id)

    def gone() -> bool:
        try:
            c.client.describe_endpoint(EndpointName=c.id)
        except Exception as error:
            if absent(error):
                return True
            raise
        return False

    wait(gone)


def _rollback_appears(olds: Props, news: Props) -> list[str]:
    """Adding or removing the auto-rollback configuration replaces the endpoint; changing its alarms does not."""
    had, has = (bool((p.get("deploymentConfig") or {}).get("autoRollbackConfiguration")) for p in (olds, news))
    return ["deploymentConfig"] if had != has else []


_RETAG = tagging("ResourceArn", calls=("add_tags", "delete_tags"))

SPECS: dict[str, Spec] = {
    "aws:sagemaker/model:Model": Spec(
        "sagemaker",
        _create_model,
        _read_model,
        lambda c: c.client.delete_model(ModelName=c.id),
        naming=_NAME,
        inputs=frozenset(_MODEL),
        validate=_model_faults,
        retag=_RETAG,
    ),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": Spec(
        "sagemaker",
        _create_config,
        _read_config,
        lambda c: c.client.delete_endpoint_config(EndpointConfigName=c.id),
        naming=_NAME,
        inputs=frozenset({"productionVariants", *_CONFIG}),
        complete=_with_defaults,
        retag=_RETAG,
    ),
    "aws:sagemaker/endpoint:Endpoint": Spec(
        "sagemaker",
        _create_endpoint,
        _read_endpoint,
        _delete_endpoint,
        finish=_finish_endpoint,
        update=_update_endpoint,
        naming=_NAME,
        inputs=frozenset({"endpointConfigName", "deploymentConfig"}),
        replace_when=_rollback_appears,
        retag=_RETAG,
    ),
}
