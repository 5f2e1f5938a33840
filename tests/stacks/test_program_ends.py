"""How a stack that serves ends: no step of it, wherever it is interrupted, leaves the endpoint without its guards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest

from simulator.engine import DeploymentFailed, Step
from tests.stacks.rehearsed import Rehearsed

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

    @classmethod
    def of(cls, stack: Rehearsed) -> Guarded:
        outputs = stack.outputs()
        rules = boto3.client("events").list_rules()["Rules"]
        return cls(
            outputs["endpoint"]["name"],
            outputs["rollback"]["function"],
            tuple(one["Name"] for one in rules if any(f"-{part}-" in one["Name"] for part in WAKES)),
            tuple(boto3.client("dynamodb").list_tables()["TableNames"]),
            tuple(outputs["topics"].values()),
            frozenset(_alarms()),
        )

    @property
    def there(self) -> bool:
        return self.endpoint in {one["EndpointName"] for one in boto3.client("sagemaker").list_endpoints()["Endpoints"]}

    def missing(self) -> list[str]:
        """What of the guards is gone."""
        return [name for name, ask in self._parts() if not _found(ask)] + sorted(self.alarms - _alarms())

    def _parts(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        functions, events, sns = boto3.client("lambda"), boto3.client("events"), boto3.client("sns")
        policy: list[str] = []
        yield self.function, lambda: functions.get_function(FunctionName=self.function)
        yield "its policy", lambda: policy.append(functions.get_policy(FunctionName=self.function)["Policy"]) or True
        for rule in self.rules:
            yield rule, lambda rule=rule: events.list_targets_by_rule(Rule=rule)["Targets"]
            yield f"permission of {rule}", lambda rule=rule: f"rule/{rule}" in policy[0]
        there = boto3.client("dynamodb").list_tables()["TableNames"]
        for table in self.tables:
            yield table, lambda table=table: table in there
        for topic in self.topics:
            yield topic, lambda topic=topic: sns.get_topic_attributes(TopicArn=topic)


def _alarms() -> set[str]:
    pages = (
        boto3.client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    )
    return {one["AlarmName"] for page in pages for kind in ("MetricAlarms", "CompositeAlarms") for one in page[kind]}


def _found(ask: Callable[[], Any]) -> bool:
    try:
        return bool(ask())
    except Exception:
        return False


def _watching(stack: Rehearsed, guarded: Guarded, at: int = -1) -> tuple[Any, list[str]]:
    """The stack with an account of which guards were missing at each step, stopped at the step with that number."""
    missing: list[str] = []
    ended: list[bool] = []
    count = 0

    def look(step: Step) -> None:
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


@pytest.mark.on_a_copy
@pytest.mark.parametrize("preview", [True, False])
def test_wherever_a_destroy_is_interrupted_the_endpoint_has_its_guards(standing: Rehearsed, preview: bool):
    guarded = Guarded.of(standing)
    assert guarded.missing() == []
    assert len(guarded.rules) == 2
    assert len(guarded.alarms) > 50
    watched, missing = _watching(standing, guarded)
    watched.destroy(preview=preview)
    assert missing == []
    assert not guarded.there


@pytest.mark.on_a_copy
@pytest.mark.parametrize("at", [1, 2, 30])
def test_an_interrupted_destroy_is_ended_by_the_next(standing: Rehearsed, at: int):
    guarded = Guarded.of(standing)
    watched, missing = _watching(standing, guarded, at)
    with pytest.raises(DeploymentFailed):
        watched.destroy(preview=False)
    assert missing == []
    assert guarded.there is (at == 1)
    standing.stack.destroy()
    assert not guarded.there
    assert guarded.missing()


@pytest.mark.on_a_copy
def test_wherever_an_up_that_retires_is_interrupted_the_endpoint_has_its_guards(standing: Rehearsed):
    guarded = Guarded.of(standing)
    watched, missing = _watching(standing.set(variants=None, rollbackTo=None, retire=True), guarded)
    watched.up(preview=False)
    assert missing == []
    assert not guarded.there


@pytest.mark.on_a_copy
def test_the_end_is_in_the_ledger(standing: Rehearsed):
    table = standing.outputs()["ledger"]
    standing.set(variants=None, rollbackTo=None, retire=True).up()
    entries = boto3.client("dynamodb").scan(TableName=table)["Items"]
    last = sorted(entries, key=lambda entry: int(entry["sequence"]["N"]))[-2:]
    assert [entry["kind"]["S"] for entry in last] == ["intent", "outcome"]
    assert all("ends: nothing declares its traffic any more" in entry["why"]["S"] for entry in last)


@pytest.mark.on_a_copy
def test_a_protected_stack_loses_nothing_to_destroy_and_retires_in_two_steps(standing: Rehearsed):
    standing.set(protect=True).up()
    guarded = Guarded.of(standing)
    watched, _ = _watching(standing, guarded)
    with pytest.raises(DeploymentFailed, match="protected") as refused:
        watched.destroy(preview=False)
    assert {step.name for step in refused.value.summary.changed} <= {"tidewatch-rehearsal", "flights-traffic"}
    assert guarded.there
    assert guarded.missing() == []
    standing.serve(champion="green", blue=("1", 0), green=("2", 100)).up(preview=True)
    standing.serve(champion="green", blue=("3", 0), green=("2", 100)).up(preview=True)
    standing.set(variants=None, rollbackTo=None, retire=True)
    assert "set tidewatch:protect to false and run `pulumi up` first" in standing.refusal()
    standing.serve(champion="green", blue=("3", 0), green=("2", 100)).set(retire=None, protect=False).up()
    standing.set(variants=None, rollbackTo=None, retire=True).up(preview=True)
    assert not guarded.there
