"""A rollback, a change or a deployment that is killed after any of its calls is finished by the next one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.tidewatch.traffic.account import PLACE, Flights, held
from tests.tidewatch.traffic.interruptions import Fuse, Killed, mortal
from tests.tidewatch.traffic.test_busy import start_deployment
from tidewatch.traffic import Split, TrafficController, drive, replay

TARGET = Split({"blue": 1.0, "green": 0.0})
PLAN = {"monitoring_bucket": "flights-monitoring", "topic": "arn:aws:sns:us-east-1:123456789012:P1", "floor": 3}
FAR = 10_000
ACCOUNTS = 5
"""The cases are dealt out to that many, since each reads all of its account's ledger again."""


def dying(account: Flights, fuse: Fuse) -> TrafficController:
    return TrafficController(mortal(account.clients, fuse), PLACE, account.clock)


def roll_back(account: Flights, fuse: Fuse) -> None:
    deadline = account.clock.now() + timedelta(seconds=50)
    drive(account.request(), dying(account, fuse), account.plan(**PLAN), deadline)


def calls(account: Flights, action: Callable[[Flights, Fuse], None]) -> int:
    fuse = Fuse(FAR)
    action(account, fuse)
    return fuse.used


def again(account: Flights, number: int) -> None:
    """The next case begins with green back at 5, everything acknowledged, nothing under way."""
    controller = account.controller()
    account.clock.advance(1000)
    account.sweep()
    for incident in controller.incidents():
        controller.acknowledge(incident.id, f"case {number}")
    account.controller().set_capacity("blue", 2)
    account.controller().apply(
        Split.of({"blue": 95, "green": 5}), who="pulumi", why=f"case {number}", held=account.holds
    )


@pytest.mark.parametrize("first", range(1, ACCOUNTS + 1))
def test_a_rollback_killed_after_any_call_is_finished_by_the_sweep(canary: Flights, first: int) -> None:
    total = calls(canary, roll_back)
    assert total > 10
    for number in range(first, total + 1, ACCOUNTS):
        again(canary, number)
        start = len(canary.controller().entries())
        claimed = canary.controller().control.head()
        with pytest.raises(Killed):
            roll_back(canary, Fuse(number))
        head = canary.controller().control.head()
        if head == claimed:
            continue
        canary.sweeps(3, **PLAN)
        entries = canary.controller().entries()[start:]
        assert canary.live() == TARGET.to_json(), number
        assert [entry.kind for entry in entries].count("incident") == 1, number
        assert {entry.incident for entry in entries if entry.kind in ("incident", "latch")} == {head and head.incident}
        assert [entry.artifact for entry in entries if entry.kind == "latch"] == ["artifact-4"], number
        assert "observed" not in {entry.kind for entry in entries}, number
        assert TARGET.close_to(replay(canary.controller().entries())), number
        assert canary.controller().state().slots["blue"].desired_instances == 3, number


def test_a_rollback_killed_after_any_call_while_a_deployment_runs_is_finished(canary: Flights) -> None:
    number = 0
    while True:
        number += 1
        again(canary, number)
        start_deployment(canary)
        claimed = canary.controller().control.head()
        try:
            drive(canary.request(), dying(canary, Fuse(number)), canary.plan())
            break
        except Killed:
            pass
        if canary.controller().control.head() == claimed:
            continue
        canary.sweeps(4)
        assert canary.live() == TARGET.to_json(), number
        assert canary.alarm_state("abort") == "OK", number
    assert number > 7


def test_a_second_request_finishes_what_was_killed_as_well(canary: Flights) -> None:
    for number in (1, 3, 5, 7):
        again(canary, number)
        with pytest.raises(Killed):
            roll_back(canary, Fuse(number))
        assert canary.roll_back(wait=55).state == "observed"
        assert canary.live() == TARGET.to_json()


def apply_half(account: Flights, fuse: Fuse) -> None:
    declared = Split.of({"blue": 1, "green": 1})
    dying(account, fuse).apply(declared, who="pulumi", why="declared", held=account.holds)


def test_a_change_killed_after_any_call_is_no_unannounced_flip_and_can_be_repeated(canary: Flights) -> None:
    total = calls(canary, apply_half)
    for number in range(1, total + 1):
        again(canary, number)
        with pytest.raises(Killed):
            apply_half(canary, Fuse(number))
        canary.clock.advance(60)
        assert canary.sweep().observed_incident == "", number
        canary.split(blue=50, green=50)
        assert canary.live() == {"blue": 0.5, "green": 0.5}
        assert canary.told() == Split({"blue": 0.5, "green": 0.5})


def test_a_deployment_killed_after_any_call_can_be_repeated_and_ends_where_it_should(canary: Flights) -> None:
    number, killed = 0, True
    while killed:
        number += 1
        again(canary, number)
        config = canary.make_config({"blue": 1.0, "green": 0.0})
        after = {**canary.holds, "green": held(f"v{number}")}

        def deploy(fuse: Fuse, config: str = config, after: dict = after) -> None:
            dying(canary, fuse).deploy(config, held=after, changed=frozenset({"green"}))

        try:
            deploy(Fuse(number))
            killed = False
        except Killed:
            deploy(Fuse(FAR))
        canary.holds = after
        assert canary.controller().state().config == config, number
        assert canary.sweep().observed_incident == "", number
        assert TARGET.close_to(canary.told()), number
        assert canary.controller().control.get("drain") is None, number
    assert number > 9
