"""Customer-managed keys and their aliases."""

from __future__ import annotations

from simulator.provider.base import Call, Gone, Naming, Spec, pairs, unpaired
from simulator.provider.tagging import own_id, tagging
from simulator.provider.values import Props, chosen, text

_TAG = ("TagKey", "TagValue")


def _create(c: Call) -> Props:
    given = chosen(c.props, "description", "keyUsage", "multiRegion", "customKeyStoreId", "xksKeyId")
    params = c.params("CreateKey", {**given, "keySpec": c.get("customerMasterKeySpec")})
    if policy := c.get("policy"):
        params["Policy"] = text(policy)
    if tags := c.get("tags"):
        params["Tags"] = pairs(tags, *_TAG)
    key = c.client.create_key(**params)["KeyMetadata"]
    return {"id": key["KeyId"], "arn": key["Arn"], "keyId": key["KeyId"]}


def _finish(c: Call) -> Props:
    _set_rotation(c, c.id)
    if not c.get("isEnabled", True):
        c.client.disable_key(KeyId=c.id)
    return {}


def _set_rotation(c: Call, key: str) -> None:
    if c.get("enableKeyRotation"):
        period = c.get("rotationPeriodInDays")
        c.client.enable_key_rotation(KeyId=key, **({"RotationPeriodInDays": period} if period else {}))
    elif c.olds.get("enableKeyRotation"):
        c.client.disable_key_rotation(KeyId=key)


def _read(c: Call) -> Props:
    key = c.client.describe_key(KeyId=c.id)["KeyMetadata"]
    if key["KeyState"] == "PendingDeletion":
        raise Gone(c.id)
    symmetric = key.get("KeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT"
    return {
        "arn": key["Arn"],
        "keyId": key["KeyId"],
        "description": key.get("Description", ""),
        "isEnabled": key["Enabled"],
        "policy": c.client.get_key_policy(KeyId=c.id, PolicyName="default")["Policy"],
        "enableKeyRotation": symmetric and c.client.get_key_rotation_status(KeyId=c.id)["KeyRotationEnabled"],
        "tags": unpaired(c.client.list_resource_tags(KeyId=c.id)["Tags"], *_TAG),
    }


def _update(c: Call) -> Props:
    if c.changed("isEnabled") and c.get("isEnabled", True):
        c.client.enable_key(KeyId=c.id)
    if c.changed("enableKeyRotation", "rotationPeriodInDays"):
        _set_rotation(c, c.id)
    if c.changed("description"):
        c.client.update_key_description(KeyId=c.id, Description=c.get("description", ""))
    if c.changed("policy") and c.get("policy"):
        c.client.put_key_policy(KeyId=c.id, PolicyName="default", Policy=text(c["policy"]))
    if c.changed("isEnabled") and not c.get("isEnabled", True):
        c.client.disable_key(KeyId=c.id)
    return {}


def _delete(c: Call) -> None:
    """A key cannot be deleted at once: it is scheduled, and reads as gone from then on."""
    days = c.get("deletionWindowInDays", 30)
    if c.client.describe_key(KeyId=c.id)["KeyMetadata"]["KeyState"] != "PendingDeletion":
        c.client.schedule_key_deletion(KeyId=c.id, PendingWindowInDays=days)


def _create_alias(c: Call) -> Props:
    c.client.create_alias(AliasName=c["name"], TargetKeyId=c["targetKeyId"])
    return {}


def _finish_alias(c: Call) -> Props:
    made = _alias(c, c.id)
    return {"arn": made["arn"], "targetKeyArn": made["targetKeyArn"]}


def _alias(c: Call, name: str) -> Props:
    for page in c.client.get_paginator("list_aliases").paginate():
        for alias in page["Aliases"]:
            if alias["AliasName"] == name:
                target = alias.get("TargetKeyId", "")
                return {"arn": alias["AliasArn"], "targetKeyId": target, "targetKeyArn": c.arn(f"key/{target}")}
    raise Gone(name)


def _read_alias(c: Call) -> Props:
    live = _alias(c, c.id)
    asked = str(c.get("targetKeyId", ""))
    return {"name": c.id, **live, "targetKeyId": asked if asked == live["targetKeyArn"] else live["targetKeyId"]}


def _update_alias(c: Call) -> Props:
    c.client.update_alias(AliasName=c.id, TargetKeyId=c["targetKeyId"])
    return {"targetKeyArn": _alias(c, c.id)["targetKeyArn"]}


SPECS: dict[str, Spec] = {
    "aws:kms/key:Key": Spec(
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
        replace=frozenset({"customKeyStoreId", "customerMasterKeySpec", "keyUsage", "multiRegion", "xksKeyId"}),
        defaults={
            "bypassPolicyLockoutSafetyCheck": False,
            "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "enableKeyRotation": False,
            "isEnabled": True,
            "keyUsage": "ENCRYPT_DECRYPT",
        },
        computed=("arn", "keyId"),
        identify=lambda _: "",
        retag=tagging("KeyId", own_id, form=lambda tags: pairs(tags, *_TAG)),
    ),
    "aws:kms/alias:Alias": Spec(
        "kms",
        _create_alias,
        _read_alias,
        lambda c: c.client.delete_alias(AliasName=c.id),
        finish=_finish_alias,
        update=_update_alias,
        naming=Naming(
            limit=256, pattern=r"alias/[\w/-]+", rule="alias/ and letters, digits, /, _ and -", start="alias/"
        ),
        inputs=frozenset({"targetKeyId"}),
        computed=("arn", "targetKeyArn"),
        moving={"targetKeyArn": frozenset({"targetKeyId"})},
    ),
}
