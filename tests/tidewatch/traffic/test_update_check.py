"""What `pulumi up` may do to the traffic, and what it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tidewatch.traffic.account import PLACE, Flights, build_model
from tidewatch.traffic import (
    ArtifactQuarantined,
    ChangeRefused,
    DeployedModel,
    EndpointMissing,
    IncidentOpen,
    InvalidSplit,
    ResourceNames,
    Split,
    TargetUnavailable,
    UnknownIncident,
)

CANARY = Split.of({"blue": 95, "green": 5})
HALF = Split.of({"blue": 1, "green": 1})


def ask(account: Flights, declared: Split, previously: Split | None, **options: Any) -> None:
    account.controller().require_update_allowed(
        declared=declared, previous=previously, **{"models": account.holds, **options}
    )


def test_an_unchanged_declaration_is_allowed_after_a_rollback(canary: Flights) -> None:
    canary.roll_back()
    ask(canary, CANARY, CANARY)


def test_a_changed_declaration_is_refused_over_an_open_incident_and_names_it(canary: Flights) -> None:
    incident = canary.roll_back().incident
    fresh = {**canary.holds, "green": build_model("5")}
    with pytest.raises(IncidentOpen, match=f"`tidewatch acknowledge {incident} --stack dev`"):
        ask(canary, HALF, CANARY, models=fresh)
    ask(canary, HALF, CANARY, models=fresh, acknowledged_incident=incident)


def test_a_quarantined_artifact_is_refused_until_its_incident_is_acknowledged(canary: Flights) -> None:
    incident = canary.roll_back().incident
    with pytest.raises(ArtifactQuarantined, match=f"`tidewatch acknowledge {incident} --stack dev`"):
        ask(canary, HALF, CANARY)
    ask(canary, HALF, CANARY, acknowledged_incident=incident)


def test_a_quarantined_artifact_put_into_the_variant_that_serves_is_refused_without_a_new_split(
    canary: Flights,
) -> None:
    canary.roll_back()
    with pytest.raises(ArtifactQuarantined, match="Variant blue"):
        ask(canary, CANARY, CANARY, models={**canary.holds, "blue": build_model("9", artifact="artifact-4")})


def test_a_quarantined_artifact_may_lie_in_a_variant_without_traffic(canary: Flights) -> None:
    canary.roll_back()
    ask(canary, CANARY, CANARY, models={**canary.holds, "green": build_model("9", artifact="artifact-4")})


def test_the_champion_is_never_quarantined(canary: Flights) -> None:
    canary.roll_back()
    ask(canary, CANARY, CANARY, champion="blue")
    with pytest.raises(ArtifactQuarantined, match="Variant green"):
        ask(canary, CANARY, CANARY, champion="green")


def test_the_champion_is_not_edited_while_another_variant_serves(canary: Flights) -> None:
    changed = {**canary.holds, "blue": build_model("7")}
    with pytest.raises(ChangeRefused, match="Variant blue is the rollback target and green serves"):
        ask(canary, CANARY, CANARY, models=changed, champion="blue")
    canary.split(blue=1, green=0)
    ask(canary, CANARY, CANARY, models=changed, champion="blue")


def test_the_last_good_version_is_not_replaced_in_the_edit_that_moves_the_champion(canary: Flights) -> None:
    changed = {**canary.holds, "blue": build_model("7")}
    with pytest.raises(ChangeRefused, match="in a separate `up`"):
        ask(canary, CANARY, CANARY, models=changed, champion="green", previous_champion="blue")
    ask(canary, CANARY, CANARY, champion="green", previous_champion="blue")


def test_acknowledging_an_unknown_incident_is_refused(canary: Flights) -> None:
    with pytest.raises(UnknownIncident, match=r"flights-nope.* remove tidewatch:acknowledgedIncident from the stack"):
        ask(canary, HALF, CANARY, acknowledged_incident="flights-nope")


def test_who_asks_for_an_incident_that_never_was_is_not_sent_to_a_config_that_nobody_wrote(canary: Flights) -> None:
    with pytest.raises(UnknownIncident, match="flights-nope") as said:
        canary.controller().get_incident("flights-nope")
    assert "acknowledgedIncident" not in str(said.value)


def test_a_variant_is_not_raised_while_its_guardrail_is_in_alarm(canary: Flights) -> None:
    canary.put_alarm("green-errors", "ALARM")
    controller = canary.controller(guardrails={"green": "green-errors"})
    with pytest.raises(ChangeRefused, match="guardrail green-errors is in ALARM"):
        controller.require_update_allowed(declared=HALF, previous=CANARY, models=canary.holds)
    with pytest.raises(ChangeRefused, match="guardrail green-errors is in ALARM"):
        controller.apply(HALF, who="pulumi", why="declared", models=canary.holds)
    controller.apply(Split.from_single_variant("blue"), who="pulumi", why="declared", models=canary.holds)
    assert canary.live() == {"blue": 1.0, "green": 0.0}


def test_before_anything_exists_nothing_is_quarantined(account: Flights) -> None:
    nowhere = ResourceNames("tidewatch/dev/flights", "", "", "")
    controller = account.controller(resource_names=nowhere)
    controller.require_update_allowed(
        declared=CANARY, previous=None, models={"blue": build_model("3"), "green": build_model("4")}
    )
    assert (controller.open_incidents(), controller.quarantines()) == ((), ())
    with pytest.raises(EndpointMissing, match="There is no endpoint yet"):
        controller.state()
    absent = account.controller(
        resource_names=ResourceNames("tidewatch/dev/flights", "absent", "no-such-ledger", "no-such-control")
    )
    absent.require_update_allowed(declared=CANARY, previous=None, models={})


def test_a_recreated_endpoint_is_still_under_its_quarantines(canary: Flights) -> None:
    canary.roll_back()
    with pytest.raises(ArtifactQuarantined):
        canary.controller(
            resource_names=ResourceNames("tidewatch/dev/flights", "", PLACE.ledger, PLACE.control)
        ).require_update_allowed(declared=CANARY, previous=None, models=canary.holds)


@pytest.mark.parametrize(
    ("weights", "holds", "error", "words"),
    [
        ({"violet": 1.0}, {"violet": build_model("5")}, TargetUnavailable, "Variant violet is not on the endpoint"),
        (
            {"blue": 1.0, "green": 1.0},
            {"blue": build_model("3")},
            InvalidSplit,
            "No record shows which model variant green holds",
        ),
        (
            {"blue": 1.0, "green": 1.0},
            {"blue": build_model("3"), "green": build_model("4", floor=5)},
            TargetUnavailable,
            "has 2 of the 5 instances",
        ),
    ],
)
def test_traffic_to_nothing_is_refused(
    canary: Flights, weights: dict[str, float], holds: dict[str, DeployedModel], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        canary.controller().apply(Split.of(weights), who="pulumi", why="declared", models=holds)
    assert canary.live() == {"blue": 0.95, "green": 0.05}


def test_a_declaration_over_an_unannounced_flip_asks_first(canary: Flights) -> None:
    canary.flip_behind(blue=0.7, green=0.3)
    with pytest.raises(IncidentOpen, match="without an entry in the ledger"):
        canary.split(blue=50, green=50)
    assert canary.live() == {"blue": 0.7, "green": 0.3}
    canary.controller().acknowledge(canary.controller().open_incidents()[0].id, "operator")
    canary.split(blue=50, green=50)
    assert canary.live() == {"blue": 0.5, "green": 0.5}


def test_a_split_that_is_live_already_is_not_written_again(canary: Flights) -> None:
    before = canary.kinds()
    assert canary.controller().apply(CANARY, who="pulumi", why="again", models=canary.holds) is None
    assert canary.kinds() == before


def test_every_change_has_an_intent_and_its_outcome(canary: Flights) -> None:
    receipt = canary.controller().apply(HALF, who="operator", why="by hand", models=canary.holds)
    assert receipt is not None
    assert receipt.weights_observed_s is not None
    assert receipt.weights_observed_s >= 30
    intent, outcome = canary.controller().entries()[-2:]
    assert (intent.kind, outcome.kind, outcome.intent) == ("intent", "outcome", intent.sequence)
    assert (outcome.who, outcome.why, outcome.before, outcome.after) == ("operator", "by hand", CANARY, HALF)


def test_a_split_over_weights_that_were_changed_by_hand_is_refused_and_writes_nothing(canary: Flights) -> None:
    canary.flip_behind(blue=1, green=1)
    before = canary.kinds()
    asked = (canary, Split.of({"blue": 80, "green": 20}), canary.replay_ledger())
    with pytest.raises(IncidentOpen, match="it was blue 95%, green 5%") as refused:
        ask(*asked)
    assert "within a minute the sweep records it as an incident" in str(refused.value)
    assert canary.kinds() == before
    canary.sweeps(1)
    (incident,) = canary.controller().open_incidents()
    with pytest.raises(IncidentOpen, match=f"`tidewatch acknowledge {incident.id} --stack dev`"):
        ask(*asked)
