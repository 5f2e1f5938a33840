"""Tables and their resource policies."""

from __future__ import annotations

from simulator.provider.base import Call, Naming, Spec, pairs, unpaired
from simulator.provider.tagging import tagging
from simulator.provider.values import Props, text
from simulator.provider.waiting import wait

_PROJECTED = {"HASH": "hashKey", "RANGE": "rangeKey"}


def _keys(hash_key: str | None, range_key: str | None) -> list[Props]:
    given = {"HASH": hash_key, "RANGE": range_key}
    return [{"AttributeName": name, "KeyType": kind} for kind, name in given.items() if name]


def _index(index: Props, hash_key: str | None) -> Props:
    projection: Props = {"ProjectionType": index["projectionType"]}
    if names := index.get("nonKeyAttributes"):
        projection["NonKeyAttributes"] = names
    keys = _keys(index.get("hashKey") or hash_key, index.get("rangeKey"))
    return {"IndexName": index["name"], "KeySchema": keys, "Projection": projection}


def _attributes(c: Call) -> list[Props]:
    return [{"AttributeName": a["name"], "AttributeType": a["type"]} for a in c["attributes"]]


def _capacity(c: Call) -> Props:
    return {"ReadCapacityUnits": c.get("readCapacity", 1), "WriteCapacityUnits": c.get("writeCapacity", 1)}


def _encryption(c: Call) -> Props:
    given = c.get("serverSideEncryption") or {}
    if not given.get("enabled"):
        return {"Enabled": False}
    key = {"KMSMasterKeyId": given["kmsKeyArn"]} if given.get("kmsKeyArn") else {}
    return {"Enabled": True, "SSEType": "KMS", **key}


def _create(c: Call) -> Props:
    params: Props = {
        "TableName": c["name"],
        "BillingMode": c["billingMode"],
        "AttributeDefinitions": _attributes(c),
        "KeySchema": _keys(c["hashKey"], c.get("rangeKey")),
        "DeletionProtectionEnabled": bool(c.get("deletionProtectionEnabled")),
    }
    if c["billingMode"] == "PROVISIONED":
        params["ProvisionedThroughput"] = _capacity(c)
    if c.get("serverSideEncryption"):
        params["SSESpecification"] = _encryption(c)
    if c.get("streamEnabled"):
        params["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": c["streamViewType"]}
    if indexes := c.get("globalSecondaryIndexes"):
        params["GlobalSecondaryIndexes"] = [_index(i, None) for i in indexes]
    if indexes := c.get("localSecondaryIndexes"):
        params["LocalSecondaryIndexes"] = [_index(i, c["hashKey"]) for i in indexes]
    if kind := c.get("tableClass"):
        params["TableClass"] = kind
    if tags := c.get("tags"):
        params["Tags"] = pairs(tags)
    c.client.create_table(**params)
    return {}


def _finish(c: Call) -> Props:
    wait(lambda: _described(c, c.id)["TableStatus"] == "ACTIVE")
    _set_recovery(c, c.id)
    _set_expiry(c, c.id)
    return _outputs(_described(c, c.id))


def _described(c: Call, name: str) -> Props:
    return c.client.describe_table(TableName=name)["Table"]


def _outputs(table: Props) -> Props:
    return {
        "arn": table["TableArn"],
        "streamArn": table.get("LatestStreamArn", ""),
        "streamLabel": table.get("LatestStreamLabel", ""),
    }


def _set_recovery(c: Call, name: str) -> None:
    given = c.get("pointInTimeRecovery") or {}
    if given.get("enabled") or (c.olds.get("pointInTimeRecovery") or {}).get("enabled"):
        days = given.get("recoveryPeriodInDays")
        enabled = {"PointInTimeRecoveryEnabled": bool(given.get("enabled"))}
        c.client.update_continuous_backups(
            TableName=name,
            PointInTimeRecoverySpecification={**enabled, **({"RecoveryPeriodInDays": days} if days else {})},
        )


def _set_expiry(c: Call, name: str) -> None:
    given, before = c.get("ttl") or {}, c.olds.get("ttl") or {}
    if given.get("enabled") or before.get("enabled"):
        attribute = given.get("attributeName") or before["attributeName"]
        wanted = {"AttributeName": attribute, "Enabled": bool(given.get("enabled"))}
        c.client.update_time_to_live(TableName=name, TimeToLiveSpecification=wanted)


def _read(c: Call) -> Props:
    table = _described(c, c.id)
    keys = {_PROJECTED[k["KeyType"]]: k["AttributeName"] for k in table["KeySchema"]}
    backups = c.client.describe_continuous_backups(TableName=c.id)["ContinuousBackupsDescription"]
    recovery = (backups.get("PointInTimeRecoveryDescription") or {}).get("PointInTimeRecoveryStatus")
    expiry = c.client.describe_time_to_live(TableName=c.id)["TimeToLiveDescription"]
    enabled = expiry.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    tags = c.client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    return {
        "name": table["TableName"],
        **keys,
        **_outputs(table),
        "billingMode": (table.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED"),
        "deletionProtectionEnabled": bool(table.get("DeletionProtectionEnabled")),
        "pointInTimeRecovery": {"enabled": recovery == "ENABLED"},
        "ttl": {"enabled": enabled, **({"attributeName": expiry["AttributeName"]} if enabled else {})},
        "tags": unpaired(tags),
    }


def _update(c: Call) -> Props:
    change: Props = {}
    if c.changed("billingMode", "readCapacity", "writeCapacity"):
        change["BillingMode"] = c["billingMode"]
        if c["billingMode"] == "PROVISIONED":
            change["ProvisionedThroughput"] = _capacity(c)
    if c.changed("deletionProtectionEnabled"):
        change["DeletionProtectionEnabled"] = bool(c.get("deletionProtectionEnabled"))
    if c.changed("serverSideEncryption"):
        change["SSESpecification"] = _encryption(c)
    if c.changed("tableClass"):
        change["TableClass"] = c.get("tableClass", "STANDARD")
    if c.changed("streamEnabled", "streamViewType"):
        wanted = {"StreamEnabled": True, "StreamViewType": c["streamViewType"]} if c.get("streamEnabled") else None
        change["StreamSpecification"] = wanted or {"StreamEnabled": False}
    if change:
        c.client.update_table(TableName=c.id, **change)
    for indexes in _index_changes(c):  # DynamoDB takes one change of indexes a call
        c.client.update_table(
            TableName=c.id, AttributeDefinitions=_attributes(c), GlobalSecondaryIndexUpdates=[indexes]
        )
        wait(lambda: _described(c, c.id)["TableStatus"] == "ACTIVE")
    if c.changed("pointInTimeRecovery"):
        _set_recovery(c, c.id)
    if c.changed("ttl"):
        _set_expiry(c, c.id)
    return _outputs(_described(c, c.id))


def _index_changes(c: Call) -> list[Props]:
    before = {i["name"]: i for i in c.olds.get("globalSecondaryIndexes") or []}
    after = {i["name"]: i for i in c.get("globalSecondaryIndexes", [])}
    gone = [name for name in before if before[name] != after.get(name)]
    new = [i for name, i in after.items() if i != before.get(name)]
    return [*({"Delete": {"IndexName": name}} for name in gone), *({"Create": _index(i, None)} for i in new)]


def _delete(c: Call) -> None:
    c.client.delete_table(TableName=c.id)
    c.client.get_waiter("table_not_exists").wait(TableName=c.id, WaiterConfig={"Delay": 1})


def _faults(news: Props) -> dict[str, str]:
    """The provider's own rule: attributes are the ones keys use, no others."""
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


def _put_policy(c: Call) -> Props:
    said = c.client.put_resource_policy(
        ResourceArn=c["resourceArn"],
        Policy=text(c["policy"]),
        ConfirmRemoveSelfResourceAccess=bool(c.get("confirmRemoveSelfResourceAccess")),
    )
    return {"id": c["resourceArn"], "revisionId": said.get("RevisionId", "")}


def _update_policy(c: Call) -> Props:
    return {"revisionId": _put_policy(c)["revisionId"]}


def _read_policy(c: Call) -> Props:
    said = c.client.get_resource_policy(ResourceArn=c.id)
    return {"resourceArn": c.id, "policy": said["Policy"], "revisionId": said.get("RevisionId", "")}


SPECS: dict[str, Spec] = {
    "aws:dynamodb/table:Table": Spec(
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
        replace=frozenset({"hashKey", "rangeKey", "localSecondaryIndexes"}),
        defaults={"billingMode": "PROVISIONED"},
        validate=_faults,
        computed=("arn", "streamArn", "streamLabel"),
        retag=tagging("ResourceArn"),
    ),
    "aws:dynamodb/resourcePolicy:ResourcePolicy": Spec(
        "dynamodb",
        _put_policy,
        _read_policy,
        lambda c: c.client.delete_resource_policy(ResourceArn=c.id),
        update=_update_policy,
        naming=None,
        inputs=frozenset({"policy", "confirmRemoveSelfResourceAccess"}),
        replace=frozenset({"resourceArn"}),
        computed=("revisionId",),
        moving={"revisionId": frozenset({"policy"})},
        identify=lambda c: str(c["resourceArn"]),
    ),
}
