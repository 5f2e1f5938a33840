"""A rollback where nothing can be written down: the weights come first, and the ledger gets its entry later."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.tidewatch.traffic.account import Flights
from tests.tidewatch.traffic.failing_tables import EVERYTHING, WRITES, failing
from tidewatch.traffic import Split

CODES = ("AccessDeniedException", "ProvisionedThroughputExceededException", "ResourceNotFoundException")
ALL = {"blue": 1.0, "green": 0.0}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("operations", [WRITES, EVERYTHING], ids=["writes", "everything"])
@pytest.mark.parametrize("tables", [("ledger",), ("control",), ("ledger", "control")], ids=" and ".join)
@pytest.mark.parametrize("trigger", ["alarm", "operator"])
def test_the_weights_are_flipped_whatever_table_fails(
    canary: Flights, trigger: str, tables: tuple[str, ...], operations: tuple[str, ...], code: str
) -> None:
    asked = canary.alarm() if trigger == "alarm" else canary.request()
    with failing(canary, tables, operations, code):
        assert canary.roll_back(asked).state in ("flipping", "rolled_back")
        canary.clock.advance(60)
    assert canary.live() == ALL
    canary.sweeps(2)
    (incident,) = canary.controller().open_incidents()
    assert Split.of(ALL).is_close_to(canary.replay_ledger())
    assert incident.before == Split.of({"blue": 0.95, "green": 0.05})


def test_what_was_claimed_is_written_down_by_the_first_sweep_that_can(canary: Flights) -> None:
    with failing(canary, ("ledger",), WRITES, "AccessDeniedException"):
        result = canary.roll_back(canary.alarm())
        assert "the change could not be recorded (AccessDeniedException: not now)" in result.message
        canary.clock.advance(60)
        for _ in range(3):
            with pytest.raises(ClientError):
                canary.sweeps(1)
    canary.sweeps(2)
    assert canary.kinds()[-3:] == ["incident", "quarantine", "outcome"]
    (incident,) = canary.controller().open_incidents()
    assert incident.kind == "rollback"
    assert [one.variant for one in canary.controller().quarantines()] == ["green"]


def test_people_are_told_once_that_it_could_not_be_written_down(
    canary: Flights, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(canary.clients.sns, "publish", lambda **given: told.append(given))
    with failing(canary, ("ledger", "control"), EVERYTHING, "AccessDeniedException"):
        canary.roll_back(topic="P1", stack="dev")
        canary.clock.advance(60)
        with pytest.raises(ClientError):
            canary.roll_back(topic="P1")
    (page,) = told
    assert page["Subject"] == "moved, not recorded: traffic of flights (dev)"
    assert "Action taken: All traffic of flights-4b53caf is sent to blue" in page["Message"]


def test_what_breaks_after_the_flip_is_told_and_ends_when_the_table_can_be_written(canary: Flights) -> None:
    canary.roll_back(wait=0)
    with failing(canary, ("ledger",), WRITES, "AccessDeniedException"), pytest.raises(ClientError):
        canary.sweeps(1)
    assert canary.live() == ALL
    assert canary.sweeps(2).state in ("rolled_back", "closed", "no_incident")
    assert canary.kinds().count("outcome") == 2


def test_a_sweep_goes_on_with_a_rollback_that_it_can_read(canary: Flights) -> None:
    canary.control.inject("status", endpoint=canary.resource_names.endpoint, status="SystemUpdating")
    canary.roll_back(wait=0)
    canary.control.inject("status", endpoint=canary.resource_names.endpoint, status="InService")
    assert canary.live() != ALL
    with failing(canary, ("ledger",), WRITES, "AccessDeniedException"):
        assert canary.sweep().state == "flipping"
        canary.clock.advance(60)
    assert canary.live() == ALL


def test_a_sweep_without_a_rollback_moves_nothing(canary: Flights) -> None:
    before = canary.live()
    canary.flip_behind(blue=1, green=1)
    with failing(canary, ("ledger", "control"), WRITES, "AccessDeniedException"), pytest.raises(ClientError):
        canary.sweep()
    assert canary.live() == {"blue": 0.5, "green": 0.5} != before


def test_no_traffic_is_sent_to_what_was_rolled_back_before(canary: Flights) -> None:
    first = canary.roll_back(target="green")
    canary.controller().acknowledge(first.incident, "ana")
    canary.flip_behind(blue=1, green=1)
    canary.sweeps(1)
    quarantined = canary.roll_back(target="blue").incident
    assert quarantined
    canary.flip_behind(blue=1, green=1)
    with failing(canary, ("ledger", "control"), WRITES, "AccessDeniedException"), pytest.raises(ClientError):
        canary.roll_back(target="green")
    assert canary.live() == {"blue": 0.5, "green": 0.5}


def test_an_alarm_that_is_over_flips_nothing_though_nothing_can_be_written(canary: Flights) -> None:
    asked = canary.alarm()
    canary.put_alarm("green-errors")
    with failing(canary, ("ledger", "control"), EVERYTHING, "AccessDeniedException"), pytest.raises(ClientError):
        canary.roll_back(asked)
    assert canary.live() != ALL
