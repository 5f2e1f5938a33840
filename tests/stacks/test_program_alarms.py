"""The alarms of the program as they stand deployed: whom they call, what holds them back, and what they say."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from tests.aws_clients import make_client
from tests.stacks.deployed_program import DeployedProgram
from tests.tidewatch.alarms.alarm_datapoints import CONVERSION
from tidewatch.naming import hash_stack_key

Alarms = dict[str, dict[str, Any]]


@pytest.fixture
def alarms(canary: DeployedProgram) -> Alarms:  # noqa: ARG001 - they are its
    """Every alarm by the name it was given, without what Pulumi or the ledger's name put behind it."""
    pages = (
        make_client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    )
    found = [(kind, one) for page in pages for kind in ("MetricAlarms", "CompositeAlarms") for one in page[kind]]
    mark = {"MetricAlarms": "", "CompositeAlarms": "*"}
    return {mark[kind] + one["AlarmName"].removeprefix("flights-").rpartition("-")[0]: one for kind, one in found}


def test_a_challengers_guardrail_calls_the_rollback_function_itself(canary: DeployedProgram, alarms: Alarms):
    guardrail = alarms["*guardrail-green"]
    function = boto3.client("lambda").get_function(FunctionName=canary.outputs()["rollback"]["function"])
    assert guardrail["AlarmActions"] == [function["Configuration"]["FunctionArn"]]
    assert "ActionsSuppressor" not in guardrail
    assert "*guardrail-blue" not in alarms, "nothing rolls the champion back onto nothing"
    assert canary.outputs()["alarms"]["guardrails"] == {"green": guardrail["AlarmName"]}
    for name in ("guardrail-errors-green", "guardrail-latency-green"):
        assert alarms[name]["AlarmName"] in guardrail["AlarmRule"]
        assert not alarms[name].get("AlarmActions")


def test_of_all_alarms_the_guardrail_alone_may_call_it(canary: DeployedProgram):
    name = canary.outputs()["rollback"]["function"]
    policy = json.loads(boto3.client("lambda").get_policy(FunctionName=name)["Policy"])
    alarms = [one for one in policy["Statement"] if "events" not in one["Principal"]["Service"]]
    (statement,) = alarms
    assert statement["Principal"] == {"Service": "lambda.alarms.cloudwatch.amazonaws.com"}
    guardrail = canary.outputs()["alarms"]["guardrails"]["green"]
    assert statement["Condition"]["ArnLike"]["AWS:SourceArn"].endswith(f":alarm:{guardrail}")
    assert statement["Condition"]["StringEquals"]["AWS:SourceAccount"]


def test_the_names_of_all_alarms_but_the_abort_alarm_are_known_before_they_are_made(alarms: Alarms):
    end = hash_stack_key("tidewatch/rehearsal/flights")
    names = {key: one["AlarmName"] for key, one in alarms.items()}
    assert len(set(names.values())) == len(names)
    del names["abort"]
    assert all(
        name == f"flights-{key.removeprefix('*')}-{'' if key.startswith('*') else 'm'}{end}"
        for key, name in names.items()
    )


def test_the_program_passes_the_guardrail_to_what_raises_traffic(canary: DeployedProgram, alarms: Alarms):
    (weights,) = (
        one
        for one in json.loads((canary.folder / "state.json").read_text())["resources"]
        if one["urn"].endswith("::flights-weights")
    )
    assert alarms["*guardrail-green"]["AlarmName"] in json.dumps(weights["inputs"])


def test_every_alarm_links_its_runbook_and_calls_somebody_or_is_under_one_that_does(alarms: Alarms):
    rules = " ".join(one.get("AlarmRule", "") for one in alarms.values())
    for name, one in alarms.items():
        if name == "abort" or name.startswith("*while-"):
            continue
        calls = one.get("AlarmActions") or f'"{one["AlarmName"]}"' in rules or name == "*endpoint"
        assert calls, f"{name} calls nobody"
        if one.get("AlarmActions"):
            assert "runbooks/" in one["AlarmDescription"], name


def test_a_page_waits_for_what_would_hold_it_back(alarms: Alarms):
    page = alarms["*server-errors-green"]
    held = next(one for one in alarms.values() if one["AlarmName"] == page["ActionsSuppressor"])
    assert (page["ActionsSuppressorWaitPeriod"], page["ActionsSuppressorExtensionPeriod"]) == (60, 300)
    for reason in ("*guardrail-green", "endpoint-not-in-service", "server-errors-blue"):
        assert f'ALARM("{alarms[reason]["AlarmName"]}")' in held["AlarmRule"]
    assert f'AND NOT ALARM("{alarms["model-errors-green"]["AlarmName"]}")' in held["AlarmRule"], "it can have no effect"
    assert alarms["deployment-running"]["AlarmName"] not in held["AlarmRule"], "a deployment may break everything"
    assert alarms["server-errors-green"]["AlarmName"] not in held["AlarmRule"]


def test_topics_are_by_severity_and_an_unheard_page_goes_to_others(canary: DeployedProgram, alarms: Alarms):
    topics = canary.outputs()["topics"]
    assert alarms["endpoint-not-in-service"]["AlarmActions"] == [topics["P1"]]
    assert alarms["drift-failed"]["AlarmActions"] == [topics["P2"]]
    (escalation,) = alarms["unacknowledged"]["AlarmActions"]
    assert escalation == topics["escalation"]
    assert len(set(topics.values())) == 4
    told = boto3.client("sns").list_subscriptions_by_topic(TopicArn=escalation)["Subscriptions"]
    assert [(one["Protocol"], one["Endpoint"]) for one in told] == [("email", "ml-leads@example.com")]


def test_the_endpoints_composite_is_over_everything_that_can_be_wrong(canary: DeployedProgram, alarms: Alarms):
    whole = alarms["*endpoint"]
    assert canary.outputs()["alarms"]["health"] == whole["AlarmName"]
    under = whole["AlarmRule"] + alarms["*variant-blue"]["AlarmRule"] + alarms["*variant-green"]["AlarmRule"]
    names = canary.outputs()["alarms"]["names"]
    assert {"server-errors-blue", "guardrail-green", "drift", "availability-burn-fast"} <= names.keys()
    assert all(f'"{name}"' in under for name in names.values())


def test_the_outputs_count_every_alarm_that_was_made(canary: DeployedProgram, alarms: Alarms):
    composite_count = sum(key.startswith("*") for key in alarms)
    counts = {"metric": len(alarms) - composite_count, "composite": composite_count}
    assert canary.outputs()["alarms"]["counts"] == counts


def test_a_drift_function_is_late_only_by_metrics_that_begin_with_its_stack(canary: DeployedProgram, alarms: Alarms):
    metrics = [query["MetricStat"]["Metric"] for query in alarms["drift-late"]["Metrics"] if "MetricStat" in query]
    functions = {canary.outputs()[purpose]["function"] for purpose in ("drift", "rollback")}
    assert {each["Dimensions"][0]["Value"] for each in metrics} == functions
    assert {each["Namespace"] for each in metrics} == {"AWS/Lambda"}


def test_a_metric_of_the_users_own_is_a_guardrail_of_the_challenger(canary: DeployedProgram):
    own = {**CONVERSION, "minimumSamples": 5}
    canary.set(alarms={**canary.config["tidewatch:alarms"], "guardrails": [own]}).up()
    cloudwatch = make_client("cloudwatch")
    guardrail = canary.outputs()["alarms"]["guardrails"]["green"]

    def the_shop_reports(conversion: float, sales: int) -> str:
        for _ in range(5):
            for variant, value in (("blue", 0.05), ("green", conversion)):
                dimensions = [{"Name": "Variant", "Value": variant}]
                datum = {"MetricName": "Conversion", "Dimensions": dimensions, "Values": [value], "Counts": [sales]}
                cloudwatch.put_metric_data(Namespace="Shop", MetricData=[datum])
            canary.clock.advance(60)
        (found,) = cloudwatch.describe_alarms(AlarmNames=[guardrail], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
        return found["StateValue"]

    assert the_shop_reports(0.05, sales=4) != "ALARM", "too few to say anything"
    assert the_shop_reports(0.2, sales=5) != "ALARM", "the champion's is not looked at"
    assert the_shop_reports(0.05, sales=5) == "ALARM"
    assert "conversion-blue" not in canary.outputs()["alarms"]["names"]


def test_without_automatic_the_guardrail_tells_people_and_a_chat_the_command_and_calls_nothing(canary: DeployedProgram):
    chat = {"slackTeam": "T0123ABCD", "slackChannel": "C0123ABCD", "severities": ["P1"]}
    canary.set(rollback={"automatic": False}, notify={"chat": chat}).up()
    name = canary.outputs()["alarms"]["guardrails"]["green"]
    (guardrail,) = boto3.client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])[
        "CompositeAlarms"
    ]
    assert guardrail["AlarmActions"] == [canary.outputs()["topics"]["P1"]]
    assert canary.outputs()["rollback"]["command"] in guardrail["AlarmDescription"]
    function = canary.outputs()["rollback"]["function"]
    policy = json.loads(boto3.client("lambda").get_policy(FunctionName=function)["Policy"])
    assert "lambda.alarms" not in json.dumps(policy)
    environment = boto3.client("lambda").get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    assert (environment["AUTOMATIC"], environment["SLACK_ENABLED"]) == ("false", "true")
    (posting,) = boto3.client("chatbot").describe_slack_channel_configurations()["SlackChannelConfigurations"]
    assert posting["SnsTopicArns"] == [canary.outputs()["topics"]["P1"]]
