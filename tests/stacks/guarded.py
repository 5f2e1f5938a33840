"""What guards an endpoint: tests look at it while a stack is taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3

Client = Callable[..., Any]
"""Makes the client of a service."""
WAKES = ("state", "sweep")
"""The rules that call the rollback function."""


@dataclass(frozen=True)
class Guarded:
    """An endpoint, and all that guards it, as the simulated account has it."""

    endpoint: str
    function: str
    rules: tuple[str, ...]
    tables: tuple[str, ...]
    topics: tuple[str, ...]
    alarms: frozenset[str]
    client: Client

    @classmethod
    def of(cls, outputs: Mapping[str, Any], client: Client = boto3.client) -> Guarded:
        """The guards of a stack that serves, by its outputs."""
        rules = client("events").list_rules()["Rules"]
        return cls(
            outputs["endpoint"]["name"],
            outputs["rollback"]["function"],
            tuple(one["Name"] for one in rules if any(f"-{part}-" in one["Name"] for part in WAKES)),
            tuple(client("dynamodb").list_tables()["TableNames"]),
            tuple(outputs["topics"].values()),
            frozenset(_alarms(client)),
            client,
        )

    @property
    def there(self) -> bool:
        """Whether the endpoint is."""
        return self.endpoint in {one["EndpointName"] for one in self.client("sagemaker").list_endpoints()["Endpoints"]}

    def missing(self) -> list[str]:
        """What of the guards is gone."""
        return [name for name, ask in self._parts() if not _found(ask)] + sorted(self.alarms - _alarms(self.client))

    def _parts(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        functions, events, sns = self.client("lambda"), self.client("events"), self.client("sns")
        policy: list[str] = []
        yield self.function, lambda: functions.get_function(FunctionName=self.function)
        yield "its policy", lambda: policy.append(functions.get_policy(FunctionName=self.function)["Policy"]) or True
        for rule in self.rules:
            yield rule, lambda rule=rule: events.list_targets_by_rule(Rule=rule)["Targets"]
            yield f"permission of {rule}", lambda rule=rule: f"rule/{rule}" in policy[0]
        there = self.client("dynamodb").list_tables()["TableNames"]
        for table in self.tables:
            yield table, lambda table=table: table in there
        for topic in self.topics:
            yield topic, lambda topic=topic: sns.get_topic_attributes(TopicArn=topic)


def _alarms(client: Client) -> set[str]:
    pages = client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return {one["AlarmName"] for page in pages for kind in ("MetricAlarms", "CompositeAlarms") for one in page[kind]}


def _found(ask: Callable[[], Any]) -> bool:
    try:
        return bool(ask())
    except Exception:
        return False
