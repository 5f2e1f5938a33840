"""The rollback: claims, attaches, flips, quarantines, finishes what others began, and notifies."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.tidewatch.traffic.account import Flights, build_model
from tidewatch.traffic import ArtifactQuarantined, EndpointMissing, IncidentOpen, Split, UnknownIncident


def test_a_rollback_sends_all_traffic_to_the_target_and_says_how_long_it_took(canary: Flights) -> None:
    result = canary.roll_back()
    assert result.state == "rolled_back"
    assert canary.live() == {"blue": 1.0, "green": 0.0}
    assert result.receipt.api_accepted_s == 0
    assert result.receipt.weights_observed_s is not None
    assert 30 <= result.receipt.weights_observed_s < 60
    assert canary.replay_ledger() == Split({"blue": 1.0, "green": 0.0})


def test_the_ledger_tells_the_rollback_in_order(canary: Flights) -> None:
    canary.roll_back()
    entries = canary.controller().entries()[-4:]
    assert [entry.kind for entry in entries] == ["incident", "quarantine", "intent", "outcome"]
    assert entries[3].intent == entries[2].sequence
    assert entries[3].receipt is not None
    assert entries[3].receipt.weights_observed_s is not None
    assert {entry.incident for entry in entries} == {canary.controller().open_incidents()[0].id}


def test_the_incident_closes_when_a_whole_minute_of_requests_reached_the_target_only(canary: Flights) -> None:
    observed = canary.roll_back()
    canary.clock.advance(60)
    canary.requests("blue", 7)
    result = canary.sweeps(4)
    assert result.state in ("closed", "no_incident")
    incident = canary.controller().get_incident(observed.incident)
    assert incident.state == "closed"
    assert incident.receipt.traffic_observed_s is not None
    assert incident.is_open


def test_requests_that_still_reach_the_rolled_back_variant_keep_the_incident_observed(canary: Flights) -> None:
    observed = canary.roll_back()
    canary.clock.advance(60)
    canary.requests("blue", 7)
    canary.requests("green", 1)
    assert canary.sweeps(4).state == "rolled_back"
    assert canary.controller().get_incident(observed.incident).receipt.traffic_observed_s is None


def test_without_requests_the_incident_closes_after_fifteen_minutes(canary: Flights) -> None:
    observed = canary.roll_back()
    assert canary.sweeps(14).state == "rolled_back"
    canary.sweeps(2)
    incident = canary.controller().get_incident(observed.incident)
    assert (incident.state, incident.receipt.traffic_observed_s) == ("closed", None)


def test_nothing_is_done_when_the_target_has_all_traffic(endpoint: Flights) -> None:
    before = endpoint.kinds()
    result = endpoint.roll_back()
    assert (result.state, result.incident) == ("no_incident", "")
    assert "nothing to roll back" in result.message
    assert endpoint.kinds() == before


def test_a_repeated_delivery_of_an_alarm_returns_its_incident(canary: Flights) -> None:
    alarm = canary.alarm()
    first = canary.roll_back(alarm)
    again = canary.roll_back(alarm)
    assert again.incident == first.incident
    assert canary.kinds().count("incident") == 1


def test_an_alarm_from_before_the_flip_that_arrives_late_rolls_nothing_back(canary: Flights) -> None:
    alarm = canary.alarm()
    first = canary.roll_back()
    canary.controller().acknowledge(first.incident, "operator")
    canary.sweeps(16)
    canary.split(blue=50, green=50)
    late = canary.roll_back(alarm)
    assert late.incident == first.incident
    assert canary.live() == {"blue": 0.5, "green": 0.5}


def test_another_request_attaches_to_the_open_incident(canary: Flights) -> None:
    first = canary.roll_back()
    canary.clock.advance(120)
    assert canary.roll_back(canary.alarm()).incident == first.incident
    canary.sweeps(16)
    assert canary.roll_back(canary.alarm()).incident == first.incident


def test_a_variant_raised_behind_an_open_incident_is_rolled_back_by_a_new_one(canary: Flights) -> None:
    first = canary.roll_back()
    canary.flip_behind(blue=1, green=1)
    second = canary.roll_back(canary.alarm())
    assert second.incident != first.incident
    assert second.state == "rolled_back"
    assert canary.live() == {"blue": 1.0, "green": 0.0}
    assert canary.replay_ledger() == Split({"blue": 1.0, "green": 0.0})


def test_the_quarantine_holds_the_artifact_wherever_it_is_put_and_however_it_is_republished(canary: Flights) -> None:
    canary.roll_back()
    republished = {"blue": build_model("3"), "green": build_model("9", artifact="artifact-4")}
    with pytest.raises(ArtifactQuarantined, match="tidewatch acknowledge flights-"):
        canary.controller().require_update_allowed(
            declared=Split.of({"blue": 1, "green": 1}), previous=Split.of({"blue": 95, "green": 5}), models=republished
        )
    elsewhere = {"blue": build_model("3"), "violet": build_model("9", artifact="artifact-4")}
    with pytest.raises(ArtifactQuarantined, match="Variant violet"):
        canary.controller().require_update_allowed(
            declared=Split.of({"blue": 1, "violet": 1}), previous=Split.of({"blue": 95, "green": 5}), models=elsewhere
        )


def test_the_target_is_never_quarantined_when_it_holds_the_same_artifact(endpoint: Flights) -> None:
    same = build_model("4", artifact="artifact-3")
    endpoint.deploy("green", same)
    endpoint.split(blue=50, green=50)
    endpoint.roll_back()
    (quarantine,) = endpoint.controller().quarantines()
    assert quarantine.content == same.content
    assert not quarantine.is_blocking("blue", endpoint.holds["blue"])
    assert quarantine.is_blocking("green", same)


def test_a_variant_that_holds_exactly_what_the_target_holds_is_flipped_and_not_quarantined(endpoint: Flights) -> None:
    endpoint.deploy("green", endpoint.holds["blue"])
    endpoint.split(blue=50, green=50)
    result = endpoint.roll_back()
    assert result.state == "rolled_back"
    assert endpoint.controller().quarantines() == ()
    assert any("nothing was quarantined" in note for note in result.notes)


def test_holdings_that_nobody_wrote_down_are_still_rolled_back(canary: Flights) -> None:
    config = canary.controller().state().config
    canary.controller().control.delete(f"deployment#{config}")
    result = canary.roll_back()
    assert canary.live() == {"blue": 1.0, "green": 0.0}
    assert any("No record shows which model green held" in note for note in result.notes)
    (quarantine,) = canary.controller().quarantines()
    assert quarantine.is_blocking("green", None, config)


def test_an_acknowledgement_is_for_good(canary: Flights) -> None:
    incident = canary.roll_back().incident
    controller = canary.controller()
    controller.acknowledge(incident, "pulumi")
    controller.acknowledge(incident, "pulumi")
    assert canary.kinds().count("acknowledgement") == 1
    assert (controller.open_incidents(), controller.quarantines()) == ((), ())
    canary.split(blue=50, green=50)
    assert canary.live() == {"blue": 0.5, "green": 0.5}


def test_acknowledging_what_never_happened_is_refused(canary: Flights) -> None:
    with pytest.raises(UnknownIncident, match="no incident flights-nope"):
        canary.controller().acknowledge("flights-nope", "operator")


def test_a_rollback_that_was_acknowledged_before_its_flip_is_given_up(canary: Flights) -> None:
    canary.ask_weights(blue=1, green=1)
    pending = canary.roll_back(wait=1)
    assert pending.state == "pending"
    canary.controller().acknowledge(pending.incident, "operator")
    canary.clock.advance(60)
    assert canary.sweep().state == "closed"
    assert canary.live() == {"blue": 0.5, "green": 0.5}


def test_a_declared_split_is_not_applied_over_an_open_incident(canary: Flights) -> None:
    canary.ask_weights(blue=35, green=65)
    canary.sweeps(1)
    with pytest.raises(IncidentOpen, match="tidewatch acknowledge"):
        canary.controller().apply(Split.of({"blue": 9, "green": 1}), who="pulumi", why="declared", models=canary.holds)
    assert canary.live() == {"blue": 0.35, "green": 0.65}


def test_what_was_rolled_back_gets_nothing_under_the_name_of_a_version_that_is_not_live(canary: Flights) -> None:
    canary.roll_back()
    with pytest.raises(ArtifactQuarantined, match="tidewatch acknowledge"):
        canary.controller().apply(
            Split.of({"blue": 9, "green": 1}),
            who="pulumi",
            why="declared",
            models={"blue": canary.holds["blue"], "green": build_model("5")},
        )
    assert canary.live() == {"blue": 1.0, "green": 0.0}


def test_a_change_that_was_asked_for_before_the_rollback_is_flipped_over(canary: Flights) -> None:
    canary.ask_weights(blue=0, green=1)
    result = canary.roll_back(wait=120)
    assert result.state == "rolled_back"
    assert canary.live() == {"blue": 1.0, "green": 0.0}


def test_the_missing_capacity_of_the_target_is_a_second_call(canary: Flights) -> None:
    result = canary.roll_back(floor=4)
    assert result.state == "rolled_back"
    assert canary.live() == {"blue": 1.0, "green": 0.0}
    canary.clock.advance(120)
    assert canary.controller().state().variants["blue"].instances == 4
    assert any("floor of 4" in note for note in result.notes)


def test_a_missing_endpoint_is_a_sentence_for_who_asks_and_nothing_for_the_sweep(account: Flights) -> None:
    with pytest.raises(EndpointMissing, match="does not exist"):
        account.roll_back()
    assert account.sweep().state == "no_incident"


def test_an_unannounced_flip_is_an_incident_without_a_quarantine(canary: Flights) -> None:
    canary.flip_behind(blue=1, green=1)
    found = canary.sweep()
    assert found.out_of_band_incident
    assert "without an entry in the ledger" in found.message
    (incident,) = canary.controller().open_incidents()
    assert (incident.id, incident.kind, incident.state) == (found.out_of_band_incident, "out_of_band", "closed")
    assert canary.controller().quarantines() == ()
    assert canary.replay_ledger() == Split({"blue": 0.5, "green": 0.5})
    assert canary.sweep().out_of_band_incident == ""


def test_people_get_a_document_and_a_page(canary: Flights) -> None:
    topic = "arn:aws:sns:us-east-1:123456789012:P1"
    result = canary.roll_back(monitoring_bucket="flights-monitoring", topic=topic, stack="prod")
    s3 = canary.clients.s3
    assert s3 is not None
    kept = s3.get_object(Bucket="flights-monitoring", Key=f"incidents/{result.incident}.json")
    facts = json.loads(kept["Body"].read())
    assert facts["incident"] == result.incident
    assert [entry["kind"] for entry in facts["timeline"]] == ["incident", "quarantine", "intent", "outcome"]
    kept = s3.get_object(Bucket="flights-monitoring", Key=f"incidents/{result.incident}.md")
    text = kept["Body"].read().decode()
    for heading in ("What happened", "Impact", "Root cause", "What would have prevented it"):
        assert f"## {heading}" in text
    assert "artifact-4" in text


def test_a_bucket_and_a_topic_that_fail_stop_nothing(canary: Flights) -> None:
    result = canary.roll_back(monitoring_bucket="absent", topic="arn:aws:sns:us-east-1:123456789012:absent")
    assert result.state == "rolled_back"
    assert canary.live() == {"blue": 1.0, "green": 0.0}
    assert any("document was not written" in note for note in result.notes)
    assert any("Nobody was notified" in note for note in result.notes)


def test_the_receipt_promises_less_than_a_minute(canary: Flights) -> None:
    started = canary.clock.now()
    canary.roll_back()
    assert canary.clock.now() - started < timedelta(seconds=60)
