"""A queue that is subscribed to every topic of a stack, as the people on call are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3


def subscribe_queue(outputs: Mapping[str, Any]) -> str:
    """Subscribes a new queue to the topics. Returns its URL."""
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    queue = sqs.create_queue(QueueName="game-day-pages")["QueueUrl"]
    for topic in _list_topics(outputs):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=_get_queue_arn(queue))
    return queue


@contextmanager
def subscribe_temporarily(outputs: Mapping[str, Any]) -> Iterator[str]:
    """Subscribes a new queue until the end of the block, then removes it. Yields its URL."""
    queue = subscribe_queue(outputs)
    try:
        yield queue
    finally:
        sns, arn = boto3.client("sns"), _get_queue_arn(queue)
        for topic in _list_topics(outputs):
            for subscription in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
                if subscription.get("Endpoint") == arn:
                    sns.unsubscribe(SubscriptionArn=subscription.get("SubscriptionArn", ""))
        boto3.client("sqs").delete_queue(QueueUrl=queue)


def _list_topics(outputs: Mapping[str, Any]) -> Iterator[str]:
    sns, tag = boto3.client("sns"), {"Key": "tidewatch:stack", "Value": outputs["key"].rpartition("/")[0]}
    for topic in sns.list_topics()["Topics"]:
        arn = topic.get("TopicArn", "")
        if tag in sns.list_tags_for_resource(ResourceArn=arn)["Tags"]:
            yield arn


def _get_queue_arn(queue: str) -> str:
    response = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    return response["Attributes"]["QueueArn"]
