"""Log groups."""

from __future__ import annotations

from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.errors import NotFound
from rehearsal.engine.providers.properties import Props
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec
from rehearsal.engine.providers.tagging import make_retag


def _create(c: ResourceContext) -> Props:
    params = c.build_params("CreateLogGroup", {"kmsKeyId": c.get("kmsKeyId"), "logGroupClass": c.get("logGroupClass")})
    tags = {"tags": dict(c["tags"])} if c.get("tags") else {}
    c.client.create_log_group(logGroupName=c["name"], **params, **tags)
    return {"arn": c.build_arn(f"log-group:{c['name']}")}


def _finish(c: ResourceContext) -> Props:
    _set_retention(c, c.id)
    return {}


def _set_retention(c: ResourceContext, name: str) -> None:
    if days := c.get("retentionInDays"):
        c.client.put_retention_policy(logGroupName=name, retentionInDays=days)
    elif c.olds.get("retentionInDays"):
        c.client.delete_retention_policy(logGroupName=name)


def _read(c: ResourceContext) -> Props:
    pages = c.client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=c.id)
    found = [g for page in pages for g in page["logGroups"] if g["logGroupName"] == c.id]
    if not found:
        raise NotFound(c.id)
    arn = found[0]["arn"].removesuffix(":*")
    return {
        "name": c.id,
        "arn": arn,
        "retentionInDays": found[0].get("retentionInDays", 0),
        "kmsKeyId": found[0].get("kmsKeyId", ""),
        "tags": c.client.list_tags_for_resource(resourceArn=arn)["tags"],
    }


def _update(c: ResourceContext) -> Props:
    if c.has_changed("retentionInDays"):
        _set_retention(c, c.id)
    if c.has_changed("kmsKeyId"):
        if key := c.get("kmsKeyId"):
            c.client.associate_kms_key(logGroupName=c.id, kmsKeyId=key)
        else:
            c.client.disassociate_kms_key(logGroupName=c.id)
    return {}


def _delete(c: ResourceContext) -> None:
    if not c.get("skipDestroy"):
        c.client.delete_log_group(logGroupName=c.id)


SPECS: dict[str, ResourceSpec] = {
    "aws:cloudwatch/logGroup:LogGroup": ResourceSpec(
        "logs",
        _create,
        _read,
        _delete,
        finish=_finish,
        update=_update,
        naming=Naming(limit=512, pattern=r"[\w./#-]+", rule="letters, digits and ./#-_"),
        inputs=frozenset({"kmsKeyId", "retentionInDays", "skipDestroy"}),
        force_new=frozenset({"logGroupClass"}),
        defaults={"retentionInDays": 0, "skipDestroy": False},
        retag=make_retag("resourceArn", format_tags=dict, members=("tags", "tagKeys")),
    ),
}
