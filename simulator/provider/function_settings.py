"""What belongs to a function: permissions, settings of asynchronous calls, layers."""

from __future__ import annotations

import json

from simulator.provider.archives import zipped
from simulator.provider.base import Call, Gone, Naming, Spec
from simulator.provider.values import Props, chosen

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


def _add_permission(c: Call) -> Props:
    params = c.params("AddPermission", {"functionName": c["function"], **chosen(c.props, *_PERMISSION)})
    c.client.add_permission(**params)
    return {"id": c["statementId"]}


def _read_permission(c: Call) -> Props:
    qualifier = {"Qualifier": c["qualifier"]} if c.get("qualifier") else {}
    policy = json.loads(c.client.get_policy(FunctionName=c["function"], **qualifier)["Policy"])
    if not any(s["Sid"] == c.id for s in policy["Statement"]):
        raise Gone(c.id)
    return {"statementId": c.id}


def _remove_permission(c: Call) -> None:
    qualifier = {"Qualifier": c["qualifier"]} if c.get("qualifier") else {}
    c.client.remove_permission(FunctionName=c["function"], StatementId=c.id, **qualifier)


_INVOKE = ("destinationConfig", "maximumEventAgeInSeconds", "maximumRetryAttempts")


def _put_invoke_config(c: Call) -> Props:
    given = chosen(c.props, "functionName", "qualifier", *_INVOKE)
    c.client.put_function_event_invoke_config(**c.params("PutFunctionEventInvokeConfig", given))
    return {} if c.olds else {"id": _invoke_id(c)}


def _invoke_id(c: Call) -> str:
    return f"{c['functionName']}:{c['qualifier']}" if c.get("qualifier") else str(c["functionName"])


def _qualified(c: Call) -> Props:
    return {"FunctionName": c["functionName"], **({"Qualifier": c["qualifier"]} if c.get("qualifier") else {})}


def _read_invoke_config(c: Call) -> Props:
    said = c.client.get_function_event_invoke_config(**_qualified(c))
    live = c.answer("GetFunctionEventInvokeConfig", said)
    return {"functionName": c["functionName"], **{k: live[k] for k in _INVOKE if k in live}}


_LAYER = ("compatibleArchitectures", "compatibleRuntimes", "description", "layerName", "licenseInfo")


def _publish_layer(c: Call) -> Props:
    packed = (
        {"ZipFile": zipped(c["code"])}
        if c.get("code") is not None
        else {k[:1].upper() + k[1:]: v for k, v in chosen(c.props, *_CODE[1:4]).items()}
    )
    said = c.client.publish_layer_version(Content=packed, **c.params("PublishLayerVersion", chosen(c.props, *_LAYER)))
    return {"id": said["LayerVersionArn"], **_layer(said)}


def _layer(said: Props) -> Props:
    return {
        "arn": said["LayerVersionArn"],
        "layerArn": said["LayerArn"],
        "version": str(said["Version"]),
        "createdDate": str(said["CreatedDate"]),
        "codeSha256": said["Content"]["CodeSha256"],
        "sourceCodeHash": said["Content"]["CodeSha256"],
        "sourceCodeSize": said["Content"]["CodeSize"],
    }


def _read_layer(c: Call) -> Props:
    arn, _, version = c.id.rpartition(":")
    return _layer(c.client.get_layer_version(LayerName=arn.rpartition(":")[2], VersionNumber=int(version)))


def _delete_layer(c: Call) -> None:
    arn, _, version = c.id.rpartition(":")
    if not c.get("skipDestroy"):
        c.client.delete_layer_version(LayerName=arn.rpartition(":")[2], VersionNumber=int(version))


SPECS: dict[str, Spec] = {
    "aws:lambda/permission:Permission": Spec(
        "lambda",
        _add_permission,
        _read_permission,
        _remove_permission,
        naming=Naming("statementId", limit=100, pattern=_NAME, rule="letters, digits, _ and -"),
        inputs=frozenset({"function", *_PERMISSION}),
        computed=(),
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": Spec(
        "lambda",
        _put_invoke_config,
        _read_invoke_config,
        lambda c: c.client.delete_function_event_invoke_config(**_qualified(c)),
        update=_put_invoke_config,
        naming=None,
        inputs=frozenset(_INVOKE),
        replace=frozenset({"functionName", "qualifier"}),
        defaults={"maximumRetryAttempts": 2},
        computed=(),
        identify=_invoke_id,
    ),
    "aws:lambda/layerVersion:LayerVersion": Spec(
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
