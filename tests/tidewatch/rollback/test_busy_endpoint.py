"""Every row of the busy table: what a rollback does for each status of the endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from rehearsal.aws import REGION
from tests.tidewatch.traffic.account import ENDPOINT, Flights, build_model
from tidewatch.traffic import EndpointBusy, Split

TARGET = {"blue": 1.0, "green": 0.0}
TOPIC = "arn:aws:sns:us-east-1:123456789012:P1"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:pages"


def read_pages(account: Flights) -> Callable[[], list[str]]:
    """Subscribes a queue to the pages; what it got since the last look."""
    queues = boto3.client("sqs", region_name=REGION)
    url = queues.create_queue(QueueName="pages")["QueueUrl"]
    assert account.clients.sns is not None
    account.clients.sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)

    def read() -> list[str]:
        got = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(one["Body"])["Message"] for one in got]

    return read


def start_deployment(canary: Flights, variants: tuple[str, ...] = ("blue", "green")) -> str:
    """A deployment with our abort alarm, out of another process, under way."""
    config = canary.make_config({variant: 1.0 if variant == "blue" else 0.0 for variant in variants})
    guarded = set(variants) == {"blue", "green"}
    policy = {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 60}}
    deployment = {
        "BlueGreenUpdatePolicy": policy,
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "abort"}]},
    }
    sagemaker: Any = canary.clients.sagemaker
    sagemaker.update_endpoint(
        EndpointName=ENDPOINT,
        EndpointConfigName=config,
        RetainAllVariantProperties=True,
        **({"DeploymentConfig": deployment} if guarded else {}),
    )
    return config


def test_in_service_it_flips(canary: Flights) -> None:
    assert canary.roll_back().state == "rolled_back"
    assert canary.live() == TARGET


def test_while_weights_change_it_is_pending_and_flips_afterwards(canary: Flights) -> None:
    canary.ask_weights(blue=1, green=1)
    assert canary.roll_back(wait=10).state == "pending"
    canary.sweeps(2)
    assert canary.live() == TARGET


def test_while_capacity_changes_it_is_pending_and_flips_afterwards(canary: Flights) -> None:
    canary.control.inject("scaling", endpoint=ENDPOINT, variant="green", instances=3)
    result = canary.roll_back(wait=10)
    assert (result.state, canary.live()["green"]) == ("pending", 0.05)
    canary.sweeps(4)
    assert canary.live() == TARGET


def test_a_deployment_is_stopped_by_its_abort_alarm_and_then_flipped(canary: Flights) -> None:
    was = canary.controller().state().config
    start_deployment(canary)
    result = canary.roll_back(wait=0)
    assert result.state == "pending"
    assert "it was asked to stop" in result.message
    assert canary.alarm_state("abort") == "ALARM"
    canary.sweeps(3)
    assert canary.controller().state().config == was
    assert canary.live() == TARGET
    assert canary.alarm_state("abort") == "OK"


def test_a_deployment_without_guardrails_cannot_be_stopped_and_is_waited_for(canary: Flights) -> None:
    config = start_deployment(canary, ("blue", "green", "violet"))
    result = canary.roll_back(wait=5)
    assert result.state == "pending"
    assert "so it cannot be stopped" in result.message
    assert canary.alarm_state("abort") == "OK"
    canary.sweeps(7)
    assert canary.controller().state().config == config
    assert canary.live() == {"blue": 1.0, "green": 0.0, "violet": 0.0}


def test_during_the_platforms_own_maintenance_it_is_pending(canary: Flights) -> None:
    canary.control.inject("status", endpoint=ENDPOINT, status="SystemUpdating", seconds=90)
    assert canary.roll_back(wait=5).state == "pending"
    canary.sweeps(3)
    assert canary.live() == TARGET


def test_a_flip_that_the_platform_takes_back_is_made_again(canary: Flights) -> None:
    canary.control.inject("change_rolls_back", endpoint=ENDPOINT, reason="internal")
    result = canary.roll_back(wait=200)
    assert result.state == "rolled_back"
    assert canary.live() == TARGET
    assert canary.kinds().count("incident") == 1
    assert canary.replay_ledger() == Split(TARGET)


@pytest.mark.parametrize("status", ["Failed", "OutOfService", "UpdateRollbackFailed"])
def test_in_a_status_that_nothing_leaves_it_is_blocked_and_tried_again(canary: Flights, status: str) -> None:
    canary.control.inject("status", endpoint=ENDPOINT, status=status, reason="no host")
    result = canary.roll_back()
    assert result.state == "blocked"
    assert status in result.message
    assert "no host" in result.message
    assert "runbook" in result.message
    canary.control.inject("status", endpoint=ENDPOINT, status="InService")
    canary.sweeps(2)
    assert canary.live() == TARGET


def test_while_the_endpoint_is_created_it_is_blocked(account: Flights) -> None:
    config = account.make_config({"blue": 1.0, "green": 1.0})
    account.clients.sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=config)
    assert account.roll_back().state == "blocked"
    account.sweeps(7)
    assert account.live() == TARGET


def test_while_the_endpoint_is_deleted_it_is_blocked(canary: Flights) -> None:
    canary.clients.sagemaker.delete_endpoint(EndpointName=ENDPOINT)
    assert canary.roll_back().state == "blocked"
    canary.clock.advance(60)
    assert canary.sweep().state == "blocked"


def test_without_the_target_variant_it_is_blocked(canary: Flights) -> None:
    result = canary.roll_back(target="violet")
    assert result.state == "blocked"
    assert "no variant violet" in result.message
    assert canary.live() == {"blue": 0.95, "green": 0.05}


def test_a_target_without_an_instance_gets_no_traffic(canary: Flights) -> None:
    canary.control.inject("scaling", endpoint=ENDPOINT, variant="blue", instances=0)
    canary.clock.advance(120)
    result = canary.roll_back()
    assert result.state == "blocked"
    assert "has no instance" in result.message
    assert canary.live() == {"blue": 0.95, "green": 0.05}


def test_a_blocked_rollback_pages_once_for_its_reason(canary: Flights) -> None:
    canary.control.inject("status", endpoint=ENDPOINT, status="Failed", reason="no host")
    pages = read_pages(canary)
    canary.roll_back(topic=TOPIC)
    canary.sweeps(2, topic=TOPIC)
    (page,) = pages()
    assert "no host" in page
    assert "tidewatch acknowledge flights-" in page


def test_a_page_that_could_not_be_sent_is_sent_by_the_next_call(canary: Flights) -> None:
    pages = read_pages(canary)
    canary.control.inject("api", service="sns", action="Publish", code="InternalError", status=400)
    assert any("Nobody was notified" in note for note in canary.roll_back(topic=TOPIC).notes)
    canary.sweeps(2, topic=TOPIC)
    assert len(pages()) == 1


def test_an_endpoint_that_stays_busy_is_a_sentence_and_changes_nothing(canary: Flights) -> None:
    canary.control.inject("status", endpoint=ENDPOINT, status="SystemUpdating", seconds=100_000)
    with pytest.raises(EndpointBusy, match=r"SystemUpdating.*nothing was changed"):
        canary.controller(wait_seconds=600).apply(
            Split.of({"blue": 1, "green": 1}), who="pulumi", why="declared", models=canary.holds
        )
    assert "intent" not in canary.kinds()[-1:]


def test_an_endpoint_that_becomes_free_is_written_after_the_wait(canary: Flights) -> None:
    canary.control.inject("status", endpoint=ENDPOINT, status="SystemUpdating", seconds=300)
    canary.split(blue=50, green=50)
    assert canary.live() == {"blue": 0.5, "green": 0.5}


def test_the_abort_alarm_is_put_back_when_the_incident_is_acknowledged_first(canary: Flights) -> None:
    start_deployment(canary)
    incident = canary.roll_back(wait=2).incident
    canary.controller().acknowledge(incident, "operator")
    assert canary.sweep().state == "closed"
    assert canary.alarm_state("abort") == "OK"


def test_without_an_abort_alarm_a_deployment_is_waited_for(canary: Flights) -> None:
    config = start_deployment(canary)
    assert canary.roll_back(wait=5, abort_alarm="").state == "pending"
    canary.sweeps(8, abort_alarm="")
    assert canary.controller().state().config == config
    assert canary.live() == TARGET


def test_what_a_deployment_brought_meanwhile_is_quarantined_too(canary: Flights) -> None:
    config = start_deployment(canary)
    canary.controller().control.write_models(config, {"blue": canary.holds["blue"], "green": build_model("5")}, "")
    canary.roll_back(wait=5, abort_alarm="")
    canary.sweeps(8, abort_alarm="")
    assert {quarantine.artifact for quarantine in canary.controller().quarantines()} == {"artifact-4", "artifact-5"}
