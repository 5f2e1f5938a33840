"""A rollback, a change or a deployment that is killed after any of its calls is finished by the next one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.tidewatch.rollback.test_busy_endpoint import start_deployment
from tests.tidewatch.traffic.account import ENDPOINT, PLACE, Flights, build_model
from tests.tidewatch.traffic.interruptions import Fuse, Killed, mortal
from tidewatch.rollback import run_rollback
from tidewatch.traffic import Split, TrafficController, replay_split

TARGET = Split({"blue": 1.0, "green": 0.0})
CANARY = Split({"blue": 0.95, "green": 0.05})
PLAN = {"monitoring_bucket": "flights-monitoring", "topic": "arn:aws:sns:us-east-1:123456789012:P1", "floor": 3}
FAR = 10_000
ACCOUNTS = 5
"""The cases are dealt out to that many, since each reads all of its account's ledger again."""


def dying(account: Flights, fuse: Fuse) -> TrafficController:
    return TrafficController(mortal(account.clients, fuse), PLACE, account.clock)


def roll_back(account: Flights, fuse: Fuse) -> None:
    deadline = account.clock.now() + timedelta(seconds=50)
    run_rollback(account.request(), dying(account, fuse), account.plan(**PLAN), deadline)


def calls(account: Flights, action: Callable[[Flights, Fuse], None]) -> int:
    fuse = Fuse(FAR)
    action(account, fuse)
    return fuse.used


def again(account: Flights, number: int) -> None:
    """The next case begins with green back at 5, everything acknowledged, nothing under way."""
    controller = account.controller()
    account.clock.advance(1000)
    account.sweep()
    for incident in controller.open_incidents():
        controller.acknowledge(incident.id, f"case {number}")
    account.controller().set_capacity("blue", 2)
    account.controller().apply(
        Split.of({"blue": 95, "green": 5}), who="pulumi", why=f"case {number}", models=account.holds
    )


@pytest.mark.parametrize("first", range(1, ACCOUNTS + 1))
def test_a_rollback_killed_after_any_call_is_finished_by_the_sweep(canary: Flights, first: int) -> None:
    total = calls(canary, roll_back)
    assert total > 10
    for number in range(first, total + 1, ACCOUNTS):
        again(canary, number)
        start = len(canary.controller().entries())
        claimed = canary.controller().control.read_run()
        with pytest.raises(Killed):
            roll_back(canary, Fuse(number))
        head = canary.controller().control.read_run()
        if head == claimed:
            continue
        canary.sweeps(3, **PLAN)
        entries = canary.controller().entries()[start:]
        assert canary.live() == TARGET.to_json(), number
        assert [entry.kind for entry in entries].count("incident") == 1, number
        assert {entry.incident for entry in entries if entry.kind in ("incident", "quarantine")} == {
            head and head.incident
        }
        assert [entry.artifact for entry in entries if entry.kind == "quarantine"] == ["artifact-4"], number
        assert "out_of_band" not in {entry.kind for entry in entries}, number
        assert TARGET.is_close_to(replay_split(canary.controller().entries())), number
        assert canary.controller().state().variants["blue"].desired_instances == 3, number


def test_a_rollback_killed_after_any_call_while_a_deployment_runs_is_finished(canary: Flights) -> None:
    number = 0
    while True:
        number += 1
        again(canary, number)
        start_deployment(canary)
        claimed = canary.controller().control.read_run()
        try:
            run_rollback(canary.request(), dying(canary, Fuse(number)), canary.plan())
            break
        except Killed:
            pass
        if canary.controller().control.read_run() == claimed:
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
        assert canary.roll_back(wait=55).state == "rolled_back"
        assert canary.live() == TARGET.to_json()


def apply_half(account: Flights, fuse: Fuse) -> None:
    declared = Split.of({"blue": 1, "green": 1})
    dying(account, fuse).apply(declared, who="pulumi", why="declared", models=account.holds)


def test_a_change_killed_after_any_call_is_no_unannounced_flip_and_can_be_repeated(canary: Flights) -> None:
    total = calls(canary, apply_half)
    for number in range(1, total + 1):
        again(canary, number)
        with pytest.raises(Killed):
            apply_half(canary, Fuse(number))
        # A sign of life runs out within a minute, and is watched by one sweep before its writer is dead.
        for _ in range(2):
            canary.clock.advance(60)
            assert canary.sweep().out_of_band_incident == "", number
        canary.split(blue=50, green=50)
        assert canary.live() == {"blue": 0.5, "green": 0.5}
        assert canary.replay_ledger() == Split({"blue": 0.5, "green": 0.5})


def test_a_deployment_killed_after_any_call_can_be_repeated_and_ends_where_it_should(canary: Flights) -> None:
    number, killed = 0, True
    while killed:
        number += 1
        again(canary, number)
        config = canary.make_config({"blue": 1.0, "green": 0.0})
        after = {**canary.holds, "green": build_model(f"v{number}")}

        def deploy(fuse: Fuse, config: str = config, after: dict = after) -> None:
            dying(canary, fuse).deploy(config, models=after, content="", changed_variants=frozenset({"green"}))

        try:
            deploy(Fuse(number))
            killed = False
        except Killed:
            deploy(Fuse(FAR))
        canary.holds = after
        assert canary.controller().state().config == config, number
        for _ in range(3):
            canary.clock.advance(60)
            assert canary.sweep().out_of_band_incident == "", number
        assert TARGET.is_close_to(canary.replay_ledger()), number
        canary.controller().apply_after_deployment(CANARY, canary.holds)
        assert CANARY.is_close_to(canary.replay_ledger()), number
        assert canary.controller().control.get("drain") is None, number
    assert number > 9


def test_a_drain_whose_deployment_was_killed_is_undone_by_the_sweep_where_the_model_is_still_the_same(
    canary: Flights,
) -> None:
    number, killed, same, other = 0, True, 0, 0
    while killed:
        number += 1
        again(canary, number)
        config = canary.make_config({"blue": 1.0, "green": 0.0})
        before, after = dict(canary.holds), {**canary.holds, "green": build_model(f"w{number}")}
        try:
            dying(canary, Fuse(number)).deploy(config, models=after, content="", changed_variants=frozenset({"green"}))
            killed = False
        except Killed:
            pass
        canary.clock.advance(1000)
        canary.sweeps(5)
        if canary.controller().state().config == config:
            other += 1
            canary.holds = after
            assert canary.live() == TARGET.to_json(), f"{number}: what another model is to get is for an `up` to say"
        else:
            same += 1
            assert canary.live() == CANARY.to_json(), number
            assert canary.controller().control.get("drain") is None, number
            # the edit is taken back: nothing is declared but what was declared before
            record = canary.controller().deploy(
                canary.controller().state().config, models=before, content="", changed_variants=frozenset()
            )
            assert not record.changed
        assert CANARY.is_close_to(canary.replay_ledger()) or TARGET.is_close_to(canary.replay_ledger()), number
        assert not canary.controller().open_incidents(), number
        canary.controller().apply_after_deployment(CANARY, canary.holds)
    assert same > 4
    assert other > 3


def test_a_writer_that_waits_for_long_is_not_answered_for(canary: Flights) -> None:
    """Sweeps come each minute while it waits, and one at the very moment at which its change is through."""
    swept: list[str] = []

    def sweep() -> None:
        if canary.clock.now() >= last[0] + timedelta(seconds=1):
            last[0] = canary.clock.now()
            swept.append(canary.sweep().out_of_band_incident)

    last = [canary.clock.now()]
    canary.control.inject("status", endpoint=ENDPOINT, status="SystemUpdating", seconds=1800)
    canary.clock.on_advance.append(sweep)
    canary.deploy("green", build_model("9"))
    canary.controller().apply_after_deployment(CANARY, canary.holds)
    canary.clock.on_advance.remove(sweep)
    assert len(swept) > 30
    whys = [entry.why for entry in canary.controller().entries()]
    assert not [why for why in whys if "died" in why], whys
    assert canary.live() == CANARY.to_json()


def test_a_writer_that_was_killed_is_answered_for_within_two_minutes(canary: Flights) -> None:
    total = calls(canary, apply_half)
    again(canary, 0)
    # killed once SageMaker has accepted the change: the outcome and the end of its life are never written
    with pytest.raises(Killed):
        apply_half(canary, Fuse(total - 2))
    canary.sweeps(1)
    assert canary.controller().entries()[-1].kind == "intent"
    canary.sweeps(2)
    last = canary.controller().entries()[-1]
    assert (last.kind, last.why) == ("outcome", "Completed after its writer died.")


def test_who_may_not_mark_a_sign_takes_nobody_for_dead(canary: Flights) -> None:
    """A preview reads the control table and writes nothing there."""
    total = calls(canary, apply_half)
    again(canary, 0)
    with pytest.raises(Killed):
        apply_half(canary, Fuse(total - 2))
    canary.clock.advance(600)
    canary.control.inject("api", service="dynamodb", action="PutItem", code="AccessDeniedException", status=400)
    assert canary.controller().detect_out_of_band() is None
    assert canary.controller().entries()[-1].kind == "intent"
    canary.control.clear()
    canary.sweeps(2)
    assert canary.controller().entries()[-1].why == "Completed after its writer died."


def test_a_clock_far_ahead_of_a_writers_does_not_make_it_dead(canary: Flights) -> None:
    """A finder's clock that is hours ahead takes a writer for dead only if it renews nothing for a while."""
    writer = canary.controller().writer.heartbeat
    with writer.keep_alive() as name:
        canary.clock.advance(7200)
        finder = canary.controller().writer.heartbeat
        assert finder.is_other_alive(name), "suspected"
        writer.beat()
        canary.clock.advance(59)
        assert finder.is_other_alive(name)
        canary.clock.advance(7200)
        assert finder.is_other_alive(name), "suspected again"
        canary.clock.advance(31)
        assert not finder.is_other_alive(name)
    assert not finder.is_other_alive(name)
