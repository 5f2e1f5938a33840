"""Log groups."""

from __future__ import annotations

from simulator.provider.base import Call, Gone, Naming, Spec
from simulator.provider.tagging import tagging
from simulator.provider.values import Props


def _create(c: Call) -> Props:
    params = c.params("CreateLogGroup", {"kmsKeyId": c.get("kmsKeyId"), "logGroupClass": c.get("logGroupClass")})
    tags = {"tags": dict(c["tags"])} if c.get("tags") else {}
    c.client.create_log_group(logGroupName=c["name"], **params, **tags)
    return {"arn": c.arn(f"log-group:{c['name']}")}


def _finish(c: Call) -> Props:
    _set_retention(c, c.id)
    return {}


def _set_retention(c: Call, name: str) -> None:
    if days := c.get("retentionInDays"):
        c.client.put_retention_policy(logGroupName=name, retentionInDays=days)
    elif c.olds.get("retentionInDays"):
        c.client.delete_retention_policy(logGroupName=name)


def _read(c: Call) -> Props:
    pages = c.client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=c.id)
    found = [g for page in pages for g in page["logGroups"] if g["logGroupName"] == c.id]
    if not found:
        raise Gone(c.id)
    arn = found[0]["arn"].removesuffix(":*")
    return {
        "name": c.id,
        "arn": arn,
        "retentionInDays": found[0].get("retentionInDays", 0),
        "kmsKeyId": found[0].get("kmsKeyId", ""),
        "tags": c.client.list_tags_for_resource(resourceArn=arn)["tags"],
    }


def _update(c: Call) -> Props:
    if c.changed("retentionInDays"):
        _set_retention(c, c.id)
    if c.changed("kmsKeyId"):
        if key := c.get("kmsKeyId"):
            c.client.associate_kms_key(logGroupName=c.id, kmsKeyId=key)
        else:
            c.client.disassociate_kms_key(logGroupName=c.id)
    return {}


def _delete(c: Call) -> None:
    if not c.get("skipDestroy"):
        c.client.delete_log_group(logGroupName=c.id)


SPECS: dict[str, Spec] = {
    "aws:cloudwatch/logGroup:LogGroup": Spec(
        "logs",
        _create,
        _read,
        _delete,
        finish=_finish,
        update=_update,
        naming=Naming(limit=512, pattern=r"[\w./#-]+", rule="letters, digits and ./#-_"),
        inputs=frozenset({"kmsKeyId", "retentionInDays", "skipDestroy"}),
        replace=frozenset({"logGroupClass"}),
        defaults={"retentionInDays": 0, "skipDestroy": False},
        retag=tagging("resourceArn", form=dict, members=("tags", "tagKeys")),
    ),
}
