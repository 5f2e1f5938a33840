"""The first endpoint: where it ended Failed before it served, the next deployment makes it again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tidewatch.traffic.account import ENDPOINT, Flights, build_model
from tests.tidewatch.traffic.interruptions import Fuse, Killed, mortal
from tidewatch.traffic import (
    ArtifactQuarantined,
    DeploymentFailed,
    EndpointMissing,
    EndpointUnusable,
    LedgerEntry,
    NoCapacity,
    Split,
    TrafficError,
)

TAGS = {"owner": "ml-platform", "team": "flights"}


@pytest.fixture
def failed_endpoint(account: Flights) -> Flights:
    """A first endpoint for which there was no capacity, blue 95 and green 5 in its configuration."""
    account.control.inject("create_fails", endpoint=ENDPOINT)
    config = account.make_config({"blue": 95.0, "green": 5.0})
    account.clients.sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=config)
    account.clock.advance(300)
    assert account.status() == "Failed"
    account.holds = {"blue": build_model("3"), "green": build_model("4")}
    return account


def again(account: Flights, instance_type: str = "ml.g5.2xlarge") -> str:
    """A deployment of another configuration; its name."""
    config = account.make_config({"blue": 1.0, "green": 0.0}, instance_type=instance_type)
    account.controller().deploy(config, models=account.holds, content="", changed_variants=frozenset(), tags=TAGS)
    return config


def serving(account: Flights, config: str) -> None:
    found = account.clients.sagemaker.describe_endpoint(EndpointName=ENDPOINT)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", config)
    tags = account.clients.sagemaker.list_tags(ResourceArn=found["EndpointArn"])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == TAGS
    assert Split.from_single_variant("blue").is_close_to(account.replay_ledger())
    assert account.controller().requested_config() == config


def test_it_is_made_again_on_the_configuration_of_now_with_its_tags(failed_endpoint: Flights) -> None:
    serving(failed_endpoint, again(failed_endpoint))


def test_who_waits_for_it_lives_under_the_name_that_it_asks_with(failed_endpoint: Flights) -> None:
    """Of a writer that is taken for dead, what it asked for is reported as rolled back while it still waits."""
    seen: list[tuple[str, bool]] = []

    def look() -> None:
        if (other := failed_endpoint.controller()).control.read_requested_endpoint():
            name = other.control.read_requesting_writer()
            seen.append((name, other.writer.heartbeat.is_other_alive(name)))

    failed_endpoint.clock.on_advance.append(look)
    again(failed_endpoint)
    failed_endpoint.clock.on_advance.remove(look)
    assert len(seen) > 10
    assert {name for name, _ in seen} == {seen[0][0]}
    assert seen[0][0]
    assert all(lives for _, lives in seen)
    assert not failed_endpoint.controller().writer.heartbeat.is_other_alive(seen[0][0])


def test_one_that_fails_again_says_why_and_is_made_again_by_the_next(failed_endpoint: Flights) -> None:
    failed_endpoint.control.inject("create_fails", endpoint=ENDPOINT)
    with pytest.raises(
        NoCapacity, match=r"no instances for the first endpoint .*InsufficientInstanceCapacity.*creates"
    ):
        again(failed_endpoint)
    failed_endpoint.control.inject("create_fails", endpoint=ENDPOINT, reason="health_check")
    with pytest.raises(DeploymentFailed, match=r"did not start on .*-cfg-3: .*ping health check.*never served"):
        again(failed_endpoint)
    serving(failed_endpoint, again(failed_endpoint))


@pytest.mark.parametrize("seconds", [0, 900])
@pytest.mark.parametrize("calls", range(1, 8))
def test_whatever_kills_it_on_the_way_the_next_deployment_goes_on(
    failed_endpoint: Flights, calls: int, seconds: int
) -> None:
    """Killed after its n-th writing call: what is asked for, DeleteEndpoint, what is asked for, CreateEndpoint, ..."""
    config = failed_endpoint.make_config({"blue": 1.0, "green": 0.0})
    dying = failed_endpoint.controller(clients=mortal(failed_endpoint.clients, Fuse(calls)))
    with pytest.raises(Killed):
        dying.deploy(config, models=failed_endpoint.holds, content="", changed_variants=frozenset(), tags=TAGS)
    failed_endpoint.clock.advance(seconds)
    assert set(failed_endpoint.controller().read_gauges().endpoint.values()) == {0.0}
    serving(failed_endpoint, again(failed_endpoint, "ml.g5.4xlarge"))


def test_one_that_has_served_keeps_its_runbook(endpoint: Flights) -> None:
    config = endpoint.controller().state().config
    endpoint.control.inject("status", endpoint=ENDPOINT, status="Failed", reason="gone")
    for wanted in (config, endpoint.make_config({"blue": 1.0, "green": 0.0})):
        with pytest.raises(EndpointUnusable, match=r"Failed: gone.*runbook"):
            endpoint.controller().deploy(wanted, models=endpoint.holds, content="", changed_variants=frozenset())
    assert endpoint.status() == "Failed"
    assert not endpoint.controller().has_never_served()


def test_one_that_somebody_deleted_is_not_made_behind_pulumis_back(failed_endpoint: Flights) -> None:
    failed_endpoint.clients.sagemaker.delete_endpoint(EndpointName=ENDPOINT)
    failed_endpoint.clock.advance(60)
    with pytest.raises(EndpointMissing, match="does not exist"):
        again(failed_endpoint)


def test_it_never_begins_with_what_was_rolled_back(failed_endpoint: Flights) -> None:
    other = failed_endpoint.controller(
        resource_names=failed_endpoint.resource_names.__class__(
            failed_endpoint.resource_names.key, "flights-old", "ledger", "control"
        )
    )
    rolled_back(other, failed_endpoint)
    with pytest.raises(ArtifactQuarantined):
        again(failed_endpoint)
    assert failed_endpoint.status() == "Failed"


def rolled_back(controller: Any, account: Flights) -> None:
    """An earlier endpoint's ledger: what blue holds now was rolled back on it."""
    now, blue = account.clock.now(), account.holds["blue"]
    quarantined: Any = {"variant": "green", "artifact": blue.artifact, "image": blue.image, "config": "old"}
    for entry in (
        LedgerEntry("incident", "operator", now, "errors", incident="flights-1", target="blue"),
        LedgerEntry("quarantine", "operator", now, "errors", incident="flights-1", **quarantined),
    ):
        controller.ledger.append(lambda _entries, entry=entry: entry)


def test_a_rollback_and_the_gate_treat_it_as_not_there(failed_endpoint: Flights) -> None:
    result = failed_endpoint.roll_back()
    assert (result.state, result.incident) == ("no_incident", "")
    assert "has never served" in result.message
    assert failed_endpoint.kinds() == []
    other = {**failed_endpoint.holds, "blue": build_model("9")}
    failed_endpoint.controller().require_update_allowed(
        declared=Split.of({"blue": 95, "green": 5}), previous=Split.of({"blue": 95, "green": 5}), models=other,
        champion="blue", previous_champion="blue",
    )  # fmt: skip


def test_an_endpoint_that_nobody_finds_is_still_an_error(account: Flights) -> None:
    account.holds = {"blue": build_model("3"), "green": build_model("4")}
    with pytest.raises(TrafficError):
        again(account)
