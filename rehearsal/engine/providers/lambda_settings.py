"""Settings of a function: permissions, asynchronous invocation, layers."""

from __future__ import annotations

import json

from rehearsal.engine.providers.archives import build_zip
from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.errors import NotFound
from rehearsal.engine.providers.properties import Props, pick
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec

_NAME = r"[\w-]+"
_CODE = ("code", "s3Bucket", "s3Key", "s3ObjectVersion", "sourceCodeHash")

_PERMISSION = [
    "action",
    "eventSourceToken",
    "functionUrlAuthType",
    "principal",
    "principalOrgId",
    "qualifier",
    "sourceAccount",
    "sourceArn",
    "statementId",
]


def _add_permission(c: ResourceContext) -> Props:
    params = c.build_params("AddPermission", {"functionName": c["function"], **pick(c.props, *_PERMISSION)})
    c.client.add_permission(**params)
    return {"id": c["statementId"]}


def _read_permission(c: ResourceContext) -> Props:
    qualifier = {"Qualifier": c["qualifier"]} if c.get("qualifier") else {}
    policy = json.loads(c.client.get_policy(FunctionName=c["function"], **qualifier)["Policy"])
    if not any(s["Sid"] == c.id for s in policy["Statement"]):
        raise NotFound(c.id)
    return {"statementId": c.id}


def _remove_permission(c: ResourceContext) -> None:
    qualifier = {"Qualifier": c["qualifier"]} if c.get("qualifier") else {}
    c.client.remove_permission(FunctionName=c["function"], StatementId=c.id, **qualifier)


_INVOKE = ("destinationConfig", "maximumEventAgeInSeconds", "maximumRetryAttempts")


def _put_invoke_config(c: ResourceContext) -> Props:
    properties = pick(c.props, "functionName", "qualifier", *_INVOKE)
    c.client.put_function_event_invoke_config(**c.build_params("PutFunctionEventInvokeConfig", properties))
    return {} if c.olds else {"id": _build_invoke_config_id(c)}


def _build_invoke_config_id(c: ResourceContext) -> str:
    return f"{c['functionName']}:{c['qualifier']}" if c.get("qualifier") else str(c["functionName"])


def _build_function_key(c: ResourceContext) -> Props:
    return {"FunctionName": c["functionName"], **({"Qualifier": c["qualifier"]} if c.get("qualifier") else {})}


def _read_invoke_config(c: ResourceContext) -> Props:
    response = c.client.get_function_event_invoke_config(**_build_function_key(c))
    live = c.parse_response("GetFunctionEventInvokeConfig", response)
    return {"functionName": c["functionName"], **{k: live[k] for k in _INVOKE if k in live}}


_LAYER = ("compatibleArchitectures", "compatibleRuntimes", "description", "layerName", "licenseInfo")


def _publish_layer(c: ResourceContext) -> Props:
    layer_content = (
        {"ZipFile": build_zip(c["code"])}
        if c.get("code") is not None
        else {k[:1].upper() + k[1:]: v for k, v in pick(c.props, *_CODE[1:4]).items()}
    )
    response = c.client.publish_layer_version(
        Content=layer_content, **c.build_params("PublishLayerVersion", pick(c.props, *_LAYER))
    )
    return {"id": response["LayerVersionArn"], **_extract_layer(response)}


def _extract_layer(response: Props) -> Props:
    return {
        "arn": response["LayerVersionArn"],
        "layerArn": response["LayerArn"],
        "version": str(response["Version"]),
        "createdDate": str(response["CreatedDate"]),
        "codeSha256": response["Content"]["CodeSha256"],
        "sourceCodeHash": response["Content"]["CodeSha256"],
        "sourceCodeSize": response["Content"]["CodeSize"],
    }


def _read_layer(c: ResourceContext) -> Props:
    arn, _, version = c.id.rpartition(":")
    return _extract_layer(c.client.get_layer_version(LayerName=arn.rpartition(":")[2], VersionNumber=int(version)))


def _delete_layer(c: ResourceContext) -> None:
    arn, _, version = c.id.rpartition(":")
    if not c.get("skipDestroy"):
        c.client.delete_layer_version(LayerName=arn.rpartition(":")[2], VersionNumber=int(version))


SPECS: dict[str, ResourceSpec] = {
    "aws:lambda/permission:Permission": ResourceSpec(
        "lambda",
        _add_permission,
        _read_permission,
        _remove_permission,
        naming=Naming("statementId", limit=100, pattern=_NAME, rule="letters, digits, _ and -"),
        inputs=frozenset({"function", *_PERMISSION}),
        computed=(),
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": ResourceSpec(
        "lambda",
        _put_invoke_config,
        _read_invoke_config,
        lambda c: c.client.delete_function_event_invoke_config(**_build_function_key(c)),
        update=_put_invoke_config,
        naming=None,
        inputs=frozenset(_INVOKE),
        force_new=frozenset({"functionName", "qualifier"}),
        defaults={"maximumRetryAttempts": 2},
        computed=(),
        identify=_build_invoke_config_id,
    ),
    "aws:lambda/layerVersion:LayerVersion": ResourceSpec(
        "lambda",
        _publish_layer,
        _read_layer,
        _delete_layer,
        naming=Naming("layerName", limit=140, pattern=_NAME, rule="letters, digits, _ and -", automatic=False),
        inputs=frozenset({*_LAYER, *_CODE, "skipDestroy"}),
        defaults={"skipDestroy": False},
        computed=("arn", "layerArn", "version", "createdDate", "codeSha256", "sourceCodeHash", "sourceCodeSize"),
        identify=lambda _: "",
    ),
}
