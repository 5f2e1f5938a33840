"""Queues and their policies."""

from __future__ import annotations

import json
from typing import Any

from simulator.provider.base import Call, Gone, Naming, Spec
from simulator.provider.tagging import own_id, tagging
from simulator.provider.values import Props, text

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


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _attributes(c: Call) -> dict[str, str]:
    return {name: _written(c[key]) for key, name in _ATTRIBUTES.items() if c.get(key) is not None}


def _create(c: Call) -> Props:
    attributes = {**_attributes(c), **({"FifoQueue": "true"} if c.get("fifoQueue") else {})}
    tags = {"tags": dict(c["tags"])} if c.get("tags") else {}
    url = c.client.create_queue(QueueName=c["name"], Attributes=attributes, **tags)["QueueUrl"]
    return {"id": url, "url": url, "arn": c.arn(c["name"])}


def _live(value: str) -> Any:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.isdigit() else value


def _read(c: Call) -> Props:
    said = c.client.get_queue_attributes(QueueUrl=c.id, AttributeNames=["All"])["Attributes"]
    seen = {key: _live(said[name]) for key, name in _ATTRIBUTES.items() if said.get(name)}
    tags = c.client.list_queue_tags(QueueUrl=c.id).get("Tags") or {}
    return {"name": c.id.rsplit("/", 1)[1], "url": c.id, "arn": said["QueueArn"], **seen, "tags": tags}


def _update(c: Call) -> Props:
    """Attributes that were taken out of the program are set back to nothing."""
    removed = {
        name: "" for key, name in _ATTRIBUTES.items() if c.olds.get(key) and c.get(key) is None and key not in _KEPT
    }
    changed = {name for key, name in _ATTRIBUTES.items() if c.changed(key)}
    wanted = {name: value for name, value in {**removed, **_attributes(c)}.items() if name in changed}
    if wanted:
        c.client.set_queue_attributes(QueueUrl=c.id, Attributes=wanted)
    return {}


_KEPT = ("policy", "kmsDataKeyReusePeriodSeconds", "sqsManagedSseEnabled")
"""Attributes that the provider leaves as they are when the program says nothing of them."""


def _url(c: Call) -> str:
    return str(c.client.get_queue_url(QueueName=c["name"])["QueueUrl"])


def _put_policy(c: Call) -> Props:
    c.client.set_queue_attributes(QueueUrl=c["queueUrl"], Attributes={"Policy": text(c["policy"])})
    return {} if c.olds else {"id": c["queueUrl"]}


def _read_policy(c: Call) -> Props:
    said = c.client.get_queue_attributes(QueueUrl=c.id, AttributeNames=["Policy"]).get("Attributes") or {}
    if not said.get("Policy"):
        raise Gone(c.id)
    return {"queueUrl": c.id, "policy": said["Policy"]}


SPECS: dict[str, Spec] = {
    "aws:sqs/queue:Queue": Spec(
        "sqs",
        _create,
        _read,
        lambda c: c.client.delete_queue(QueueUrl=c.id),
        update=_update,
        naming=Naming(limit=80, pattern=r"[\w-]+(\.fifo)?", rule="letters, digits, _ and -"),
        inputs=frozenset(_ATTRIBUTES),
        replace=frozenset({"fifoQueue"}),
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
        identify=_url,
        retag=tagging("QueueUrl", own_id, form=dict, calls=("tag_queue", "untag_queue")),
    ),
    "aws:sqs/queuePolicy:QueuePolicy": Spec(
        "sqs",
        _put_policy,
        _read_policy,
        lambda c: c.client.set_queue_attributes(QueueUrl=c.id, Attributes={"Policy": ""}),
        update=_put_policy,
        naming=None,
        inputs=frozenset({"policy"}),
        replace=frozenset({"queueUrl"}),
        computed=(),
        identify=lambda c: str(c["queueUrl"]),
    ),
}
