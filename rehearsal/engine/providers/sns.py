"""Topics, their policies and subscriptions."""

from __future__ import annotations

import json
from typing import Any

from rehearsal.engine.providers.autonaming import Naming
from rehearsal.engine.providers.properties import Props, to_json_text
from rehearsal.engine.providers.resource_spec import ResourceContext, ResourceSpec
from rehearsal.engine.providers.tagging import from_pairs, get_id, make_retag, to_pairs

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


def _format_attribute(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _build_attributes(c: ResourceContext, names: dict[str, str]) -> dict[str, str]:
    return {name: _format_attribute(c[key]) for key, name in names.items() if c.get(key) not in (None, False, "")}


def _create(c: ResourceContext) -> Props:
    attributes = _build_attributes(c, _TOPIC)
    if c.get("fifoTopic"):
        attributes["FifoTopic"] = "true"
    tags = {"Tags": to_pairs(c["tags"])} if c.get("tags") else {}
    arn = c.client.create_topic(Name=c["name"], Attributes=attributes, **tags)["TopicArn"]
    return {"id": arn, "arn": arn, "owner": arn.split(":")[4]}


def _read(c: ResourceContext) -> Props:
    topic_attributes = c.client.get_topic_attributes(TopicArn=c.id)["Attributes"]
    tags = from_pairs(c.client.list_tags_for_resource(ResourceArn=c.id)["Tags"])
    settings = {
        "displayName": topic_attributes.get("DisplayName", ""),
        "kmsMasterKeyId": topic_attributes.get("KmsMasterKeyId", ""),
    }
    policy = {"policy": topic_attributes["Policy"]} if topic_attributes.get("Policy") else {}
    return {
        "name": c.id.rsplit(":", 1)[1],
        "arn": c.id,
        "owner": c.id.split(":")[4],
        **settings,
        **policy,
        "tags": tags,
    }


def _update(c: ResourceContext) -> Props:
    for key, name in _TOPIC.items():
        if c.has_changed(key) and (c.get(key) is not None or key != "policy"):
            c.client.set_topic_attributes(
                TopicArn=c.id, AttributeName=name, AttributeValue=_format_attribute(c.get(key, ""))
            )
    return {}


def _put_policy(c: ResourceContext) -> Props:
    c.client.set_topic_attributes(TopicArn=c["arn"], AttributeName="Policy", AttributeValue=to_json_text(c["policy"]))
    return {"owner": c["arn"].split(":")[4], **({} if c.olds else {"id": c["arn"]})}


def _read_policy(c: ResourceContext) -> Props:
    attributes = c.client.get_topic_attributes(TopicArn=c.id)["Attributes"]
    return {"arn": c.id, "owner": c.id.split(":")[4], "policy": attributes.get("Policy", "")}


def _delete_policy(c: ResourceContext) -> None:
    """Resets the policy to the default, which lets the owner use the topic: a topic always has a policy."""
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


def _subscribe(c: ResourceContext) -> Props:
    arn = c.client.subscribe(
        TopicArn=c["topic"],
        Protocol=c["protocol"],
        Endpoint=c["endpoint"],
        Attributes=_build_attributes(c, _SUBSCRIPTION),
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    return {"id": arn, "arn": arn}


def _describe_subscription(c: ResourceContext, arn: str) -> Props:
    attributes = c.client.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    return {
        "ownerId": attributes.get("Owner", ""),
        "pendingConfirmation": attributes.get("PendingConfirmation") == "true",
        "confirmationWasAuthenticated": attributes.get("ConfirmationWasAuthenticated") == "true",
    }


def _read_subscription(c: ResourceContext) -> Props:
    attributes = c.client.get_subscription_attributes(SubscriptionArn=c.id)["Attributes"]
    destination = {
        "topic": attributes["TopicArn"],
        "protocol": attributes["Protocol"],
        "endpoint": attributes["Endpoint"],
    }
    properties = {
        k: attributes[name] for k, name in _SUBSCRIPTION.items() if attributes.get(name) and k != "rawMessageDelivery"
    }
    raw = attributes.get("RawMessageDelivery") == "true"
    return {"arn": c.id, **destination, **properties, "rawMessageDelivery": raw, **_describe_subscription(c, c.id)}


def _update_subscription(c: ResourceContext) -> Props:
    for key, name in _SUBSCRIPTION.items():
        if c.has_changed(key):
            value = _format_attribute(c.get(key, "" if key != "rawMessageDelivery" else False))
            c.client.set_subscription_attributes(SubscriptionArn=c.id, AttributeName=name, AttributeValue=value)
    return {}


def _find_subscription(c: ResourceContext) -> str:
    for page in c.client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=c["topic"]):
        for found in page["Subscriptions"]:
            if (found["Protocol"], found["Endpoint"]) == (c["protocol"], c["endpoint"]):
                return str(found["SubscriptionArn"])
    return ""


SPECS: dict[str, ResourceSpec] = {
    "aws:sns/topic:Topic": ResourceSpec(
        "sns",
        _create,
        _read,
        lambda c: c.client.delete_topic(TopicArn=c.id),
        update=_update,
        naming=Naming(limit=256, pattern=r"[\w-]+(\.fifo)?", rule="letters, digits, _ and -"),
        inputs=frozenset(_TOPIC),
        force_new=frozenset({"fifoTopic"}),
        defaults={"contentBasedDeduplication": False, "fifoTopic": False},
        computed=("arn", "owner"),
        identify=lambda c: c.build_arn(c["name"]),
        retag=make_retag("ResourceArn", get_id),
    ),
    "aws:sns/topicPolicy:TopicPolicy": ResourceSpec(
        "sns",
        _put_policy,
        _read_policy,
        _delete_policy,
        update=_put_policy,
        naming=None,
        inputs=frozenset({"policy"}),
        force_new=frozenset({"arn"}),
        computed=("owner",),
        identify=lambda c: str(c["arn"]),
    ),
    "aws:sns/topicSubscription:TopicSubscription": ResourceSpec(
        "sns",
        _subscribe,
        _read_subscription,
        lambda c: c.client.unsubscribe(SubscriptionArn=c.id),
        finish=lambda c: _describe_subscription(c, c.id),
        update=_update_subscription,
        naming=None,
        inputs=frozenset({*_SUBSCRIPTION, "confirmationTimeoutInMinutes", "endpointAutoConfirms"}),
        force_new=frozenset({"topic", "protocol", "endpoint"}),
        defaults={"confirmationTimeoutInMinutes": 1, "endpointAutoConfirms": False, "rawMessageDelivery": False},
        computed=("arn", "ownerId", "pendingConfirmation", "confirmationWasAuthenticated"),
        identify=_find_subscription,
    ),
}
