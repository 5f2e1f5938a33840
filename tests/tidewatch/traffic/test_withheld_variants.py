"""What an open incident holds back, and what it does not: only the control table's record brings a share by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.tidewatch.traffic.account import Flights, build_model
from tests.tidewatch.traffic.interruptions import Fuse, Killed, mortal
from tests.tidewatch.traffic.resources import Pulumi, Refusal, adopt_endpoint, providers_of
from tidewatch import clock as clocks
from tidewatch.traffic import Split

ALL_BLUE = {"blue": 1.0, "green": 0.0}
GUARDRAIL = "green-errors"


@pytest.fixture
def stack(canary: Flights, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pulumi]:
    """Blue 95, green 5, declared and live."""
    monkeypatch.setattr(clocks, "_installed", canary.clock)
    with providers_of(lambda: canary.clients):
        yield adopt_endpoint(canary, {"blue": 95.0, "green": 5.0})


def up(stack: Pulumi) -> None:
    stack.preview()
    stack.up()


def held_back(stack: Pulumi) -> str:
    return stack.account.controller().describe_withheld_variants(Split.of(stack.config.weights))


def rolled_back(stack: Pulumi) -> str:
    """Green was rolled back; the incident, which is open."""
    assert stack.account.roll_back().state == "rolled_back"
    assert stack.account.live() == ALL_BLUE
    (incident,) = stack.account.controller().open_incidents()
    return incident.id


def flip_weights(stack: Pulumi) -> str:
    """Somebody moved the weights to 35/65; the incident, which is open."""
    stack.account.flip_behind(blue=0.35, green=0.65)
    stack.account.sweep()
    return stack.account.controller().open_incidents()[-1].id


def other_model(stack: Pulumi, variant: str, version: str) -> None:
    stack.config.holds = {**stack.config.holds, variant: build_model(version)}


def other_environment(stack: Pulumi) -> None:
    """The same models, run in another way."""
    holds = stack.config.holds
    stack.config.holds = {variant: replace(one, content=f"{one.content}-otherwise") for variant, one in holds.items()}


@pytest.mark.parametrize("refreshed", ["before", "after", "never"])
def test_what_a_rollback_took_away_does_not_come_back_by_an_acknowledgement(stack: Pulumi, refreshed: str) -> None:
    incident = rolled_back(stack)
    assert held_back(stack) == "", "nothing is promised"
    if refreshed == "before":
        stack.refresh()
    stack.account.controller().acknowledge(incident, "ana")
    if refreshed == "after":
        stack.refresh()
    up(stack)
    assert stack.account.live() == ALL_BLUE
    stack.config.weights = {"blue": 90.0, "green": 10.0}
    up(stack)
    assert stack.account.live() == {"blue": 0.9, "green": 0.1}


@pytest.mark.parametrize("by_config", [True, False])
def test_nor_by_another_environment_over_the_open_incident(stack: Pulumi, by_config: bool) -> None:
    stack.account.flip_behind(blue=1.0, green=0.0)
    incident = stack.account.sweep().out_of_band_incident
    other_environment(stack)
    up(stack)
    assert held_back(stack) == ""
    stack.refresh()
    if by_config:
        stack.config.acknowledged = incident
    else:
        stack.account.controller().acknowledge(incident, "ana")
    up(stack)
    up(stack)
    assert stack.account.live() == ALL_BLUE


@pytest.mark.parametrize("refreshed", [True, False])
def test_a_model_that_came_over_a_flip_gets_its_share_with_the_acknowledgement(stack: Pulumi, refreshed: bool) -> None:
    incident = flip_weights(stack)
    other_model(stack, "green", "5")
    up(stack)
    assert stack.account.live() == ALL_BLUE
    assert f"Variant green gets no traffic while incident {incident} is open" in held_back(stack)
    if refreshed:
        stack.refresh()
    up(stack)
    stack.account.sweeps(3)
    assert stack.account.live() == ALL_BLUE
    stack.account.controller().acknowledge(incident, "ana")
    assert held_back(stack) == ""
    up(stack)
    assert stack.account.live() == {"blue": 0.95, "green": 0.05}
    assert stack.account.controller().control.get("drain") is None


def test_a_model_that_came_into_a_variant_that_was_rolled_back_gets_its_share_with_the_acknowledgement(
    stack: Pulumi,
) -> None:
    incident = rolled_back(stack)
    other_model(stack, "green", "5")
    up(stack)
    assert stack.account.live() == ALL_BLUE
    assert f"Variant green gets no traffic while incident {incident} is open" in held_back(stack)
    stack.config.acknowledged = incident
    up(stack)
    assert stack.account.live() == {"blue": 0.95, "green": 0.05}


def test_an_incident_since_then_takes_the_promise_away_for_good(stack: Pulumi) -> None:
    first = flip_weights(stack)
    other_model(stack, "green", "5")
    up(stack)
    flip_weights(stack)
    assert held_back(stack) == ""
    assert stack.account.roll_back().state == "rolled_back"
    assert first in {one.id for one in stack.account.controller().open_incidents()}
    for incident in stack.account.controller().open_incidents():
        stack.account.controller().acknowledge(incident.id, "ana")
    up(stack)
    assert stack.account.live() == ALL_BLUE


def test_every_open_incident_is_named_that_holds_a_variant_back(stack: Pulumi) -> None:
    first = rolled_back(stack)
    stack.account.clock.advance(600)
    second = flip_weights(stack)
    other_model(stack, "green", "5")
    up(stack)
    assert held_back(stack).startswith(f"Variant green gets no traffic while incidents {first}, {second} are open: ")
    stack.account.controller().acknowledge(first, "ana")
    up(stack)
    assert stack.account.live() == ALL_BLUE
    assert held_back(stack).startswith(f"Variant green gets no traffic while incident {second} is open: ")


def test_a_share_that_is_owed_is_refused_in_preview_while_its_guardrail_is_in_alarm(stack: Pulumi) -> None:
    stack.account.put_alarm(GUARDRAIL)
    stack.config.guardrails = {"green": GUARDRAIL}
    incident = flip_weights(stack)
    other_model(stack, "green", "5")
    up(stack)
    stack.account.put_alarm(GUARDRAIL, "ALARM")
    stack.config.acknowledged = incident
    said = f"Variant green cannot get more traffic while its guardrail {GUARDRAIL} is in ALARM"
    with pytest.raises(Refusal, match=said):
        stack.preview()
    with pytest.raises(Refusal, match=said):
        stack.up("gate")
    assert [one.id for one in stack.account.controller().open_incidents()] == [incident], "nothing was acknowledged"
    stack.config.acknowledged = ""
    stack.account.controller().acknowledge(incident, "ana")
    with pytest.raises(Refusal, match=said):
        stack.preview()
    stack.account.put_alarm(GUARDRAIL)
    up(stack)
    assert stack.account.live() == {"blue": 0.95, "green": 0.05}


def killed_after_its_drain(stack: Pulumi) -> None:
    """An `up` that dies once green is drained, before its configuration is asked for."""
    account = stack.account
    for call in range(1, 40):
        with pytest.raises(Killed), providers_of(lambda n=call: mortal(account.clients, Fuse(n))):
            stack.up()
        account.clock.advance(30)
        if account.live() == ALL_BLUE:
            return
    raise AssertionError("never drained")


def test_a_second_drain_is_written_down_with_the_first(stack: Pulumi) -> None:
    stack.config.weights = {"blue": 90.0, "green": 10.0}
    up(stack)
    incident = flip_weights(stack)
    before = dict(stack.config.holds)
    other_model(stack, "green", "5")
    killed_after_its_drain(stack)
    stack.config.holds = before
    other_model(stack, "blue", "6")
    up(stack)
    assert stack.account.live() == {"blue": 0.0, "green": 1.0}, "what blue had was another model's"
    assert f"Variant blue gets no traffic while incident {incident} is open" in held_back(stack)
    stack.account.controller().acknowledge(incident, "ana")
    up(stack)
    assert stack.account.live() == {"blue": 0.9, "green": 0.1}


def test_no_drain_sends_traffic_to_a_model_that_is_held_back(stack: Pulumi) -> None:
    flip_weights(stack)
    other_model(stack, "green", "5")
    up(stack)
    other_model(stack, "blue", "6")
    with pytest.raises(Refusal, match="no other variant can take it"):
        stack.preview()
    assert stack.account.live() == ALL_BLUE


def test_a_killed_drain_comes_back_as_it_was_and_not_as_it_is_declared(stack: Pulumi) -> None:
    incident = flip_weights(stack)
    stack.account.controller().acknowledge(incident, "ana")
    before = dict(stack.config.holds)
    other_model(stack, "green", "5")
    killed_after_its_drain(stack)
    stack.config.holds = before
    up(stack)
    assert stack.account.live() == {"blue": 0.35, "green": 0.65}
    assert stack.account.controller().control.get("drain") is None
