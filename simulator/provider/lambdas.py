"""Functions."""

from __future__ import annotations

from simulator.provider.archives import code_hash, zipped
from simulator.provider.base import Call, Naming, Spec
from simulator.provider.tagging import tagging
from simulator.provider.values import Props, chosen
from simulator.provider.waiting import wait

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


def _settings(c: Call) -> Props:
    """The configuration without what the API does not take back, such as a VPC's id."""
    given = chosen(c.props, *_CONFIGURATION)
    if vpc := given.get("vpcConfig"):
        given["vpcConfig"] = {k: v for k, v in vpc.items() if k != "vpcId"}
    if snap := given.get("snapStart"):
        given["snapStart"] = {"applyOn": snap["applyOn"]}
    return given


def _code(c: Call) -> Props:
    if c.get("code") is not None:
        return {"ZipFile": zipped(c["code"])}
    return {
        key[:1].upper() + key[1:]: c[key] for key in ("imageUri", "s3Bucket", "s3Key", "s3ObjectVersion") if c.get(key)
    }


def _create(c: Call) -> Props:
    given = {**_settings(c), **chosen(c.props, "architectures", "packageType", "publish")}
    params = c.params("CreateFunction", given, _RENAMES)
    if tags := c.get("tags"):
        params["Tags"] = dict(tags)
    return {"version": c.client.create_function(FunctionName=c["name"], Code=_code(c), **params)["Version"]}


def _finish(c: Call) -> Props:
    _settled(c, c.id)
    _set_concurrency(c, c.id)
    return _outputs(c, c.id, c["version"])


def _settled(c: Call, name: str) -> None:
    def idle() -> bool:
        said = c.client.get_function_configuration(FunctionName=name)
        states = said.get("State", "Active"), said.get("LastUpdateStatus", "Successful")
        if "Failed" in states:
            reason = said.get("LastUpdateStatusReason") or said.get("StateReason") or "Lambda gave no reason"
            raise RuntimeError(f"function {name} did not become active: {reason}")
        return "Pending" not in states and "InProgress" not in states

    wait(idle)


def _outputs(c: Call, name: str, version: str = "$LATEST") -> Props:
    said = c.client.get_function_configuration(FunctionName=name)
    arn = said["FunctionArn"]
    gateway = f"arn:aws:apigateway:{c.region}:lambda:path"
    qualified = f"{arn}:{version}"
    return {
        "arn": arn,
        "architectures": said.get("Architectures", ["x86_64"]),
        "codeSha256": said["CodeSha256"],
        "invokeArn": f"{gateway}/2015-03-31/functions/{arn}/invocations",
        "lastModified": said["LastModified"],
        "qualifiedArn": qualified,
        "qualifiedInvokeArn": f"{gateway}/2015-03-31/functions/{qualified}/invocations",
        "responseStreamingInvokeArn": f"{gateway}/2021-11-15/functions/{arn}/response-streaming-invocations",
        "sourceCodeHash": c.get("sourceCodeHash", said["CodeSha256"]),
        "sourceCodeSize": said["CodeSize"],
        "version": version,
    }


def _set_concurrency(c: Call, name: str) -> None:
    reserved = c.get("reservedConcurrentExecutions", -1)
    if reserved >= 0:
        c.client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    elif c.olds and c.olds.get("reservedConcurrentExecutions", -1) >= 0:
        c.client.delete_function_concurrency(FunctionName=name)


def _read(c: Call) -> Props:
    said = c.client.get_function(FunctionName=c.id)
    live = c.answer("GetFunctionConfiguration", said["Configuration"], {"Role": "role"})
    seen = {k: live[k] for k in _CONFIGURATION if k in live}
    if layers := said["Configuration"].get("Layers"):
        seen["layers"] = [layer["Arn"] for layer in layers]
    reserved = (said.get("Concurrency") or {}).get("ReservedConcurrentExecutions", -1)
    outs = _outputs(c, c.id, c.get("version", "$LATEST"))
    return {**outs, "name": c.id, **seen, "reservedConcurrentExecutions": reserved, "tags": said.get("Tags") or {}}


def _update(c: Call) -> Props:
    """Configuration first, then code, as the provider does."""
    if c.changed(*_CONFIGURATION):
        params = c.params("UpdateFunctionConfiguration", _cleared(c), _RENAMES)
        c.client.update_function_configuration(FunctionName=c.id, **params)
        _settled(c, c.id)
    if new := _new_code(c):
        c.client.update_function_code(FunctionName=c.id, **new)
        _settled(c, c.id)
    if c.changed("reservedConcurrentExecutions"):
        _set_concurrency(c, c.id)
    version = "$LATEST"
    if c.get("publish"):
        version = c.client.publish_version(FunctionName=c.id)["Version"]
    return _outputs(c, c.id, version)


def _cleared(c: Call) -> Props:
    """The configuration with what was taken out of the program set to its empty value."""
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
    return {**_settings(c), **removed}


def _new_code(c: Call) -> Props:
    """The code, if it or the architecture is another: an archive's old form is gone, so its hash decides."""
    code, architectures = _code(c), c.get("architectures")
    packed = code.get("ZipFile")
    other = code_hash(packed) != c.olds.get("codeSha256") if packed else c.changed(*_CODE)
    if not (other or (architectures and c.changed("architectures"))):
        return {}
    return {**code, **({"Architectures": architectures} if architectures else {})}


def _delete(c: Call) -> None:
    if not c.get("skipDestroy"):
        c.client.delete_function(FunctionName=c.id)


def _faults(news: Props) -> dict[str, str]:
    if not any(news.get(k) is not None for k in ("code", "imageUri", "s3Bucket")):
        return {"code": "one of `code`, `imageUri`, `s3Bucket` must be specified"}
    if news.get("packageType") == "Zip" and (missing := [k for k in ("handler", "runtime") if news.get(k) is None]):
        return {missing[0]: "handler and runtime must be set when PackageType is Zip"}
    return {}


_MOVING = frozenset({"code", "s3Bucket", "s3Key", "s3ObjectVersion", "imageUri"})

SPECS: dict[str, Spec] = {
    "aws:lambda/function:Function": Spec(
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
        replace=frozenset({"packageType"}),
        defaults={
            "memorySize": 128,
            "packageType": "Zip",
            "publish": False,
            "reservedConcurrentExecutions": -1,
            "skipDestroy": False,
            "timeout": 3,
        },
        validate=_faults,
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
        moving=dict.fromkeys(("codeSha256", "lastModified", "sourceCodeHash", "sourceCodeSize"), _MOVING),
        retag=tagging("Resource", form=dict),
    ),
}
