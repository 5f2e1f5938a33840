"""Deployments: what they drain, what they end on, and how they fail."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.tidewatch.traffic.account import ENDPOINT, Flights, build_model
from tidewatch.traffic import (
    ChangeRefused,
    DeploymentPolicy,
    EndpointMissing,
    EndpointUnusable,
    IncidentOpen,
    NoCapacity,
    SilentRollback,
    Split,
)
from tidewatch.traffic.alarm_api import describe_fired_alarms


def test_a_deployment_drains_the_variant_it_changes_and_keeps_the_others(canary: Flights) -> None:
    record = canary.deploy("green", build_model("5"))
    assert record.changed
    assert record.before == Split({"blue": 0.95, "green": 0.05})
    assert canary.live() == {"blue": 1.0, "green": 0.0}
    canary.controller().apply_after_deployment(Split.of({"blue": 95, "green": 5}), canary.holds)
    assert canary.live() == {"blue": 0.95, "green": 0.05}
    assert canary.replay_ledger() == Split({"blue": 0.95, "green": 0.05})


def test_deploying_what_is_live_changes_nothing(canary: Flights) -> None:
    config = canary.controller().state().config
    record = canary.controller().deploy(config, models=canary.holds, content="", changed_variants=frozenset())
    assert (record.changed, record.seconds) == (False, 0)


def test_live_counts_are_kept_by_a_deployment(canary: Flights) -> None:
    canary.controller().set_capacity("green", 3)
    canary.deploy("green", build_model("5"))
    assert canary.controller().state().variants["green"].instances == 3


def test_a_variant_that_joins_gets_no_traffic_and_the_declared_instances(endpoint: Flights) -> None:
    config = endpoint.make_config({"blue": 1.0, "green": 0.0, "violet": 0.0})
    after = {**endpoint.holds, "violet": build_model("5")}
    endpoint.controller().deploy(
        config, models=after, content="", changed_variants=frozenset(), instances={"violet": 3}
    )
    state = endpoint.controller().state()
    assert endpoint.live() == {"blue": 1.0, "green": 0.0, "violet": 0.0}
    assert state.variants["violet"].instances == 3


def test_a_variant_does_not_join_with_traffic_of_its_own(canary: Flights) -> None:
    config = canary.make_config({"blue": 0.0, "green": 0.0, "violet": 1.0})
    with pytest.raises(ChangeRefused, match="violet would join"):
        canary.controller().deploy(
            config, models={**canary.holds, "violet": build_model("5")}, content="", changed_variants=frozenset()
        )
    assert canary.live() == {"blue": 0.95, "green": 0.05}


def test_a_split_set_since_a_drain_that_failed_is_what_a_later_failure_goes_back_to(canary: Flights) -> None:
    canary.controller().control.put("drain", {"before": {"blue": 0.5, "green": 0.5}, "sequence": 0, "config": "old"})
    canary.controller().apply(Split.of({"blue": 90, "green": 10}), who="pulumi", why="an edit", models=canary.holds)
    canary.control.inject("deployment_fails", endpoint=ENDPOINT, reason="The container did not pass the health check.")
    with pytest.raises(SilentRollback):
        canary.deploy("green", build_model("5"))
    assert canary.live() == {"blue": 0.9, "green": 0.1}


def test_a_variant_that_goes_is_drained_first(canary: Flights) -> None:
    config = canary.make_config({"blue": 1.0})
    record = canary.controller().deploy(
        config, models={"blue": canary.holds["blue"]}, content="", changed_variants=frozenset()
    )
    assert record.after == Split({"blue": 1.0})
    assert "drain" in {entry.who for entry in canary.controller().entries()}
    assert canary.controller().detect_out_of_band() is None


def test_the_only_variant_that_can_take_traffic_is_not_changed(account: Flights) -> None:
    account.create({"blue": 1.0})
    with pytest.raises(ChangeRefused, match="no other variant can take it"):
        account.deploy("blue", build_model("5"))
    assert account.live() == {"blue": 1.0}


def test_a_silent_rollback_is_an_error_that_names_both_configurations(canary: Flights) -> None:
    was = canary.controller().state().config
    canary.control.inject("deployment_fails", endpoint=ENDPOINT, reason="The container did not pass the health check.")
    with pytest.raises(SilentRollback) as raised:
        canary.deploy("green", build_model("5"))
    words = str(raised.value)
    assert was in words
    assert "flights-cfg-2" in words
    assert "did not pass the health check" in words
    assert canary.live() == {"blue": 0.95, "green": 0.05}
    assert canary.replay_ledger() == Split({"blue": 0.95, "green": 0.05})


def test_a_deployment_without_capacity_says_what_to_do(canary: Flights) -> None:
    canary.control.inject("deployment_fails", endpoint=ENDPOINT, reason="InsufficientInstanceCapacity: none left.")
    was = canary.controller().state().config
    with pytest.raises(NoCapacity, match="use another instance type") as raised:
        canary.deploy("green", build_model("5"))
    assert f"It is on {was}, not on flights-cfg-2." in str(raised.value)
    assert canary.live() == {"blue": 0.95, "green": 0.05}


def test_a_deployment_that_failed_says_so_where_the_traffic_does_not_come_back_either(canary: Flights) -> None:
    def refuse() -> None:
        state = canary.clients.sagemaker.describe_endpoint(EndpointName=ENDPOINT)
        if "PendingDeploymentSummary" in state and not canary.control.faults():
            action = "UpdateEndpointWeightsAndCapacities"
            canary.control.inject("api", service="sagemaker", action=action, code="InternalFailure", status=400)

    canary.control.inject("deployment_fails", endpoint=ENDPOINT, reason="The container did not pass the health check.")
    canary.clock.on_advance.append(refuse)
    with pytest.raises(SilentRollback, match=r"health check.*The previous split .* not be restored: .*InternalFailure"):
        canary.deploy("green", build_model("5"))
    canary.clock.on_advance.remove(refuse)
    canary.clock.advance(600)
    canary.sweeps(2)
    assert canary.live() == {"blue": 0.95, "green": 0.05}


def test_a_deployment_stopped_by_an_alarm_names_the_alarm(canary: Flights) -> None:
    canary.put_alarm("latency")

    def trip() -> None:
        state = canary.clients.sagemaker.describe_endpoint(EndpointName=ENDPOINT)
        if "PendingDeploymentSummary" in state and canary.alarm_state("latency") == "OK":
            canary.clients.cloudwatch.set_alarm_state(AlarmName="latency", StateValue="ALARM", StateReason="slow")

    canary.clock.on_advance.append(trip)
    with pytest.raises(SilentRollback, match="latency"):
        canary.deploy("green", build_model("5"), policy=DeploymentPolicy(alarms=("latency",)))


def test_over_an_open_incident_a_model_that_did_not_serve_gets_nothing_until_it_is_acknowledged(
    canary: Flights,
) -> None:
    canary.flip_behind(blue=0.35, green=0.65)
    incident = canary.sweep().out_of_band_incident
    declared = Split.of({"blue": 90, "green": 10})
    canary.deploy("green", build_model("5"))
    canary.controller().apply_after_deployment(declared, canary.holds)
    canary.sweeps(3)
    assert canary.live() == {"blue": 1.0, "green": 0.0}
    assert (
        f"Variant green gets no traffic while incident {incident} is open"
        in canary.controller().describe_withheld_variants(declared)
    )
    canary.controller().acknowledge(incident, "ana")
    assert canary.controller().describe_withheld_variants(declared) == ""
    canary.controller().apply_after_deployment(declared, canary.holds)
    assert canary.live() == {"blue": 0.9, "green": 0.1}


def test_over_an_open_incident_a_deployment_that_failed_ends_on_the_split_from_before_its_drain(
    canary: Flights,
) -> None:
    canary.flip_behind(blue=0.7, green=0.3)
    assert canary.sweep().out_of_band_incident
    canary.control.inject("deployment_fails", endpoint=ENDPOINT, reason="The container did not pass the health check.")
    with pytest.raises(SilentRollback):
        canary.deploy("green", build_model("5"))
    assert canary.live() == {"blue": 0.7, "green": 0.3}


def test_a_quarantined_artifact_gets_no_traffic_by_a_deployment(canary: Flights) -> None:
    canary.roll_back()
    canary.flip_behind(blue=0.7, green=0.3)
    canary.sweep()
    canary.deploy("green", build_model("9", artifact="artifact-4"))
    canary.controller().apply_after_deployment(Split.of({"blue": 95, "green": 5}), canary.holds)
    assert canary.live() == {"blue": 1.0, "green": 0.0}


def test_a_rollback_during_a_deployment_keeps_the_traffic(canary: Flights) -> None:
    seen: list[str] = []

    def ask() -> None:
        state = canary.clients.sagemaker.describe_endpoint(EndpointName=ENDPOINT)
        if "PendingDeploymentSummary" in state and not seen:
            seen.append("asked")
            seen.append(canary.roll_back(wait=0).state)

    canary.clock.on_advance.append(ask)
    with pytest.raises(SilentRollback, match="abort"):
        canary.deploy("green", build_model("5"))
    canary.clock.on_advance.remove(ask)
    canary.sweeps(2)
    assert seen == ["asked", "pending"]
    assert canary.live() == {"blue": 1.0, "green": 0.0}
    assert canary.alarm_state("abort") == "OK"


def test_nothing_is_deployed_while_a_rollback_is_under_way(canary: Flights) -> None:
    canary.ask_weights(blue=1, green=1)
    canary.roll_back(wait=1)
    canary.clock.advance(60)
    with pytest.raises(IncidentOpen, match="pending"):
        canary.deploy("green", build_model("5"))


def test_a_deployment_that_died_after_its_drain_still_knows_the_split_of_before(canary: Flights) -> None:
    canary.control.inject("api", service="sagemaker", action="UpdateEndpoint", code="InternalFailure", status=400)
    with pytest.raises(Exception, match="InternalFailure"):
        canary.deploy("green", build_model("5"))
    assert canary.live() == {"blue": 1.0, "green": 0.0}
    record = canary.deploy("green", build_model("5"))
    assert record.before == Split({"blue": 0.95, "green": 0.05})


def test_autoscaling_is_taken_off_a_variant_that_changes_its_instance_type_and_put_back(canary: Flights) -> None:
    scaling = canary.clients.autoscaling
    assert scaling is not None
    resource = f"endpoint/{ENDPOINT}/variant/green"
    dimension = "sagemaker:variant:DesiredInstanceCount"
    scaling.register_scalable_target(
        ServiceNamespace="sagemaker", ResourceId=resource, ScalableDimension=dimension, MinCapacity=2, MaxCapacity=6
    )
    config = canary.make_config({"blue": 1.0, "green": 0.0}, instance_type="ml.g5.2xlarge")
    after = {**canary.holds, "green": build_model("5")}
    canary.controller().deploy(config, models=after, content="", changed_variants=frozenset({"green"}))
    assert canary.controller().state().config == config
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]) == (resource, 2, 6)


def test_a_missing_endpoint_and_a_failed_one_are_sentences(account: Flights) -> None:
    with pytest.raises(EndpointMissing, match="does not exist"):
        account.deploy("green", build_model("5"))
    account.create()
    account.control.inject("status", endpoint=ENDPOINT, status="Failed", reason="gone")
    with pytest.raises(EndpointUnusable, match="Failed: gone"):
        account.deploy("green", build_model("5"))


class History:
    """CloudWatch's answer on the history of an alarm."""

    def __init__(self, *states: str) -> None:
        self._states = states

    def describe_alarm_history(self, **_asked: object) -> dict[str, object]:
        if "unreadable" in self._states:
            raise RuntimeError("AccessDenied")
        data = [json.dumps({"newState": {"stateValue": state}}) for state in self._states]
        return {"AlarmHistoryItems": [{"HistoryData": one} for one in data]}


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ((), r"none of the deployment's alarms \(abort, latency\) fired"),
        (("OK", "ALARM"), "alarms that fired: abort, latency"),
        (("unreadable",), "could not be read"),
    ],
)
def test_the_alarms_of_a_deployment_are_named_also_when_none_fired(states: tuple[str, ...], words: str) -> None:
    client: Any = History(*states)
    now = datetime.now(UTC)
    assert re.search(words, describe_fired_alarms(client, ("abort", "latency"), now, now))
