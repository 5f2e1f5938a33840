"""The document of an incident, with all that can be known without people."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.tidewatch.incidents.incident import TOLD, answer, break_green, describe_fired_alarm, read_document, watch
from tests.tidewatch.traffic.account import ENDPOINT, Flights, build_model, stamp

HEADINGS = [
    "What happened",
    "Impact",
    "Root cause",
    "What would have prevented it",
    "What monitoring or evaluation to add",
]


def test_the_document_has_its_five_headings_in_order_and_says_when_it_is_due(canary: Flights) -> None:
    result = canary.roll_back(**TOLD)
    text = read_document(canary, result.incident, "md")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == HEADINGS
    facts = read_document(canary, result.incident)
    opened, due = (datetime.fromisoformat(facts[key]) for key in ("opened_at", "due"))
    assert due - opened == timedelta(hours=48)
    assert f"Due: {due:%Y-%m-%d %H:%M:%S UTC}" in text
    assert text.count("writes this within 48 hours") == 4


def test_the_timeline_is_that_of_the_alarms_and_the_ledger(canary: Flights) -> None:
    watch(canary)
    break_green(canary)
    facts = read_document(canary, answer(canary).incident)
    told = [(one["kind"], one.get("alarm", "")) for one in facts["timeline"]]
    alarms = {("alarm", "green-errors"), ("alarm", "guardrail-green"), ("alarm", "everything")}
    changes = [(one["alarm"], one["to"]) for one in facts["timeline"] if one["kind"] == "alarm"]
    assert changes == [("green-errors", "ALARM"), ("guardrail-green", "ALARM"), ("everything", "ALARM")]
    assert [kind for kind, _ in told if kind != "alarm"] == ["incident", "quarantine", "intent", "outcome"]
    assert told.index(("incident", facts["alarm"])) > max(told.index(one) for one in alarms)
    times = [datetime.fromisoformat(one["at"]) for one in facts["timeline"]]
    assert times == sorted(times)


def test_it_says_which_alarms_were_firing_then_even_when_it_is_written_again_later(canary: Flights) -> None:
    watch(canary)
    break_green(canary)
    incident = answer(canary).incident
    states = {one["name"]: one["state"] for one in read_document(canary, incident)["alarms"]}
    assert states == {"green-errors": "ALARM", "guardrail-green": "ALARM", "everything": "ALARM", "blue-errors": "OK"}
    canary.sweeps(17, **TOLD)
    facts = read_document(canary, incident)
    assert facts["state"] == "closed"
    assert {one["name"]: one["state"] for one in facts["alarms"]} == states
    assert [one["to"] for one in facts["timeline"] if one.get("alarm") == "guardrail-green"][-1] == "OK"


def test_the_impact_is_counted_from_the_first_bad_datapoint_to_the_flip(canary: Flights) -> None:
    watch(canary)
    bad_since = break_green(canary)
    facts = read_document(canary, answer(canary).incident)
    impact = facts["impact"]
    assert (impact["since"], impact["since_first_bad_datapoint"]) == (bad_since.isoformat(), True)
    assert impact["variants"] == {
        "blue": {"requests": 1900, "errors": 2, "mean_latency_ms": 20.0},
        "green": {"requests": 80, "errors": 17, "mean_latency_ms": 20.0},
    }
    spent = facts["seconds"]
    assert spent["bad_to_alarm"] == 120
    assert spent["request_to_accepted"] == facts["receipt"]["api_accepted_s"]
    assert spent["request_to_accepted"] + spent["accepted_to_weights"] == pytest.approx(
        facts["receipt"]["weights_observed_s"]
    )
    text = read_document(canary, facts["incident"], "md")
    assert "| green | 80 | 17 | 20 |" in text


def test_without_an_alarm_the_beginning_is_a_guess_and_said_to_be_one(canary: Flights) -> None:
    facts = read_document(canary, canary.roll_back(**TOLD).incident)
    assert facts["impact"]["since_first_bad_datapoint"] is False
    opened = datetime.fromisoformat(facts["opened_at"])
    assert opened - datetime.fromisoformat(facts["impact"]["since"]) >= timedelta(minutes=15)
    assert "a guess" in read_document(canary, facts["incident"], "md")


def test_it_says_which_version_had_which_share_before_and_after(canary: Flights) -> None:
    facts = read_document(canary, canary.roll_back(**TOLD).incident)
    assert facts["versions"]["green"]["before"] == {
        "version": "4", "artifact": "artifact-4", "image": "sha256:image", "share": 0.05,
    }  # fmt: skip
    assert facts["versions"]["green"]["after"]["share"] == 0
    assert facts["versions"]["blue"]["after"] | {"share": 1.0} == facts["versions"]["blue"]["after"]
    text = read_document(canary, facts["incident"], "md")
    assert "| green | version 4, artifact artifact-4, image sha256:image, 5% |" in text


def test_a_version_that_was_deployed_since_is_not_taken_for_the_one_rolled_back(canary: Flights) -> None:
    first = canary.roll_back(**TOLD)
    canary.deploy("green", build_model("5"))
    canary.sweeps(17, **TOLD)
    green = read_document(canary, first.incident)["versions"]["green"]
    assert [green[when]["version"] for when in ("before", "after", "live")] == ["4", "4", "5"]


def test_the_shares_after_it_are_those_of_the_rollback_even_if_somebody_moved_them_since(canary: Flights) -> None:
    first = canary.roll_back(**TOLD)
    canary.flip_behind(blue=0.3, green=0.7)
    result = canary.sweeps(17, **TOLD)
    facts = read_document(canary, first.incident)
    assert [facts["versions"]["green"][when]["share"] for when in ("before", "after", "live")] == [0.05, 0.0, 0.7]
    assert facts["action"].startswith(f"blue had all traffic of {ENDPOINT}. The weights were changed again")
    assert result.out_of_band_incident != first.incident


def test_before_the_weights_are_read_back_nothing_is_known_of_after(canary: Flights) -> None:
    canary.control.inject("status", endpoint=ENDPOINT, status="SystemUpdating", seconds=90)
    facts = read_document(canary, canary.roll_back(wait=5, **TOLD).incident)
    assert (facts["state"], facts["versions"]["green"]["after"]) == ("pending", None)
    assert "| not yet |" in read_document(canary, facts["incident"], "md")


def test_a_request_that_joins_a_finished_rollback_stands_in_its_document(canary: Flights) -> None:
    watch(canary)
    break_green(canary)
    first = answer(canary)
    canary.sweeps(17, **TOLD)
    canary.roll_back(canary.request(reason="error spike since 02:40", requested_by="ana"), **TOLD)
    (note,) = read_document(canary, first.incident)["notes"]
    assert note.startswith("Requested again by ana at ")
    assert "error spike since 02:40" in read_document(canary, first.incident, "md").partition("Notes:")[2]


def test_a_document_that_cannot_be_written_again_costs_a_repeated_request_no_more_than_a_note(
    canary: Flights, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary.roll_back(**TOLD)
    canary.sweeps(17, **TOLD)

    def fail(**_: Any) -> Any:
        raise RuntimeError("S3 is away")

    monkeypatch.setattr(canary.clients.s3, "put_object", fail)
    again = canary.roll_back(canary.request(reason="error spike", requested_by="ana"), **TOLD)
    assert again.state == "closed"
    assert [note.partition(":")[0] for note in again.notes][-1] == "The incident document was not written"


def test_a_version_that_nobody_wrote_down_is_said_to_be_unknown(canary: Flights) -> None:
    canary.controller().control.delete(f"deployment#{canary.controller().state().config}")
    facts = read_document(canary, canary.roll_back(**TOLD).incident)
    assert facts["versions"]["green"]["before"] == {"version": None, "artifact": None, "image": None, "share": 0.05}
    assert "| green | unknown, 5% |" in read_document(canary, facts["incident"], "md")


def test_everything_to_look_at_is_linked(canary: Flights) -> None:
    watch(canary)
    break_green(canary)
    facts = read_document(canary, answer(canary).incident)
    assert facts["links"] == {
        "document": f"s3://flights-monitoring/incidents/{facts['incident']}.md",
        "runbook": "https://example.com/runbooks/guardrail-latency.md",
        "alarm": "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#alarmsV2:alarm/guardrail-green",
        "dashboard": "https://example.com/oncall",
        "reports": "s3://flights-monitoring/drift/",
    }
    text = read_document(canary, facts["incident"], "md")
    assert all(link in text for link in facts["links"].values())


def test_a_cloudwatch_that_fails_costs_no_more_than_what_it_would_have_said(
    canary: Flights, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> Any:
        raise RuntimeError("CloudWatch is away")

    for operation in ("describe_alarms", "describe_alarm_history", "get_metric_data"):
        monkeypatch.setattr(canary.clients.cloudwatch, operation, fail)
    result = canary.roll_back(**{**TOLD, "abort_alarm": ""})
    assert (result.state, result.notes) == ("rolled_back", ())
    facts = read_document(canary, result.incident)
    assert facts["impact"] is None
    assert len(facts["unavailable"]) == 2
    assert all("CloudWatch is away" in sentence for sentence in facts["unavailable"])
    text = read_document(canary, result.incident, "md")
    assert "could not be read" in text
    assert facts["versions"]["green"]["before"]["version"] == "4"


def test_a_cloudwatch_that_is_slow_is_not_waited_for(canary: Flights, monkeypatch: pytest.MonkeyPatch) -> None:
    watch(canary)
    break_green(canary)
    asked: list[str] = []
    original = canary.clients.cloudwatch.describe_alarms

    def slow(**given: Any) -> Any:
        asked.append("describe_alarms")
        canary.clock.advance(14)
        return original(**given)

    arn = describe_fired_alarm(canary)["AlarmArn"]
    monkeypatch.setattr(canary.clients.cloudwatch, "describe_alarms", slow)
    result = canary.roll_back(canary.request("alarm", alarm_arn=arn, alarm_at=stamp(canary.clock.now())), **TOLD)
    assert len(asked) == 3, "once before the flip: whether the guardrail is in ALARM"
    facts = read_document(canary, result.incident)
    assert "The impact could not be read in time." in facts["unavailable"]


def test_history_that_cloudwatch_cut_off_still_tells_who_changed(
    canary: Flights, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(canary)
    break_green(canary)
    original = canary.clients.cloudwatch.describe_alarm_history

    def cut(**given: Any) -> Any:
        found = original(**given)
        return {
            "AlarmHistoryItems": [{**one, "HistoryData": one["HistoryData"][:60]} for one in found["AlarmHistoryItems"]]
        }

    monkeypatch.setattr(canary.clients.cloudwatch, "describe_alarm_history", cut)
    facts = read_document(canary, answer(canary).incident)
    states = {one["name"]: one["state"] for one in facts["alarms"]}
    assert states["green-errors"] == "ALARM"
    assert facts["impact"]["since_first_bad_datapoint"] is True


def test_an_alarm_that_is_calm_again_still_tells_since_when_it_was_bad(
    canary: Flights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As CloudWatch keeps it. Source: AWS CLI command reference, describe-alarm-history, the example's HistoryData."""
    watch(canary)
    bad_since = break_green(canary)
    alarm = canary.clients.cloudwatch.describe_alarms(AlarmNames=["green-errors"])["MetricAlarms"][0]
    original = canary.clients.cloudwatch.describe_alarm_history

    def describe_history(**given: Any) -> Any:
        found = original(**given)
        for item in found["AlarmHistoryItems"]:
            data = json.loads(item["HistoryData"])
            if item["AlarmName"] == "green-errors" and data["newState"]["stateValue"] == "ALARM":
                data["newState"]["stateReasonData"] = json.loads(alarm["StateReasonData"])
                item["HistoryData"] = json.dumps(data)
        return found

    monkeypatch.setattr(canary.clients.cloudwatch, "describe_alarm_history", describe_history)
    incident = answer(canary).incident
    canary.sweeps(17, **TOLD)
    assert (
        canary.clients.cloudwatch.describe_alarms(AlarmNames=["green-errors"])["MetricAlarms"][0]["StateValue"] == "OK"
    )
    impact = read_document(canary, incident)["impact"]
    assert (impact["since"], impact["since_first_bad_datapoint"]) == (bad_since.isoformat(), True)
