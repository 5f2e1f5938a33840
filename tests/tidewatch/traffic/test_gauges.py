"""What the gauges say of an endpoint: one value of each gauge at every moment of its life."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tidewatch.traffic.account import ENDPOINT, Flights, build_model, handle_event
from tidewatch import metrics
from tidewatch.traffic import ChangeRefused, SilentRollback, TrafficError

CALM = {
    "OpenIncidents": 0,
    "OutOfBandChanges": 0,
    "RollbackPendingSeconds": 0,
    "DeploymentRunning": 0,
    "DeploymentRolledBack": 0,
    "EndpointNotInService": 0,
    "RecordsRefused": 0,
}


def read(account: Flights, **options: Any) -> dict[str, float]:
    return {metric.name: value for metric, value in account.controller(**options).read_gauges().endpoint.items()}


def seen_during(account: Flights, status: str) -> list[dict[str, float]]:
    """The gauges whenever the clock moves while the endpoint has that status."""
    found: list[dict[str, float]] = []

    def look() -> None:
        if account.status() == status:
            found.append(read(account))

    account.clock.on_advance.append(look)
    return found


def test_a_calm_endpoint_has_every_gauge_at_zero(canary: Flights) -> None:
    assert read(canary) == CALM
    assert all(metric.dimensions == ("Stack",) for metric in canary.controller().read_gauges().endpoint)
    assert {metric.name for metric in canary.controller().read_gauges().endpoint} <= {
        metric.name for metric in metrics.EMITTED_METRICS
    }


def test_the_live_share_of_each_variant_is_told(canary: Flights) -> None:
    canary.flip_behind(blue=0.4, green=0.6)
    assert canary.controller().read_gauges().shares == {"blue": pytest.approx(0.4), "green": pytest.approx(0.6)}


def test_the_endpoint_is_described_once(canary: Flights) -> None:
    asked: list[str] = []

    def note(model: Any, **_: Any) -> None:
        asked.append(model.name)

    with handle_event(canary.clients.sagemaker, "before-call.sagemaker", note):
        read(canary)
    assert asked == ["DescribeEndpoint"]


def test_a_change_behind_our_back_counts_until_it_is_acknowledged(canary: Flights) -> None:
    canary.flip_behind(blue=0.5, green=0.5)
    found = canary.sweep().out_of_band_incident
    assert read(canary) == CALM | {"OpenIncidents": 1, "OutOfBandChanges": 1}
    canary.controller().acknowledge(found, "ana")
    assert read(canary) == CALM


def test_a_rollback_is_pending_from_its_request_until_its_weights_are_observed(canary: Flights) -> None:
    canary.ask_weights(blue=0.9, green=0.1)
    canary.roll_back(wait=0)
    canary.clock.advance(20)
    assert read(canary) == CALM | {"OpenIncidents": 1, "RollbackPendingSeconds": 20}
    canary.sweeps(2)
    assert read(canary) == CALM | {"OpenIncidents": 1}


def test_a_blocked_rollback_stays_pending_until_it_is_acknowledged(canary: Flights) -> None:
    canary.control.inject("status", endpoint=ENDPOINT, status="UpdateRollbackFailed")
    incident = canary.roll_back().incident
    canary.clock.advance(600)
    assert read(canary)["RollbackPendingSeconds"] == 600
    canary.controller().acknowledge(incident, "ana")
    assert read(canary)["RollbackPendingSeconds"] == 0


def test_a_deployment_runs_until_its_configuration_is_live(canary: Flights) -> None:
    during = seen_during(canary, "Updating")
    canary.deploy("green", build_model("5"))
    moving = [one for one in during if one["DeploymentRunning"]]
    assert moving
    assert all(one == CALM | {"DeploymentRunning": 1} for one in moving)
    assert read(canary) == CALM


def test_a_change_of_weights_is_no_deployment_not_even_when_it_rolls_back(canary: Flights) -> None:
    during = seen_during(canary, "Updating") + seen_during(canary, "RollingBack")
    canary.control.inject("change_rolls_back", endpoint=ENDPOINT)
    with pytest.raises(TrafficError):
        canary.split(blue=50, green=50)
    assert all(one == CALM for one in during)
    assert read(canary) == CALM


def test_a_deployment_undone_shows_once_it_is_over_and_until_the_next_one_is_live(canary: Flights) -> None:
    back = seen_during(canary, "RollingBack")
    canary.control.inject("deployment_fails", endpoint=ENDPOINT, reason="health_check")
    with pytest.raises(SilentRollback):
        canary.deploy("green", build_model("5"))
    assert back
    assert all((one["DeploymentRunning"], one["DeploymentRolledBack"]) == (1, 0) for one in back)
    assert read(canary) == CALM | {"DeploymentRolledBack": 1}
    canary.deploy("green", build_model("6"))
    assert read(canary) == CALM


def test_declaring_again_what_is_live_takes_the_failed_wish_back(canary: Flights) -> None:
    live = canary.controller().state().config
    canary.control.inject("deployment_fails", endpoint=ENDPOINT, reason="health_check")
    with pytest.raises(SilentRollback):
        canary.deploy("green", build_model("5"))
    canary.controller().deploy(live, models=canary.holds, content="", changed_variants=frozenset())
    assert read(canary) == CALM


def test_a_deployment_that_was_refused_was_not_undone(canary: Flights) -> None:
    canary.control.inject(
        "api", service="sagemaker", action="UpdateEndpoint", code="ValidationException", message="No.", status=400
    )
    with pytest.raises(TrafficError):
        canary.deploy("green", build_model("5"))
    assert read(canary) == CALM
    joining = canary.make_config({"blue": 0.0, "green": 0.0, "violet": 1.0})
    with pytest.raises(ChangeRefused):
        canary.controller().deploy(
            joining, models={**canary.holds, "violet": build_model("6")}, content="", changed_variants=frozenset()
        )
    assert read(canary) == CALM


def test_a_deployment_whose_acceptance_was_lost_on_the_way_was_not_undone(canary: Flights) -> None:
    sagemaker, calls = canary.clients.sagemaker, list[str]()

    def accept(params: Any, **_: Any) -> None:
        calls.append("UpdateEndpoint")
        if len(calls) == 1:
            sagemaker.update_endpoint(**json.loads(params["body"]))

    during = seen_during(canary, "Updating")
    with handle_event(sagemaker, "before-call.sagemaker.UpdateEndpoint", accept):
        canary.deploy("green", build_model("5"))
    assert len(calls) > 2
    assert not any(one["DeploymentRolledBack"] for one in during)
    assert read(canary) == CALM


def test_a_deployment_that_its_program_did_not_live_to_see_undone_shows(canary: Flights) -> None:
    canary.control.inject("deployment_fails", endpoint=ENDPOINT, reason="health_check")

    def die() -> None:
        if canary.controller().state().deploying_config:
            raise KeyboardInterrupt

    canary.clock.on_advance.append(die)
    with pytest.raises(KeyboardInterrupt):
        canary.deploy("green", build_model("5"))
    canary.clock.on_advance.remove(die)
    assert read(canary)["DeploymentRunning"] == 1
    canary.clock.advance(600)
    assert read(canary) == CALM | {"DeploymentRolledBack": 1}


def test_an_endpoint_of_another_name_was_asked_for_nothing_yet(canary: Flights) -> None:
    canary.controller().control.write_requested_config("flights-before", "a configuration of then")
    assert read(canary) == CALM


@pytest.mark.parametrize("status", ["Failed", "OutOfService", "UpdateRollbackFailed"])
def test_a_status_that_nobody_leaves_by_himself_is_not_in_service(canary: Flights, status: str) -> None:
    canary.control.inject("status", endpoint=ENDPOINT, status=status)
    assert read(canary) == CALM | {"EndpointNotInService": 1}
    canary.control.inject("status", endpoint=ENDPOINT, status="InService")
    assert read(canary) == CALM


def test_maintenance_is_in_service(canary: Flights) -> None:
    canary.control.inject("status", endpoint=ENDPOINT, status="SystemUpdating", seconds=90)
    assert read(canary) == CALM


def test_an_endpoint_that_has_served_is_missed_while_it_is_gone_or_made_again(canary: Flights) -> None:
    sagemaker = canary.clients.sagemaker
    sagemaker.delete_endpoint(EndpointName=ENDPOINT)
    assert read(canary) == CALM | {"EndpointNotInService": 1}
    canary.clock.advance(60)
    assert read(canary)["EndpointNotInService"] == 1
    config = canary.make_config({"blue": 1.0})
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=config)
    assert read(canary)["EndpointNotInService"] == 1
    canary.clock.advance(300)
    assert read(canary)["EndpointNotInService"] == 0


def test_a_first_endpoint_that_has_yet_to_serve_is_missed_by_nobody(account: Flights) -> None:
    sagemaker = account.clients.sagemaker
    assert read(account) == CALM
    account.control.inject("create_fails", endpoint=ENDPOINT)
    sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=account.make_config({"blue": 1.0}))
    assert read(account) == CALM
    account.clock.advance(300)
    assert account.status() == "Failed"
    assert read(account) == CALM
    sagemaker.delete_endpoint(EndpointName=ENDPOINT)
    assert read(account) == CALM
