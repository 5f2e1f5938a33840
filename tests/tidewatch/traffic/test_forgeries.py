"""Records that others wrote into the tables: they move no traffic, stop no rollback, and somebody hears of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.tidewatch.traffic.account import PLACE, Flights
from tests.tidewatch.traffic.failing import WRITES, failing
from tidewatch import metrics
from tidewatch.items import item
from tidewatch.traffic import Split
from tidewatch.traffic.head import Head


def forged(canary: Flights, **changes: Any) -> Head:
    return replace(Head("forged", "pending", "green", canary.clock.now(), revision=9), **changes)


def put_head(canary: Flights, drive: object, **others: object) -> None:
    body = {"endpoint": PLACE.key, "key": "head", "revision": 9, "drive": drive, **others}
    canary.clients.dynamodb.put_item(TableName="control", Item=item(body))


def put_entry(canary: Flights, sequence: int, **values: object) -> None:
    body = {"endpoint": PLACE.key, "sequence": sequence, **values}
    canary.clients.dynamodb.put_item(TableName="ledger", Item=item(body))


def refused(canary: Flights) -> float:
    return canary.controller().gauges().endpoint[metrics.RECORDS_REFUSED]


@pytest.mark.parametrize("state", ["pending", "flipping", "observed", "blocked"])
def test_a_forged_rollback_to_the_challenger_moves_nothing(canary: Flights, state: Any) -> None:
    before = canary.live()
    put_head(canary, forged(canary, state=state).to_json())
    canary.sweep()
    canary.sweeps(3)
    assert canary.live() == before
    assert "latch" not in canary.kinds()
    assert refused(canary) == 1
    assert canary.controller().incidents() == ()


def test_an_operators_rollback_does_not_attach_to_a_forged_one(canary: Flights) -> None:
    put_head(canary, forged(canary).to_json())
    assert canary.roll_back().target == "blue"
    assert canary.live() == {"blue": 1.0, "green": 0.0}


def test_a_rollback_that_was_under_way_when_its_target_moved_is_driven_to_its_end(canary: Flights) -> None:
    result = canary.roll_back()
    canary.clock.advance(60)
    canary.requests("blue", 5)
    assert canary.sweeps(4, target="green").state in ("closed", "nothing")
    assert canary.controller().incident(result.incident).state == "closed"
    assert refused(canary) == 0


@pytest.mark.parametrize(
    "drive",
    [
        None,
        "text",
        5,
        [],
        {},
        {"incident": "x"},
        {"incident": "x", "state": "pending", "target": "blue", "requested_at": "yesterday"},
        {"incident": "x", "state": "pending", "target": "blue", "requested_at": "2026-01-01T00:00:00"},
        {"incident": "x", "state": "odd", "target": "blue", "requested_at": "2026-01-01T00:00:00+00:00"},
        {"incident": 7, "state": "pending", "target": "blue", "requested_at": "2026-01-01T00:00:00+00:00"},
        {"incident": "x", "state": "pending", "target": "blue", "requested_at": 5},
        {"incident": "x", "state": "pending", "target": ["blue"], "requested_at": "2026-01-01T00:00:00+00:00"},
    ],
)
def test_a_head_of_another_form_stops_no_rollback(canary: Flights, drive: object) -> None:
    put_head(canary, drive)
    canary.sweep()
    assert refused(canary) == 1
    put_head(canary, drive)
    assert canary.roll_back().state == "observed"
    assert canary.live() == {"blue": 1.0, "green": 0.0}


def test_who_may_only_read_passes_over_what_the_sweep_sets_aside(canary: Flights) -> None:
    put_head(canary, {})
    with failing(canary, ("ledger", "control"), WRITES, "AccessDeniedException"):
        declared = Split.of({"blue": 80, "green": 20})
        canary.controller().refuse_unless_allowed(declared=declared, previously=canary.told(), held=canary.holds)
    canary.sweep()
    assert refused(canary) == 1


def test_people_are_told_for_half_an_hour(canary: Flights) -> None:
    put_head(canary, {})
    canary.sweep()
    canary.clock.advance(29 * 60)
    assert refused(canary) == 1
    canary.clock.advance(2 * 60)
    assert refused(canary) == 0


@pytest.mark.parametrize("expires", [{"N": "99999999999"}, {"S": "never"}])
def test_an_endless_lease_holds_no_rollback_up(canary: Flights, expires: Any) -> None:
    lease = {"endpoint": {"S": PLACE.key}, "key": {"S": "lease#traffic"}, "expires": expires}
    canary.clients.dynamodb.put_item(TableName="control", Item=lease)
    assert canary.roll_back().state == "observed"
    assert canary.live() == {"blue": 1.0, "green": 0.0}


NOW = datetime(2026, 1, 1, tzinfo=UTC).isoformat()


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "intent", "who": "x"},
        {"kind": "intent", "who": "x", "at": "yesterday"},
        {"kind": "intent", "who": "x", "at": "2026-01-01T00:00:00"},
        {"kind": "intent", "who": "x", "at": 5},
        {"kind": "odd", "who": "x", "at": NOW},
        {"kind": "intent", "at": NOW},
        {"kind": "outcome", "who": "x", "at": NOW, "to": {"green": "all"}},
        {"kind": "outcome", "who": "x", "at": NOW, "to": {}},
        {"kind": "incident", "who": "x", "at": NOW, "incident": 7},
        {"kind": "outcome", "who": "x", "at": NOW, "receipt": "fast"},
    ],
)
def test_a_ledger_entry_of_another_form_is_skipped_and_told(canary: Flights, entry: dict[str, object]) -> None:
    last = canary.controller().entries()[-1].sequence
    put_entry(canary, last + 1, **entry)
    canary.sweep()
    assert refused(canary) == 2, "nobody can read it, and it is no link of the chain"
    assert canary.roll_back().state == "observed", "which appends behind it"
    assert canary.controller().entries()[last].sequence == last + 2
    canary.clock.advance(31 * 60)
    canary.sweep()
    assert refused(canary) == 0


def test_a_giant_reason_stops_no_write(canary: Flights) -> None:
    giant = "why\n" * 100_000
    result = canary.roll_back(canary.request(reason=giant, by=giant))
    assert result.state == "observed"
    assert canary.live() == {"blue": 1.0, "green": 0.0}
    (incident,) = canary.controller().incidents()
    assert len(incident.reason) <= 1_000
    assert "\n" not in incident.reason
    canary.controller().acknowledge(incident.id, who=f"me\x1b[31m{'x' * 5_000}")
    assert canary.controller().entries()[-1].who.isprintable()
