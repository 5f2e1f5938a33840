"""Tables and their resource policies."""

from __future__ import annotations

from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.polling import wait_until
from rehearsal.engine.providers.properties import Props, to_json_text
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec
from rehearsal.engine.providers.tagging import from_pairs, make_retag, to_pairs

_KEY_PROPERTIES = {"HASH": "hashKey", "RANGE": "rangeKey"}


def _build_key_schema(hash_key: str | None, range_key: str | None) -> list[Props]:
    names = {"HASH": hash_key, "RANGE": range_key}
    return [{"AttributeName": name, "KeyType": kind} for kind, name in names.items() if name]


def _build_index(index: Props, hash_key: str | None) -> Props:
    projection: Props = {"ProjectionType": index["projectionType"]}
    if names := index.get("nonKeyAttributes"):
        projection["NonKeyAttributes"] = names
    keys = _build_key_schema(index.get("hashKey") or hash_key, index.get("rangeKey"))
    return {"IndexName": index["name"], "KeySchema": keys, "Projection": projection}


def _build_attributes(c: ResourceContext) -> list[Props]:
    return [{"AttributeName": a["name"], "AttributeType": a["type"]} for a in c["attributes"]]


def _build_capacity(c: ResourceContext) -> Props:
    return {"ReadCapacityUnits": c.get("readCapacity", 1), "WriteCapacityUnits": c.get("writeCapacity", 1)}


def _build_encryption(c: ResourceContext) -> Props:
    encryption = c.get("serverSideEncryption") or {}
    if not encryption.get("enabled"):
        return {"Enabled": False}
    key = {"KMSMasterKeyId": encryption["kmsKeyArn"]} if encryption.get("kmsKeyArn") else {}
    return {"Enabled": True, "SSEType": "KMS", **key}


def _create(c: ResourceContext) -> Props:
    params: Props = {
        "TableName": c["name"],
        "BillingMode": c["billingMode"],
        "AttributeDefinitions": _build_attributes(c),
        "KeySchema": _build_key_schema(c["hashKey"], c.get("rangeKey")),
        "DeletionProtectionEnabled": bool(c.get("deletionProtectionEnabled")),
    }
    if c["billingMode"] == "PROVISIONED":
        params["ProvisionedThroughput"] = _build_capacity(c)
    if c.get("serverSideEncryption"):
        params["SSESpecification"] = _build_encryption(c)
    if c.get("streamEnabled"):
        params["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": c["streamViewType"]}
    if indexes := c.get("globalSecondaryIndexes"):
        params["GlobalSecondaryIndexes"] = [_build_index(i, None) for i in indexes]
    if indexes := c.get("localSecondaryIndexes"):
        params["LocalSecondaryIndexes"] = [_build_index(i, c["hashKey"]) for i in indexes]
    if kind := c.get("tableClass"):
        params["TableClass"] = kind
    if tags := c.get("tags"):
        params["Tags"] = to_pairs(tags)
    c.client.create_table(**params)
    return {}


def _finish(c: ResourceContext) -> Props:
    wait_until(lambda: _describe_table(c, c.id)["TableStatus"] == "ACTIVE")
    _set_recovery(c, c.id)
    _set_ttl(c, c.id)
    return _extract_outputs(_describe_table(c, c.id))


def _describe_table(c: ResourceContext, name: str) -> Props:
    return c.client.describe_table(TableName=name)["Table"]


def _extract_outputs(table: Props) -> Props:
    return {
        "arn": table["TableArn"],
        "streamArn": table.get("LatestStreamArn", ""),
        "streamLabel": table.get("LatestStreamLabel", ""),
    }


def _set_recovery(c: ResourceContext, name: str) -> None:
    recovery = c.get("pointInTimeRecovery") or {}
    if recovery.get("enabled") or (c.olds.get("pointInTimeRecovery") or {}).get("enabled"):
        days = recovery.get("recoveryPeriodInDays")
        enabled = {"PointInTimeRecoveryEnabled": bool(recovery.get("enabled"))}
        c.client.update_continuous_backups(
            TableName=name,
            PointInTimeRecoverySpecification={**enabled, **({"RecoveryPeriodInDays": days} if days else {})},
        )


def _set_ttl(c: ResourceContext, name: str) -> None:
    ttl, before = c.get("ttl") or {}, c.olds.get("ttl") or {}
    if ttl.get("enabled") or before.get("enabled"):
        attribute = ttl.get("attributeName") or before["attributeName"]
        specification = {"AttributeName": attribute, "Enabled": bool(ttl.get("enabled"))}
        c.client.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)


def _read(c: ResourceContext) -> Props:
    table = _describe_table(c, c.id)
    keys = {_KEY_PROPERTIES[k["KeyType"]]: k["AttributeName"] for k in table["KeySchema"]}
    backups = c.client.describe_continuous_backups(TableName=c.id)["ContinuousBackupsDescription"]
    recovery = (backups.get("PointInTimeRecoveryDescription") or {}).get("PointInTimeRecoveryStatus")
    ttl = c.client.describe_time_to_live(TableName=c.id)["TimeToLiveDescription"]
    enabled = ttl.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    tags = c.client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    return {
        "name": table["TableName"],
        **keys,
        **_extract_outputs(table),
        "billingMode": (table.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED"),
        "deletionProtectionEnabled": bool(table.get("DeletionProtectionEnabled")),
        "pointInTimeRecovery": {"enabled": recovery == "ENABLED"},
        "ttl": {"enabled": enabled, **({"attributeName": ttl["AttributeName"]} if enabled else {})},
        "tags": from_pairs(tags),
    }


def _update(c: ResourceContext) -> Props:
    change: Props = {}
    if c.has_changed("billingMode", "readCapacity", "writeCapacity"):
        change["BillingMode"] = c["billingMode"]
        if c["billingMode"] == "PROVISIONED":
            change["ProvisionedThroughput"] = _build_capacity(c)
    if c.has_changed("deletionProtectionEnabled"):
        change["DeletionProtectionEnabled"] = bool(c.get("deletionProtectionEnabled"))
    if c.has_changed("serverSideEncryption"):
        change["SSESpecification"] = _build_encryption(c)
    if c.has_changed("tableClass"):
        change["TableClass"] = c.get("tableClass", "STANDARD")
    if c.has_changed("streamEnabled", "streamViewType"):
        stream = {"StreamEnabled": True, "StreamViewType": c["streamViewType"]} if c.get("streamEnabled") else None
        change["StreamSpecification"] = stream or {"StreamEnabled": False}
    if change:
        c.client.update_table(TableName=c.id, **change)
    for indexes in _find_index_changes(c):  # DynamoDB accepts one change of indexes in a call
        c.client.update_table(
            TableName=c.id, AttributeDefinitions=_build_attributes(c), GlobalSecondaryIndexUpdates=[indexes]
        )
        wait_until(lambda: _describe_table(c, c.id)["TableStatus"] == "ACTIVE")
    if c.has_changed("pointInTimeRecovery"):
        _set_recovery(c, c.id)
    if c.has_changed("ttl"):
        _set_ttl(c, c.id)
    return _extract_outputs(_describe_table(c, c.id))


def _find_index_changes(c: ResourceContext) -> list[Props]:
    before = {i["name"]: i for i in c.olds.get("globalSecondaryIndexes") or []}
    after = {i["name"]: i for i in c.get("globalSecondaryIndexes", [])}
    removed = [name for name in before if before[name] != after.get(name)]
    new = [i for name, i in after.items() if i != before.get(name)]
    return [*({"Delete": {"IndexName": name}} for name in removed), *({"Create": _build_index(i, None)} for i in new)]


def _delete(c: ResourceContext) -> None:
    c.client.delete_table(TableName=c.id)
    c.client.get_waiter("table_not_exists").wait(TableName=c.id, WaiterConfig={"Delay": 1})


def _validate_table(news: Props) -> dict[str, str]:
    """The provider's own rule: the declared attributes are exactly those that keys use."""
    attributes = news.get("attributes")
    if not isinstance(attributes, list) or not all(isinstance(a, dict) for a in attributes):
        return {}
    declared = {a.get("name") for a in attributes}
    blocks = [news, *(news.get("globalSecondaryIndexes") or []), *(news.get("localSecondaryIndexes") or [])]
    used = {b[k] for b in blocks if isinstance(b, dict) for k in ("hashKey", "rangeKey") if b.get(k)}
    if unused := sorted(declared - used, key=str):
        return {"attributes": f"all attributes must be indexed. Unused attributes: {unused}"}
    if missing := sorted(used - declared, key=str):
        return {"attributes": f"all indexes must match a defined attribute. Unmatched indexes: {missing}"}
    return {}


def _put_policy(c: ResourceContext) -> Props:
    response = c.client.put_resource_policy(
        ResourceArn=c["resourceArn"],
        Policy=to_json_text(c["policy"]),
        ConfirmRemoveSelfResourceAccess=bool(c.get("confirmRemoveSelfResourceAccess")),
    )
    return {"id": c["resourceArn"], "revisionId": response.get("RevisionId", "")}


def _update_policy(c: ResourceContext) -> Props:
    return {"revisionId": _put_policy(c)["revisionId"]}


def _read_policy(c: ResourceContext) -> Props:
    response = c.client.get_resource_policy(ResourceArn=c.id)
    return {"resourceArn": c.id, "policy": response["Policy"], "revisionId": response.get("RevisionId", "")}


SPECS: dict[str, ResourceSpec] = {
    "aws:dynamodb/table:Table": ResourceSpec(
        "dynamodb",
        _create,
        _read,
        _delete,
        finish=_finish,
        update=_update,
        naming=Naming(limit=255, pattern=r"[\w.-]{3,}", rule="letters, digits, _, . and -, at least 3"),
        inputs=frozenset(
            {
                "attributes",
                "billingMode",
                "deletionProtectionEnabled",
                "globalSecondaryIndexes",
                "pointInTimeRecovery",
                "readCapacity",
                "serverSideEncryption",
                "streamEnabled",
                "streamViewType",
                "tableClass",
                "ttl",
                "writeCapacity",
            }
        ),
        force_new=frozenset({"hashKey", "rangeKey", "localSecondaryIndexes"}),
        defaults={"billingMode": "PROVISIONED"},
        validate=_validate_table,
        computed=("arn", "streamArn", "streamLabel"),
        retag=make_retag("ResourceArn"),
    ),
    "aws:dynamodb/resourcePolicy:ResourcePolicy": ResourceSpec(
        "dynamodb",
        _put_policy,
        _read_policy,
        lambda c: c.client.delete_resource_policy(ResourceArn=c.id),
        update=_update_policy,
        naming=None,
        inputs=frozenset({"policy", "confirmRemoveSelfResourceAccess"}),
        force_new=frozenset({"resourceArn"}),
        computed=("revisionId",),
        recomputed={"revisionId": frozenset({"policy"})},
        identify=lambda c: str(c["resourceArn"]),
    ),
}
