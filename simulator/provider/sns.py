"""Topics, their policies and subscriptions."""

from __future__ import annotations

import json
from typing import Any

from simulator.provider.base import Call, Naming, Spec, pairs, unpaired
from simulator.provider.tagging import own_id, tagging
from simulator.provider.values import Props, text

_TOPIC = {
    "archivePolicy": "ArchivePolicy",
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deliveryPolicy": "DeliveryPolicy",
    "displayName": "DisplayName",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "policy": "Policy",
    "signatureVersion": "SignatureVersion",
    "tracingConfig": "TracingConfig",
}
_SUBSCRIPTION = {
    "deliveryPolicy": "DeliveryPolicy",
    "filterPolicy": "FilterPolicy",
    "filterPolicyScope": "FilterPolicyScope",
    "rawMessageDelivery": "RawMessageDelivery",
    "redrivePolicy": "RedrivePolicy",
    "subscriptionRoleArn": "SubscriptionRoleArn",
}


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _given(c: Call, names: dict[str, str]) -> dict[str, str]:
    return {name: _written(c[key]) for key, name in names.items() if c.get(key) not in (None, False, "")}


def _create(c: Call) -> Props:
    attributes = _given(c, _TOPIC)
    if c.get("fifoTopic"):
        attributes["FifoTopic"] = "true"
    tags = {"Tags": pairs(c["tags"])} if c.get("tags") else {}
    arn = c.client.create_topic(Name=c["name"], Attributes=attributes, **tags)["TopicArn"]
    return {"id": arn, "arn": arn, "owner": arn.split(":")[4]}


def _read(c: Call) -> Props:
    said = c.client.get_topic_attributes(TopicArn=c.id)["Attributes"]
    tags = unpaired(c.client.list_tags_for_resource(ResourceArn=c.id)["Tags"])
    shown = {"displayName": said.get("DisplayName", ""), "kmsMasterKeyId": said.get("KmsMasterKeyId", "")}
    policy = {"policy": said["Policy"]} if said.get("Policy") else {}
    return {"name": c.id.rsplit(":", 1)[1], "arn": c.id, "owner": c.id.split(":")[4], **shown, **policy, "tags": tags}


def _update(c: Call) -> Props:
    for key, name in _TOPIC.items():
        if c.changed(key) and (c.get(key) is not None or key != "policy"):
            c.client.set_topic_attributes(TopicArn=c.id, AttributeName=name, AttributeValue=_written(c.get(key, "")))
    return {}


def _put_policy(c: Call) -> Props:
    c.client.set_topic_attributes(TopicArn=c["arn"], AttributeName="Policy", AttributeValue=text(c["policy"]))
    return {"owner": c["arn"].split(":")[4], **({} if c.olds else {"id": c["arn"]})}


def _read_policy(c: Call) -> Props:
    said = c.client.get_topic_attributes(TopicArn=c.id)["Attributes"]
    return {"arn": c.id, "owner": c.id.split(":")[4], "policy": said.get("Policy", "")}


def _delete_policy(c: Call) -> None:
    """A topic always has a policy: what remains is the one that lets its owner use it."""
    owner = c.id.split(":")[4]
    allowed = ("GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic")
    allowed += ("Subscribe", "ListSubscriptionsByTopic", "Publish")
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in allowed],
        "Resource": c.id,
        "Condition": {"StringEquals": {"AWS:SourceOwner": owner}},
    }
    document = json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})
    c.client.set_topic_attributes(TopicArn=c.id, AttributeName="Policy", AttributeValue=document)


def _subscribe(c: Call) -> Props:
    arn = c.client.subscribe(
        TopicArn=c["topic"],
        Protocol=c["protocol"],
        Endpoint=c["endpoint"],
        Attributes=_given(c, _SUBSCRIPTION),
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    return {"id": arn, "arn": arn}


def _subscription(c: Call, arn: str) -> Props:
    said = c.client.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    return {
        "ownerId": said.get("Owner", ""),
        "pendingConfirmation": said.get("PendingConfirmation") == "true",
        "confirmationWasAuthenticated": said.get("ConfirmationWasAuthenticated") == "true",
    }


def _read_subscription(c: Call) -> Props:
    said = c.client.get_subscription_attributes(SubscriptionArn=c.id)["Attributes"]
    where = {"topic": said["TopicArn"], "protocol": said["Protocol"], "endpoint": said["Endpoint"]}
    seen = {k: said[name] for k, name in _SUBSCRIPTION.items() if said.get(name) and k != "rawMessageDelivery"}
    raw = said.get("RawMessageDelivery") == "true"
    return {"arn": c.id, **where, **seen, "rawMessageDelivery": raw, **_subscription(c, c.id)}


def _update_subscription(c: Call) -> Props:
    for key, name in _SUBSCRIPTION.items():
        if c.changed(key):
            value = _written(c.get(key, "" if key != "rawMessageDelivery" else False))
            c.client.set_subscription_attributes(SubscriptionArn=c.id, AttributeName=name, AttributeValue=value)
    return {}


def _subscribed(c: Call) -> str:
    for page in c.client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=c["topic"]):
        for found in page["Subscriptions"]:
            if (found["Protocol"], found["Endpoint"]) == (c["protocol"], c["endpoint"]):
                return str(found["SubscriptionArn"])
    return ""


SPECS: dict[str, Spec] = {
    "aws:sns/topic:Topic": Spec(
        "sns",
        _create,
        _read,
        lambda c: c.client.delete_topic(TopicArn=c.id),
        update=_update,
        naming=Naming(limit=256, pattern=r"[\w-]+(\.fifo)?", rule="letters, digits, _ and -"),
        inputs=frozenset(_TOPIC),
        replace=frozenset({"fifoTopic"}),
        defaults={"contentBasedDeduplication": False, "fifoTopic": False},
        computed=("arn", "owner"),
        identify=lambda c: c.arn(c["name"]),
        retag=tagging("ResourceArn", own_id),
    ),
    "aws:sns/topicPolicy:TopicPolicy": Spec(
        "sns",
        _put_policy,
        _read_policy,
        _delete_policy,
        update=_put_policy,
        naming=None,
        inputs=frozenset({"policy"}),
        replace=frozenset({"arn"}),
        computed=("owner",),
        identify=lambda c: str(c["arn"]),
    ),
    "aws:sns/topicSubscription:TopicSubscription": Spec(
        "sns",
        _subscribe,
        _read_subscription,
        lambda c: c.client.unsubscribe(SubscriptionArn=c.id),
        finish=lambda c: _subscription(c, c.id),
        update=_update_subscription,
        naming=None,
        inputs=frozenset({*_SUBSCRIPTION, "confirmationTimeoutInMinutes", "endpointAutoConfirms"}),
        replace=frozenset({"topic", "protocol", "endpoint"}),
        defaults={"confirmationTimeoutInMinutes": 1, "endpointAutoConfirms": False, "rawMessageDelivery": False},
        computed=("arn", "ownerId", "pendingConfirmation", "confirmationWasAuthenticated"),
        identify=_subscribed,
    ),
}
