"""Customer-managed keys and their aliases."""

from __future__ import annotations

from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.errors import NotFound
from rehearsal.engine.providers.properties import Props, pick, to_json_text
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec
from rehearsal.engine.providers.tagging import from_pairs, get_id, make_retag, to_pairs

_TAG_KEYS = ("TagKey", "TagValue")


def _create(c: ResourceContext) -> Props:
    properties = pick(c.props, "description", "keyUsage", "multiRegion", "customKeyStoreId", "xksKeyId")
    params = c.build_params("CreateKey", {**properties, "keySpec": c.get("customerMasterKeySpec")})
    if policy := c.get("policy"):
        params["Policy"] = to_json_text(policy)
    if tags := c.get("tags"):
        params["Tags"] = to_pairs(tags, *_TAG_KEYS)
    key = c.client.create_key(**params)["KeyMetadata"]
    return {"id": key["KeyId"], "arn": key["Arn"], "keyId": key["KeyId"]}


def _finish(c: ResourceContext) -> Props:
    _set_rotation(c, c.id)
    if not c.get("isEnabled", True):
        c.client.disable_key(KeyId=c.id)
    return {}


def _set_rotation(c: ResourceContext, key: str) -> None:
    if c.get("enableKeyRotation"):
        period = c.get("rotationPeriodInDays")
        c.client.enable_key_rotation(KeyId=key, **({"RotationPeriodInDays": period} if period else {}))
    elif c.olds.get("enableKeyRotation"):
        c.client.disable_key_rotation(KeyId=key)


def _read(c: ResourceContext) -> Props:
    key = c.client.describe_key(KeyId=c.id)["KeyMetadata"]
    if key["KeyState"] == "PendingDeletion":
        raise NotFound(c.id)
    symmetric = key.get("KeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT"
    return {
        "arn": key["Arn"],
        "keyId": key["KeyId"],
        "description": key.get("Description", ""),
        "isEnabled": key["Enabled"],
        "policy": c.client.get_key_policy(KeyId=c.id, PolicyName="default")["Policy"],
        "enableKeyRotation": symmetric and c.client.get_key_rotation_status(KeyId=c.id)["KeyRotationEnabled"],
        "tags": from_pairs(c.client.list_resource_tags(KeyId=c.id)["Tags"], *_TAG_KEYS),
    }


def _update(c: ResourceContext) -> Props:
    if c.has_changed("isEnabled") and c.get("isEnabled", True):
        c.client.enable_key(KeyId=c.id)
    if c.has_changed("enableKeyRotation", "rotationPeriodInDays"):
        _set_rotation(c, c.id)
    if c.has_changed("description"):
        c.client.update_key_description(KeyId=c.id, Description=c.get("description", ""))
    if c.has_changed("policy") and c.get("policy"):
        c.client.put_key_policy(KeyId=c.id, PolicyName="default", Policy=to_json_text(c["policy"]))
    if c.has_changed("isEnabled") and not c.get("isEnabled", True):
        c.client.disable_key(KeyId=c.id)
    return {}


def _delete(c: ResourceContext) -> None:
    """Schedules the deletion, since a key cannot be deleted at once; the key then counts as deleted."""
    days = c.get("deletionWindowInDays", 30)
    if c.client.describe_key(KeyId=c.id)["KeyMetadata"]["KeyState"] != "PendingDeletion":
        c.client.schedule_key_deletion(KeyId=c.id, PendingWindowInDays=days)


def _create_alias(c: ResourceContext) -> Props:
    c.client.create_alias(AliasName=c["name"], TargetKeyId=c["targetKeyId"])
    return {}


def _finish_alias(c: ResourceContext) -> Props:
    alias = _find_alias(c, c.id)
    return {"arn": alias["arn"], "targetKeyArn": alias["targetKeyArn"]}


def _find_alias(c: ResourceContext, name: str) -> Props:
    for page in c.client.get_paginator("list_aliases").paginate():
        for alias in page["Aliases"]:
            if alias["AliasName"] == name:
                target = alias.get("TargetKeyId", "")
                return {"arn": alias["AliasArn"], "targetKeyId": target, "targetKeyArn": c.build_arn(f"key/{target}")}
    raise NotFound(name)


def _read_alias(c: ResourceContext) -> Props:
    live = _find_alias(c, c.id)
    declared_target = str(c.get("targetKeyId", ""))
    return {
        "name": c.id,
        **live,
        "targetKeyId": declared_target if declared_target == live["targetKeyArn"] else live["targetKeyId"],
    }


def _update_alias(c: ResourceContext) -> Props:
    c.client.update_alias(AliasName=c.id, TargetKeyId=c["targetKeyId"])
    return {"targetKeyArn": _find_alias(c, c.id)["targetKeyArn"]}


SPECS: dict[str, ResourceSpec] = {
    "aws:kms/key:Key": ResourceSpec(
        "kms",
        _create,
        _read,
        _delete,
        finish=_finish,
        update=_update,
        naming=None,
        inputs=frozenset(
            {
                "bypassPolicyLockoutSafetyCheck",
                "deletionWindowInDays",
                "description",
                "enableKeyRotation",
                "isEnabled",
                "policy",
                "rotationPeriodInDays",
            }
        ),
        force_new=frozenset({"customKeyStoreId", "customerMasterKeySpec", "keyUsage", "multiRegion", "xksKeyId"}),
        defaults={
            "bypassPolicyLockoutSafetyCheck": False,
            "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "enableKeyRotation": False,
            "isEnabled": True,
            "keyUsage": "ENCRYPT_DECRYPT",
        },
        computed=("arn", "keyId"),
        identify=lambda _: "",
        retag=make_retag("KeyId", get_id, format_tags=lambda tags: to_pairs(tags, *_TAG_KEYS)),
    ),
    "aws:kms/alias:Alias": ResourceSpec(
        "kms",
        _create_alias,
        _read_alias,
        lambda c: c.client.delete_alias(AliasName=c.id),
        finish=_finish_alias,
        update=_update_alias,
        naming=Naming(
            limit=256, pattern=r"alias/[\w/-]+", rule="alias/ and letters, digits, /, _ and -", required_prefix="alias/"
        ),
        inputs=frozenset({"targetKeyId"}),
        computed=("arn", "targetKeyArn"),
        recomputed={"targetKeyArn": frozenset({"targetKeyId"})},
    ),
}
