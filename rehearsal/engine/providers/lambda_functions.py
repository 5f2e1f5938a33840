"""Lambda functions."""

from __future__ import annotations

from rehearsal.engine.providers.archives import build_zip, hash_code
from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.polling import wait_until
from rehearsal.engine.providers.properties import Props, pick
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec
from rehearsal.engine.providers.tagging import make_retag

_CONFIGURATION = [
    "deadLetterConfig",
    "description",
    "environment",
    "ephemeralStorage",
    "fileSystemConfig",
    "handler",
    "imageConfig",
    "kmsKeyArn",
    "layers",
    "loggingConfig",
    "memorySize",
    "role",
    "runtime",
    "snapStart",
    "timeout",
    "tracingConfig",
    "vpcConfig",
]
_CODE = ("code", "imageUri", "s3Bucket", "s3Key", "s3ObjectVersion", "sourceCodeHash")
_RENAMES = {"fileSystemConfig": "FileSystemConfigs", "commands": "Command", "entryPoints": "EntryPoint"}
_NAME = r"[\w-]+"


def _build_configuration(c: ResourceContext) -> Props:
    """The configuration without outputs that the API does not accept, such as a VPC's id."""
    configuration = pick(c.props, *_CONFIGURATION)
    if vpc := configuration.get("vpcConfig"):
        configuration["vpcConfig"] = {k: v for k, v in vpc.items() if k != "vpcId"}
    if snap := configuration.get("snapStart"):
        configuration["snapStart"] = {"applyOn": snap["applyOn"]}
    return configuration


def _build_code(c: ResourceContext) -> Props:
    if c.get("code") is not None:
        return {"ZipFile": build_zip(c["code"])}
    return {
        key[:1].upper() + key[1:]: c[key] for key in ("imageUri", "s3Bucket", "s3Key", "s3ObjectVersion") if c.get(key)
    }


def _create(c: ResourceContext) -> Props:
    properties = {**_build_configuration(c), **pick(c.props, "architectures", "packageType", "publish")}
    params = c.build_params("CreateFunction", properties, _RENAMES)
    if tags := c.get("tags"):
        params["Tags"] = dict(tags)
    return {"version": c.client.create_function(FunctionName=c["name"], Code=_build_code(c), **params)["Version"]}


def _finish(c: ResourceContext) -> Props:
    _wait_until_active(c, c.id)
    _set_concurrency(c, c.id)
    return _read_outputs(c, c.id, c["version"])


def _wait_until_active(c: ResourceContext, name: str) -> None:
    def is_idle() -> bool:
        response = c.client.get_function_configuration(FunctionName=name)
        states = response.get("State", "Active"), response.get("LastUpdateStatus", "Successful")
        if "Failed" in states:
            reason = response.get("LastUpdateStatusReason") or response.get("StateReason") or "Lambda gave no reason"
            raise RuntimeError(f"function {name} did not become active: {reason}")
        return "Pending" not in states and "InProgress" not in states

    wait_until(is_idle)


def _read_outputs(c: ResourceContext, name: str, version: str = "$LATEST") -> Props:
    response = c.client.get_function_configuration(FunctionName=name)
    arn = response["FunctionArn"]
    gateway = f"arn:aws:apigateway:{c.region}:lambda:path"
    qualified = f"{arn}:{version}"
    return {
        "arn": arn,
        "architectures": response.get("Architectures", ["x86_64"]),
        "codeSha256": response["CodeSha256"],
        "invokeArn": f"{gateway}/2015-03-31/functions/{arn}/invocations",
        "lastModified": response["LastModified"],
        "qualifiedArn": qualified,
        "qualifiedInvokeArn": f"{gateway}/2015-03-31/functions/{qualified}/invocations",
        "responseStreamingInvokeArn": f"{gateway}/2021-11-15/functions/{arn}/response-streaming-invocations",
        "sourceCodeHash": c.get("sourceCodeHash", response["CodeSha256"]),
        "sourceCodeSize": response["CodeSize"],
        "version": version,
    }


def _set_concurrency(c: ResourceContext, name: str) -> None:
    reserved = c.get("reservedConcurrentExecutions", -1)
    if reserved >= 0:
        c.client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    elif c.olds and c.olds.get("reservedConcurrentExecutions", -1) >= 0:
        c.client.delete_function_concurrency(FunctionName=name)


def _read(c: ResourceContext) -> Props:
    response = c.client.get_function(FunctionName=c.id)
    live = c.parse_response("GetFunctionConfiguration", response["Configuration"], {"Role": "role"})
    properties = {k: live[k] for k in _CONFIGURATION if k in live}
    if layers := response["Configuration"].get("Layers"):
        properties["layers"] = [layer["Arn"] for layer in layers]
    reserved = (response.get("Concurrency") or {}).get("ReservedConcurrentExecutions", -1)
    outs = _read_outputs(c, c.id, c.get("version", "$LATEST"))
    return {
        **outs,
        "name": c.id,
        **properties,
        "reservedConcurrentExecutions": reserved,
        "tags": response.get("Tags") or {},
    }


def _update(c: ResourceContext) -> Props:
    """Updates the configuration first, then the code, as the provider does."""
    if c.has_changed(*_CONFIGURATION):
        params = c.build_params("UpdateFunctionConfiguration", _build_changed_configuration(c), _RENAMES)
        c.client.update_function_configuration(FunctionName=c.id, **params)
        _wait_until_active(c, c.id)
    if new_code := _find_new_code(c):
        c.client.update_function_code(FunctionName=c.id, **new_code)
        _wait_until_active(c, c.id)
    if c.has_changed("reservedConcurrentExecutions"):
        _set_concurrency(c, c.id)
    version = "$LATEST"
    if c.get("publish"):
        version = c.client.publish_version(FunctionName=c.id)["Version"]
    return _read_outputs(c, c.id, version)


def _build_changed_configuration(c: ResourceContext) -> Props:
    """The configuration, with settings that the program removed set to their empty value."""
    empty: Props = {
        "deadLetterConfig": {"targetArn": ""},
        "description": "",
        "environment": {"variables": {}},
        "kmsKeyArn": "",
        "layers": [],
        "tracingConfig": {"mode": "PassThrough"},
        "vpcConfig": {"subnetIds": [], "securityGroupIds": []},
    }
    removed = {k: v for k, v in empty.items() if c.olds.get(k) and not c.get(k)}
    return {**_build_configuration(c), **removed}


def _find_new_code(c: ResourceContext) -> Props:
    """The code if it or the architecture changed.

    The hash decides, since the old form of an archive no longer exists.
    """
    code, architectures = _build_code(c), c.get("architectures")
    zip_bytes = code.get("ZipFile")
    has_new_code = hash_code(zip_bytes) != c.olds.get("codeSha256") if zip_bytes else c.has_changed(*_CODE)
    if not (has_new_code or (architectures and c.has_changed("architectures"))):
        return {}
    return {**code, **({"Architectures": architectures} if architectures else {})}


def _delete(c: ResourceContext) -> None:
    if not c.get("skipDestroy"):
        c.client.delete_function(FunctionName=c.id)


def _validate_function(news: Props) -> dict[str, str]:
    if not any(news.get(k) is not None for k in ("code", "imageUri", "s3Bucket")):
        return {"code": "one of `code`, `imageUri`, `s3Bucket` must be specified"}
    if news.get("packageType") == "Zip" and (missing := [k for k in ("handler", "runtime") if news.get(k) is None]):
        return {missing[0]: "handler and runtime must be set when PackageType is Zip"}
    return {}


_CODE_SOURCES = frozenset({"code", "s3Bucket", "s3Key", "s3ObjectVersion", "imageUri"})

SPECS: dict[str, ResourceSpec] = {
    "aws:lambda/function:Function": ResourceSpec(
        "lambda",
        _create,
        _read,
        _delete,
        finish=_finish,
        update=_update,
        naming=Naming(limit=64, pattern=_NAME, rule="letters, digits, _ and -"),
        inputs=frozenset(
            {*_CONFIGURATION, *_CODE, "architectures", "publish", "reservedConcurrentExecutions", "skipDestroy"}
        ),
        force_new=frozenset({"packageType"}),
        defaults={
            "memorySize": 128,
            "packageType": "Zip",
            "publish": False,
            "reservedConcurrentExecutions": -1,
            "skipDestroy": False,
            "timeout": 3,
        },
        validate=_validate_function,
        computed=(
            "architectures",
            "arn",
            "codeSha256",
            "invokeArn",
            "lastModified",
            "qualifiedArn",
            "qualifiedInvokeArn",
            "responseStreamingInvokeArn",
            "sourceCodeHash",
            "sourceCodeSize",
            "version",
        ),
        recomputed=dict.fromkeys(("codeSha256", "lastModified", "sourceCodeHash", "sourceCodeSize"), _CODE_SOURCES),
        retag=make_retag("Resource", format_tags=dict),
    ),
}
