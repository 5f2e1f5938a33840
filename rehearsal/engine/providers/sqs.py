"""Queues and their policies."""

from __future__ import annotations

import json
from typing import Any

from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.errors import NotFound
from rehearsal.engine.providers.properties import Props, to_json_text
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec
from rehearsal.engine.providers.tagging import get_id, make_retag

_ATTRIBUTES = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deduplicationScope": "DeduplicationScope",
    "delaySeconds": "DelaySeconds",
    "fifoThroughputLimit": "FifoThroughputLimit",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redriveAllowPolicy": "RedriveAllowPolicy",
    "redrivePolicy": "RedrivePolicy",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}


def _format_attribute(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _build_attributes(c: ResourceContext) -> dict[str, str]:
    return {name: _format_attribute(c[key]) for key, name in _ATTRIBUTES.items() if c.get(key) is not None}


def _create(c: ResourceContext) -> Props:
    attributes = {**_build_attributes(c), **({"FifoQueue": "true"} if c.get("fifoQueue") else {})}
    tags = {"tags": dict(c["tags"])} if c.get("tags") else {}
    url = c.client.create_queue(QueueName=c["name"], Attributes=attributes, **tags)["QueueUrl"]
    return {"id": url, "url": url, "arn": c.build_arn(c["name"])}


def _parse_attribute(value: str) -> Any:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.isdigit() else value


def _read(c: ResourceContext) -> Props:
    attributes = c.client.get_queue_attributes(QueueUrl=c.id, AttributeNames=["All"])["Attributes"]
    properties = {key: _parse_attribute(attributes[name]) for key, name in _ATTRIBUTES.items() if attributes.get(name)}
    tags = c.client.list_queue_tags(QueueUrl=c.id).get("Tags") or {}
    return {"name": c.id.rsplit("/", 1)[1], "url": c.id, "arn": attributes["QueueArn"], **properties, "tags": tags}


def _update(c: ResourceContext) -> Props:
    """Updates the attributes; those that the program removed are reset to their empty value."""
    removed = {
        name: ""
        for key, name in _ATTRIBUTES.items()
        if c.olds.get(key) and c.get(key) is None and key not in _RETAINED_WHEN_OMITTED
    }
    changed = {name for key, name in _ATTRIBUTES.items() if c.has_changed(key)}
    attributes = {name: value for name, value in {**removed, **_build_attributes(c)}.items() if name in changed}
    if attributes:
        c.client.set_queue_attributes(QueueUrl=c.id, Attributes=attributes)
    return {}


_RETAINED_WHEN_OMITTED = ("policy", "kmsDataKeyReusePeriodSeconds", "sqsManagedSseEnabled")
"""Attributes that the provider leaves unchanged if the program does not set them."""


def _find_url(c: ResourceContext) -> str:
    return str(c.client.get_queue_url(QueueName=c["name"])["QueueUrl"])


def _put_policy(c: ResourceContext) -> Props:
    c.client.set_queue_attributes(QueueUrl=c["queueUrl"], Attributes={"Policy": to_json_text(c["policy"])})
    return {} if c.olds else {"id": c["queueUrl"]}


def _read_policy(c: ResourceContext) -> Props:
    attributes = c.client.get_queue_attributes(QueueUrl=c.id, AttributeNames=["Policy"]).get("Attributes") or {}
    if not attributes.get("Policy"):
        raise NotFound(c.id)
    return {"queueUrl": c.id, "policy": attributes["Policy"]}


SPECS: dict[str, ResourceSpec] = {
    "aws:sqs/queue:Queue": ResourceSpec(
        "sqs",
        _create,
        _read,
        lambda c: c.client.delete_queue(QueueUrl=c.id),
        update=_update,
        naming=Naming(limit=80, pattern=r"[\w-]+(\.fifo)?", rule="letters, digits, _ and -"),
        inputs=frozenset(_ATTRIBUTES),
        force_new=frozenset({"fifoQueue"}),
        defaults={
            "contentBasedDeduplication": False,
            "delaySeconds": 0,
            "fifoQueue": False,
            "maxMessageSize": 262144,
            "messageRetentionSeconds": 345600,
            "receiveWaitTimeSeconds": 0,
            "visibilityTimeoutSeconds": 30,
        },
        computed=("arn", "url"),
        identify=_find_url,
        retag=make_retag("QueueUrl", get_id, format_tags=dict, calls=("tag_queue", "untag_queue")),
    ),
    "aws:sqs/queuePolicy:QueuePolicy": ResourceSpec(
        "sqs",
        _put_policy,
        _read_policy,
        lambda c: c.client.set_queue_attributes(QueueUrl=c.id, Attributes={"Policy": ""}),
        update=_put_policy,
        naming=None,
        inputs=frozenset({"policy"}),
        force_new=frozenset({"queueUrl"}),
        computed=(),
        identify=lambda c: str(c["queueUrl"]),
    ),
}
