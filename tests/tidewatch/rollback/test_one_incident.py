"""One incident per endpoint at a time, however many alarms and however often one is delivered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.tidewatch.traffic.account import GUARDRAIL, OTHER_GUARDRAIL, Flights
from tidewatch.rollback import DEFAULT_REASON, RollbackRequest, RollbackResult
from tidewatch.rollback.repeated_request import MAX_NOTES
from tidewatch.traffic import UnknownAlarm


def other_alarm(account: Flights) -> RollbackRequest:
    return account.alarm(name=OTHER_GUARDRAIL)


def count_incidents(account: Flights) -> int:
    return account.kinds().count("incident")


def arriving_meanwhile(account: Flights, request: RollbackRequest) -> list[RollbackResult]:
    """The request comes in another process as soon as the first one waits for the platform."""
    answers: list[RollbackResult] = []

    def arrive() -> None:
        if not answers:
            account.clock.on_advance.remove(arrive)
            answers.append(account.roll_back(request, wait=0))

    account.clock.on_advance.append(arrive)
    return answers


def arriving_at_the_claim(account: Flights, request: RollbackRequest, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The request comes between another one's look at the head and its claim of it."""
    answers: list[RollbackResult] = []
    put = account.clients.dynamodb.put_item

    def put_item(**given: Any) -> Any:
        if given["Item"].get("key") == {"S": "run"} and not answers:
            answers.append(RollbackResult("", "", "", ""))
            answers[0] = account.roll_back(request, wait=0)
        return put(**given)

    monkeypatch.setattr(account.clients.dynamodb, "put_item", put_item)
    return answers


@pytest.mark.parametrize("seconds", [0, 20, 360])
def test_a_call_whose_alarm_is_over_rolls_nothing_back(canary: Flights, seconds: float) -> None:
    asked = canary.alarm()
    canary.clock.advance(seconds)
    canary.put_alarm(GUARDRAIL)
    result = canary.roll_back(asked)
    assert (result.state, result.incident, count_incidents(canary)) == ("no_incident", "", 0)
    assert "not in ALARM" in result.message
    assert canary.live() == {"blue": 0.95, "green": 0.05}


@pytest.mark.parametrize("name", ["payments-errors", ""])
def test_an_alarm_that_guards_another_stack_is_refused_and_moves_nothing(canary: Flights, name: str) -> None:
    if name:
        canary.put_alarm(name, "ALARM")
    asked = replace(canary.alarm(), alarm_arn=f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}" if name else "")
    with pytest.raises(
        UnknownAlarm, match=r"not a guardrail of this stack \(its guardrails: green-errors, green-latency\)"
    ):
        canary.roll_back(asked)
    assert canary.live() == {"blue": 0.95, "green": 0.05}
    assert count_incidents(canary) == 0


def test_a_guardrail_that_was_deleted_rolls_nothing_back(canary: Flights) -> None:
    asked = canary.alarm()
    canary.clients.cloudwatch.delete_alarms(AlarmNames=[GUARDRAIL])
    assert canary.roll_back(asked).state == "no_incident"


def test_a_guardrail_that_nobody_can_look_at_is_believed(canary: Flights, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> Any:
        raise RuntimeError("throttled")

    asked = canary.alarm()
    monkeypatch.setattr(canary.clients.cloudwatch, "describe_alarms", fail)
    assert canary.roll_back(asked).state == "rolled_back"


def test_a_call_that_waited_while_its_alarm_lasted_still_rolls_back(canary: Flights) -> None:
    asked = canary.alarm()
    canary.clock.advance(360)
    assert canary.roll_back(asked).state == "rolled_back"


@pytest.mark.parametrize("second", ["the same alarm", "another guardrail", "an operator"])
def test_what_comes_while_a_rollback_is_driven_gets_the_same_incident(canary: Flights, second: str) -> None:
    first = canary.alarm()
    requests = {"the same alarm": first, "another guardrail": other_alarm(canary), "an operator": canary.request()}
    answers = arriving_meanwhile(canary, requests[second])
    result = canary.roll_back(first)
    assert [one.incident for one in answers] == [result.incident]
    assert (result.state, count_incidents(canary), canary.kinds().count("intent")) == ("rolled_back", 1, 2)
    assert canary.live() == {"blue": 1.0, "green": 0.0}


@pytest.mark.parametrize("second", ["the same alarm", "another guardrail", "an operator"])
def test_of_two_that_claim_at_once_one_wins_and_both_have_its_incident(
    canary: Flights, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = canary.alarm()
    requests = {"the same alarm": first, "another guardrail": other_alarm(canary), "an operator": canary.request()}
    answers = arriving_at_the_claim(canary, requests[second], monkeypatch)
    result = canary.roll_back(first)
    assert [one.incident for one in answers] == [result.incident]
    assert count_incidents(canary) == 1
    assert canary.sweeps(1).incident in (result.incident, "")
    assert canary.live() == {"blue": 1.0, "green": 0.0}


def test_two_guardrails_one_after_the_other_are_one_incident(canary: Flights) -> None:
    first = canary.roll_back(canary.alarm())
    canary.clock.advance(30)
    assert canary.roll_back(other_alarm(canary)).incident == first.incident
    canary.sweeps(17)
    assert canary.roll_back(other_alarm(canary)).incident == first.incident
    assert count_incidents(canary) == 1


@pytest.mark.parametrize("minutes", [1, 17])
def test_an_operator_who_asks_again_reads_who_rolled_back_and_when(canary: Flights, minutes: int) -> None:
    first = canary.roll_back(canary.alarm())
    rolled_back_at = f"{canary.clock.now():%Y-%m-%d %H:%M:%S} UTC"
    canary.sweeps(minutes)
    again = canary.roll_back(canary.request(reason="error spike since 02:40", requested_by="ana"))
    assert again.message == (
        f"blue has all traffic already: the alarm {GUARDRAIL} rolled back at {rolled_back_at} (incident "
        f"{first.incident}). Nothing was changed now; the receipt is of then. The reason is kept as a note of "
        f"{first.incident}."
    )
    assert again.receipt == first.receipt
    run = canary.controller().control.read_run()
    assert run is not None
    assert "by ana at " in run.notes[-1]
    assert run.notes[-1].endswith(": error spike since 02:40")
    assert count_incidents(canary) == 1


def test_a_request_without_a_reason_is_kept_without_one(canary: Flights) -> None:
    canary.roll_back(canary.alarm())
    again = canary.roll_back(canary.request(reason=DEFAULT_REASON, requested_by="ana"))
    assert "The request is kept as a note" in again.message
    assert "reason" not in again.message
    assert again.notes[-1].startswith("Requested again by ana at ")
    assert again.notes[-1].endswith(" UTC")


def test_an_operator_who_joins_a_rollback_under_way_reads_who_asked_for_it(canary: Flights) -> None:
    first = canary.request(requested_by="ben")
    answers = arriving_meanwhile(canary, canary.request(reason="error spike", requested_by="ana"))
    result = canary.roll_back(first)
    (joined,) = answers
    assert "An operator (ben) asked for it at " in joined.message
    assert "already" not in joined.message
    assert any(note.endswith(": error spike") for note in joined.notes)
    assert "already" not in result.message


def test_reasons_of_repeated_requests_do_not_fill_the_run(canary: Flights) -> None:
    canary.roll_back()
    answers = [canary.roll_back(canary.request(reason=f"again {count}")) for count in range(MAX_NOTES + 2)]
    assert "The reason is kept" in answers[0].message
    assert "The reason is kept" not in answers[-1].message
    assert len(answers[-1].notes) <= MAX_NOTES


def test_an_alarm_that_was_answered_rolls_nothing_back_after_its_incident_was_acknowledged(canary: Flights) -> None:
    alarm = canary.alarm()
    first = canary.roll_back(alarm)
    canary.sweeps(17)
    canary.controller().acknowledge(first.incident, "ana")
    canary.split(blue=60, green=40)
    for _ in range(2):
        again = canary.roll_back(alarm)
        assert (again.incident, again.state) == (first.incident, "closed")
    assert count_incidents(canary) == 1
    assert canary.live() == {"blue": 0.6, "green": 0.4}


def test_it_rolls_nothing_back_even_after_another_incident_came_in_between(canary: Flights) -> None:
    alarm = canary.alarm()
    first = canary.roll_back(alarm)
    canary.controller().acknowledge(first.incident, "ana")
    canary.sweeps(17)
    canary.split(blue=60, green=40)
    second = canary.roll_back(canary.alarm())
    assert second.incident != first.incident
    canary.controller().acknowledge(second.incident, "ana")
    canary.sweeps(17)
    canary.split(blue=60, green=40)
    assert canary.roll_back(alarm).incident in (first.incident, second.incident)
    assert count_incidents(canary) == 2
    assert canary.live() == {"blue": 0.6, "green": 0.4}


def test_an_alarm_that_fires_anew_after_an_acknowledgement_is_another_incident(canary: Flights) -> None:
    first = canary.roll_back(canary.alarm())
    canary.sweeps(17)
    canary.controller().acknowledge(first.incident, "ana")
    canary.split(blue=60, green=40)
    second = canary.roll_back(canary.alarm())
    assert (second.state, count_incidents(canary)) == ("rolled_back", 2)
    assert second.incident != first.incident


def test_an_alarm_about_a_variant_without_traffic_does_nothing(endpoint: Flights) -> None:
    before = endpoint.kinds()
    result = endpoint.roll_back(endpoint.alarm())
    assert (result.state, result.incident) == ("no_incident", "")
    assert (endpoint.kinds(), endpoint.live()) == (before, {"blue": 1.0, "green": 0.0})


def test_where_the_champion_is_alone_there_is_nowhere_to_go(account: Flights) -> None:
    account.create({"blue": 1.0})
    assert account.roll_back(account.alarm()).state == "no_incident"
    assert account.live() == {"blue": 1.0}


def test_traffic_is_never_sent_to_a_champion_that_is_not_there(account: Flights) -> None:
    account.create({"green": 1.0})
    result = account.roll_back(account.alarm())
    assert (result.state, account.live()) == ("blocked", {"green": 1.0})
    assert "nothing to roll back to" in result.message


def test_where_alarms_only_advise_the_ledger_hears_nothing_and_people_hear_it_once(
    canary: Flights, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[str] = []
    monkeypatch.setattr(canary.clients.sns, "publish", lambda **given: pages.append(given["Message"]))
    plan: dict[str, Any] = {"automatic": False, "command": "aws lambda invoke", "topic": "P1"}
    before, alarm = canary.kinds(), canary.alarm()
    for _ in range(3):
        result = canary.roll_back(alarm, **plan)
        assert (result.state, result.incident, result.notes) == ("advised", "", ())
        assert "`aws lambda invoke`" in result.message
    assert len(pages) == 1
    assert "`aws lambda invoke`" in pages[0]
    assert "guardrail-errors.md" in pages[0]
    assert (canary.kinds(), canary.live()) == (before, {"blue": 0.95, "green": 0.05})
    assert canary.controller().control.read_run() is None
    canary.clock.advance(60)
    assert canary.roll_back(canary.alarm(), **plan).state == "advised"
    assert len(pages) == 2


def test_advice_that_was_not_sent_is_sent_by_the_next_delivery(
    canary: Flights, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan: dict[str, Any] = {"automatic": False, "topic": "arn:aws:sns:us-east-1:123456789012:absent"}
    alarm = canary.alarm()
    assert "Nobody was notified" in canary.roll_back(alarm, **plan).notes[0]
    pages: list[str] = []
    monkeypatch.setattr(canary.clients.sns, "publish", lambda **given: pages.append(given["Message"]))
    assert canary.roll_back(alarm, **plan).notes == ()
    assert len(pages) == 1


def test_where_alarms_only_advise_an_operator_still_rolls_back(canary: Flights) -> None:
    result = canary.roll_back(automatic=False)
    assert (result.state, canary.live()) == ("rolled_back", {"blue": 1.0, "green": 0.0})
    attached = canary.roll_back(canary.alarm(), automatic=False)
    assert (attached.incident, count_incidents(canary)) == (result.incident, 1)
