"""An endpoint and what guards it, looked at while resources are deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3

from rehearsal.engine import DeploymentStep
from tests.stacks.deployed_program import DeployedProgram

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
    def of_the_account(cls, client: Client = boto3.client) -> Guarded:
        """Of the one stack in it, whose outputs may not have been written yet."""
        (endpoint,) = client("sagemaker").list_endpoints()["Endpoints"]
        functions = client("lambda").list_functions()["Functions"]
        rules = client("events").list_rules()["Rules"]
        return cls(
            endpoint["EndpointName"],
            next(one["FunctionName"] for one in functions if "-rollback-" in one["FunctionName"]),
            tuple(one["Name"] for one in rules if any(f"-{part}-" in one["Name"] for part in WAKES)),
            tuple(client("dynamodb").list_tables()["TableNames"]),
            tuple(one["TopicArn"] for one in client("sns").list_topics()["Topics"]),
            frozenset(_alarms(client)),
            client,
        )

    @property
    def there(self) -> bool:
        return self.endpoint in {one["EndpointName"] for one in self.client("sagemaker").list_endpoints()["Endpoints"]}

    def missing(self) -> list[str]:
        """What of the guards is gone."""
        return [name for name, ask in self._list_guards() if not _exists(ask)] + sorted(
            self.alarms - _alarms(self.client)
        )

    def _list_guards(self) -> Iterator[tuple[str, Callable[[], Any]]]:
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


def _exists(ask: Callable[[], Any]) -> bool:
    try:
        return bool(ask())
    except Exception:
        return False


def watch_guards(stack: DeployedProgram, guarded: Guarded, at: int = -1) -> tuple[Any, list[str]]:
    """The stack with an account of which guards were missing at each step, stopped at the step with that number."""
    missing: list[str] = []
    ended: list[bool] = []
    count = 0

    def look(step: DeploymentStep) -> None:
        nonlocal count
        if not step.op.startswith("delete") or step.phase == "planned":
            return
        count += 1
        ended.append(not guarded.there)
        if not ended[-1]:
            missing.extend(f"{one}, at {step.phase} of {step.name}" for one in guarded.missing())
        if count == at:
            raise InterruptedError("a test")

    return replace(stack.stack, on_step=look), missing
