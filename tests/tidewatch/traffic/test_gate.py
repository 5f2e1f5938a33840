"""What `pulumi up` may do to the traffic, and what it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tidewatch.traffic.account import PLACE, Flights, held
from tidewatch.traffic import (
    EndpointMissing,
    Held,
    IncidentOpen,
    InvalidSplit,
    Latched,
    NoTarget,
    Place,
    Refused,
    Split,
    UnknownIncident,
)

CANARY = Split.of({"blue": 95, "green": 5})
HALF = Split.of({"blue": 1, "green": 1})


def ask(account: Flights, declared: Split, previously: Split | None, **options: Any) -> None:
    account.controller().refuse_unless_allowed(
        declared=declared, previously=previously, **{"held": account.holds, **options}
    )


def test_an_unchanged_declaration_is_allowed_after_a_rollback(canary: Flights) -> None:
    canary.roll_back()
    ask(canary, CANARY, CANARY)


def test_a_changed_declaration_is_refused_over_an_open_incident_and_names_it(canary: Flights) -> None:
    incident = canary.roll_back().incident
    fresh = {**canary.holds, "green": held("5")}
    with pytest.raises(IncidentOpen, match=f"tidewatch acknowledge {incident}"):
        ask(canary, HALF, CANARY, held=fresh)
    ask(canary, HALF, CANARY, held=fresh, acknowledged=incident)


def test_a_latched_artifact_is_refused_until_its_incident_is_acknowledged(canary: Flights) -> None:
    incident = canary.roll_back().incident
    with pytest.raises(Latched, match=f"tidewatch acknowledge {incident}"):
        ask(canary, HALF, CANARY)
    ask(canary, HALF, CANARY, acknowledged=incident)


def test_a_latched_artifact_put_into_the_slot_that_serves_is_refused_without_a_new_split(canary: Flights) -> None:
    canary.roll_back()
    with pytest.raises(Latched, match="Slot blue"):
        ask(canary, CANARY, CANARY, held={**canary.holds, "blue": held("9", artifact="artifact-4")})


def test_a_latched_artifact_may_lie_in_a_slot_without_traffic(canary: Flights) -> None:
    canary.roll_back()
    ask(canary, CANARY, CANARY, held={**canary.holds, "green": held("9", artifact="artifact-4")})


def test_the_champion_is_never_latched(canary: Flights) -> None:
    canary.roll_back()
    ask(canary, CANARY, CANARY, champion="blue")
    with pytest.raises(Latched, match="Slot green"):
        ask(canary, CANARY, CANARY, champion="green")


def test_the_champion_is_not_edited_while_another_slot_serves(canary: Flights) -> None:
    changed = {**canary.holds, "blue": held("7")}
    with pytest.raises(Refused, match="Slot blue is the rollback target and green serves"):
        ask(canary, CANARY, CANARY, held=changed, champion="blue")
    canary.split(blue=1, green=0)
    ask(canary, CANARY, CANARY, held=changed, champion="blue")


def test_the_last_good_version_is_not_replaced_in_the_edit_that_moves_the_champion(canary: Flights) -> None:
    changed = {**canary.holds, "blue": held("7")}
    with pytest.raises(Refused, match="in an `up` of its own"):
        ask(canary, CANARY, CANARY, held=changed, champion="green", champion_before="blue")
    ask(canary, CANARY, CANARY, champion="green", champion_before="blue")


def test_acknowledging_an_unknown_incident_is_refused(canary: Flights) -> None:
    with pytest.raises(UnknownIncident, match=r"flights-nope.* remove tidewatch:acknowledgedIncident from the stack"):
        ask(canary, HALF, CANARY, acknowledged="flights-nope")


def test_who_asks_for_an_incident_that_never_was_is_not_sent_to_a_config_that_nobody_wrote(canary: Flights) -> None:
    with pytest.raises(UnknownIncident, match="flights-nope") as said:
        canary.controller().incident("flights-nope")
    assert "acknowledgedIncident" not in str(said.value)


def test_a_slot_is_not_raised_while_its_guardrail_is_in_alarm(canary: Flights) -> None:
    canary.put_alarm("green-errors", "ALARM")
    controller = canary.controller(guardrails={"green": "green-errors"})
    with pytest.raises(Refused, match="guardrail green-errors is in ALARM"):
        controller.refuse_unless_allowed(declared=HALF, previously=CANARY, held=canary.holds)
    with pytest.raises(Refused, match="guardrail green-errors is in ALARM"):
        controller.apply(HALF, who="pulumi", why="declared", held=canary.holds)
    controller.apply(Split.only("blue"), who="pulumi", why="declared", held=canary.holds)
    assert canary.live() == {"blue": 1.0, "green": 0.0}


def test_before_anything_exists_nothing_is_latched(account: Flights) -> None:
    nowhere = Place("tidewatch/dev/flights", "", "", "")
    controller = account.controller(place=nowhere)
    controller.refuse_unless_allowed(declared=CANARY, previously=None, held={"blue": held("3"), "green": held("4")})
    assert (controller.incidents(), controller.latches()) == ((), ())
    with pytest.raises(EndpointMissing, match="There is no endpoint yet"):
        controller.state()
    absent = account.controller(place=Place("tidewatch/dev/flights", "absent", "no-such-ledger", "no-such-control"))
    absent.refuse_unless_allowed(declared=CANARY, previously=None, held={})


def test_a_recreated_endpoint_is_still_under_its_latches(canary: Flights) -> None:
    canary.roll_back()
    with pytest.raises(Latched):
        canary.controller(place=Place("tidewatch/dev/flights", "", PLACE.ledger, PLACE.control)).refuse_unless_allowed(
            declared=CANARY, previously=None, held=canary.holds
        )


@pytest.mark.parametrize(
    ("weights", "holds", "error", "words"),
    [
        ({"violet": 1.0}, {"violet": held("5")}, NoTarget, "Slot violet is not on the endpoint"),
        ({"blue": 1.0, "green": 1.0}, {"blue": held("3")}, InvalidSplit, "Nothing says what slot green holds"),
        (
            {"blue": 1.0, "green": 1.0},
            {"blue": held("3"), "green": held("4", floor=5)},
            NoTarget,
            "has 2 of the 5 instances",
        ),
    ],
)
def test_traffic_to_nothing_is_refused(
    canary: Flights, weights: dict[str, float], holds: dict[str, Held], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        canary.controller().apply(Split.of(weights), who="pulumi", why="declared", held=holds)
    assert canary.live() == {"blue": 0.95, "green": 0.05}


def test_a_declaration_over_an_unannounced_flip_asks_first(canary: Flights) -> None:
    canary.flip_behind(blue=0.7, green=0.3)
    with pytest.raises(IncidentOpen, match="without an entry in the ledger"):
        canary.split(blue=50, green=50)
    assert canary.live() == {"blue": 0.7, "green": 0.3}
    canary.controller().acknowledge(canary.controller().incidents()[0].id, "operator")
    canary.split(blue=50, green=50)
    assert canary.live() == {"blue": 0.5, "green": 0.5}


def test_a_split_that_is_live_already_is_not_written_again(canary: Flights) -> None:
    before = canary.kinds()
    assert canary.controller().apply(CANARY, who="pulumi", why="again", held=canary.holds) is None
    assert canary.kinds() == before


def test_every_change_has_an_intent_and_its_outcome(canary: Flights) -> None:
    receipt = canary.controller().apply(HALF, who="operator", why="by hand", held=canary.holds)
    assert receipt is not None
    assert receipt.weights_observed_s is not None
    assert receipt.weights_observed_s >= 30
    intent, outcome = canary.controller().entries()[-2:]
    assert (intent.kind, outcome.kind, outcome.answers) == ("intent", "outcome", intent.sequence)
    assert (outcome.who, outcome.why, outcome.before, outcome.after) == ("operator", "by hand", CANARY, HALF)


def test_a_split_over_weights_that_were_changed_by_hand_is_refused_and_writes_nothing(canary: Flights) -> None:
    canary.flip_behind(blue=1, green=1)
    before = canary.kinds()
    asked = (canary, Split.of({"blue": 80, "green": 20}), canary.told())
    with pytest.raises(IncidentOpen, match="it was blue 95%, green 5%") as refused:
        ask(*asked)
    assert "within a minute the sweep writes it down as an incident" in str(refused.value)
    assert canary.kinds() == before
    canary.sweeps(1)
    (incident,) = canary.controller().incidents()
    with pytest.raises(IncidentOpen, match=f"tidewatch acknowledge {incident.id}"):
        ask(*asked)
