"""Records that others wrote into the tables: they move no traffic, stop no rollback, and somebody is notified."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.tidewatch.traffic.account import PLACE, Flights, build_model
from tests.tidewatch.traffic.failing_tables import WRITES, failing
from tidewatch import metrics
from tidewatch.aws.dynamodb import to_item
from tidewatch.traffic import LedgerEntry, RollbackRun, Split, build_acknowledgements_key
from tidewatch.traffic.hash_chain import HashChain


def forge_run(canary: Flights, **changes: Any) -> RollbackRun:
    return replace(RollbackRun("forged", "pending", "green", canary.clock.now(), revision=9), **changes)


def put_head(canary: Flights, run: object, **others: object) -> None:
    body = {"stack": PLACE.key, "key": "run", "revision": 9, "run": run, **others}
    canary.clients.dynamodb.put_item(TableName="control", Item=to_item(body))


def put_entry(canary: Flights, sequence: float, key: str = PLACE.key, **values: Any) -> None:
    body = {"stack": key, "sequence": sequence, **values}
    canary.clients.dynamodb.put_item(TableName="ledger", Item=to_item(body))


def count_refused_records(canary: Flights) -> float:
    return canary.controller().read_gauges().endpoint[metrics.RECORDS_REFUSED]


@pytest.mark.parametrize("state", ["pending", "flipping", "rolled_back", "blocked"])
def test_a_forged_rollback_to_the_challenger_moves_nothing(canary: Flights, state: Any) -> None:
    before = canary.live()
    put_head(canary, forge_run(canary, state=state).to_json())
    canary.sweep()
    canary.sweeps(3)
    assert canary.live() == before
    assert "quarantine" not in canary.kinds()
    assert count_refused_records(canary) == 1
    assert canary.controller().open_incidents() == ()


def test_an_operators_rollback_does_not_attach_to_a_forged_one(canary: Flights) -> None:
    put_head(canary, forge_run(canary).to_json())
    assert canary.roll_back().target == "blue"
    assert canary.live() == {"blue": 1.0, "green": 0.0}


def test_a_rollback_that_was_under_way_when_its_target_moved_is_driven_to_its_end(canary: Flights) -> None:
    result = canary.roll_back()
    canary.clock.advance(60)
    canary.requests("blue", 5)
    assert canary.sweeps(4, target="green").state in ("closed", "no_incident")
    assert canary.controller().get_incident(result.incident).state == "closed"
    assert count_refused_records(canary) == 0


@pytest.mark.parametrize(
    "run",
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
def test_a_head_of_another_form_stops_no_rollback(canary: Flights, run: object) -> None:
    put_head(canary, run)
    canary.sweep()
    assert count_refused_records(canary) == 1
    put_head(canary, run)
    assert canary.roll_back().state == "rolled_back"
    assert canary.live() == {"blue": 1.0, "green": 0.0}


def test_who_may_only_read_passes_over_what_the_sweep_sets_aside(canary: Flights) -> None:
    put_head(canary, {})
    with failing(canary, ("ledger", "control"), WRITES, "AccessDeniedException"):
        declared = Split.of({"blue": 80, "green": 20})
        canary.controller().require_update_allowed(
            declared=declared, previous=canary.replay_ledger(), models=canary.holds
        )
    canary.sweep()
    assert count_refused_records(canary) == 1


@pytest.mark.parametrize("ahead", [-1, 0, 1, 10**6])
def test_a_forged_drain_brings_no_traffic_back(canary: Flights, ahead: int) -> None:
    before = canary.live()
    sequence = canary.controller().entries()[-1].sequence + ahead
    drain = {"before": {"blue": 0.0, "green": 1.0}, "sequence": sequence, "config": "x", "writer": "", "variants": {}}
    canary.controller().control.put("drain", drain)
    canary.sweeps(3)
    assert canary.live() == before
    assert count_refused_records(canary) == float(ahead >= 0), "an older one was superseded by what is live"
    canary.controller().control.put("drain", drain)
    canary.deploy("green", build_model("5"))
    assert canary.live()["green"] == 0
    kept = canary.controller().control.get("drain")
    assert kept is not None
    assert kept["before"] == before, "a drain of ours does not add to it"
    canary.sweeps(3)
    assert canary.live()["green"] == 0


def test_people_are_told_for_half_an_hour(canary: Flights) -> None:
    put_head(canary, {})
    canary.sweep()
    canary.clock.advance(29 * 60)
    assert count_refused_records(canary) == 1
    canary.clock.advance(2 * 60)
    assert count_refused_records(canary) == 0


@pytest.mark.parametrize("expires", [{"N": "99999999999"}, {"S": "never"}])
def test_an_endless_lease_holds_no_rollback_up(canary: Flights, expires: Any) -> None:
    lease = {"stack": {"S": PLACE.key}, "key": {"S": "lease#traffic"}, "expires": expires}
    canary.clients.dynamodb.put_item(TableName="control", Item=lease)
    assert canary.roll_back().state == "rolled_back"
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
def test_a_ledger_entry_of_another_form_is_skipped_and_told(canary: Flights, entry: dict[str, Any]) -> None:
    last = canary.controller().entries()[-1].sequence
    put_entry(canary, last + 1, **entry)
    canary.sweep()
    assert count_refused_records(canary) == 2, "nobody can read it, and it is no link of the chain"
    assert canary.roll_back().state == "rolled_back", "which appends behind it"
    assert canary.controller().entries()[last].sequence == last + 2
    canary.clock.advance(31 * 60)
    canary.sweep()
    assert count_refused_records(canary) == 0


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "outcome", "intent": [1]},
        {"kind": "outcome", "intent": "1"},
        {"kind": "outcome", "to": {"green": 1.0}, "receipt": {"api_accepted_s": "soon"}},
        {"kind": "incident", "incident": "x", "at": "9999-12-31T23:59:59+00:00"},
        {"kind": "incident", "incident": "x", "at": "0001-01-01T00:00:00+00:00"},
    ],
)
def test_an_entry_that_could_not_be_reckoned_with_is_set_aside(canary: Flights, entry: dict[str, object]) -> None:
    put_entry(canary, canary.controller().entries()[-1].sequence + 1, **{"who": "x", "at": NOW, **entry})
    canary.sweep()
    assert count_refused_records(canary) == 2
    canary.flip_behind(blue=1, green=1)
    assert canary.sweep().out_of_band_incident, "which asks for every outcome's answers"
    assert canary.roll_back().state == "rolled_back"


FAR = [int("9" * 38), 2**53 - 1, 2**53 + 1, 10**12, 1_000]
"""Numbers of entries that are put ahead of the chain."""


@pytest.mark.parametrize("key", [PLACE.key, build_acknowledgements_key(PLACE.key)])
@pytest.mark.parametrize("number", [*FAR, 0, -3, 0.5, 3.5, 1_000.5])
def test_an_entry_under_a_number_that_is_not_the_next_is_set_aside_and_told(
    canary: Flights, number: float, key: str
) -> None:
    last = canary.controller().entries()[-1].sequence
    put_entry(canary, number, key, kind="intent", who="x", at=NOW)
    canary.sweep()
    assert count_refused_records(canary) == 1
    assert canary.controller().find_tampering() == (f"{key} {number}",)
    result = canary.roll_back()
    assert result.state == "rolled_back"
    assert canary.controller().entries()[-1].sequence == last + 4, "incident, quarantine, intent and outcome follow it"
    canary.controller().acknowledge(result.incident, "ana")
    assert canary.controller().open_incidents() == ()
    assert canary.controller().find_tampering() == (f"{key} {number}",), "and what follows fits"
    canary.clock.advance(31 * 60)
    assert count_refused_records(canary) == 0, "doctor says it for good"


def test_a_flood_of_entries_ahead_moves_no_number(canary: Flights) -> None:
    last = canary.controller().entries()[-1].sequence
    for number in range(1, 30):
        put_entry(canary, last + 10 * number, kind="outcome", who="x", at=NOW, to={"green": 1.0})
    assert canary.roll_back().state == "rolled_back"
    assert canary.controller().entries()[-1].sequence == last + 4
    told = canary.replay_ledger()
    assert told is not None
    assert told.get_share("green") == 0


@pytest.mark.parametrize("number", [0.5, 3.5, 4.5, 5.5, int("9" * 38)])
def test_who_reads_again_and_again_counts_a_stray_entry_once(canary: Flights, number: float) -> None:
    ledger = canary.controller().ledger
    read = ledger.entries()
    put_entry(canary, number, kind="outcome", who="x", at=NOW, to={"green": 1.0})
    for _ in range(5):
        assert ledger.entries() == read
        assert len(ledger.broken_links) <= 1
    ledger.append(lambda _: LedgerEntry("outcome", "me", canary.clock.now()))
    assert ledger.entries()[-1].sequence == read[-1].sequence + 1
    ledger.forget()
    assert ledger.entries()[-1].sequence == read[-1].sequence + 1
    assert ledger.broken_links == (f"{PLACE.key} {number}",)


def test_where_others_are_first_with_every_entry_the_weights_are_flipped_all_the_same(
    canary: Flights, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = canary.alarm()
    with monkeypatch.context() as busy:
        busy.setattr(HashChain, "add", lambda *_: None)
        result = canary.roll_back(asked)
    assert result.state == "flipping"
    assert "accepted no entry in 200 attempts" in result.message
    canary.clock.advance(60)
    assert canary.live() == {"blue": 1.0, "green": 0.0}
    canary.sweeps(2)
    assert [one.kind for one in canary.controller().open_incidents()] == ["rollback"]


def test_a_rollback_under_way_flips_though_others_are_first_with_its_intent(
    canary: Flights, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = HashChain.add
    with monkeypatch.context() as busy:
        busy.setattr(HashChain, "add", lambda self, body: None if body["kind"] == "intent" else add(self, body))
        assert canary.roll_back().state == "flipping"
    canary.clock.advance(60)
    assert canary.live() == {"blue": 1.0, "green": 0.0}


def test_an_acknowledgement_that_nobody_can_read_is_told_however_old_the_changes_are(canary: Flights) -> None:
    assert len(canary.controller().entries()) >= 3
    canary.clock.advance(9 * 24 * 3600)
    put_entry(canary, 1, build_acknowledgements_key(PLACE.key), kind="acknowledgement", who="x")
    ledger = canary.controller().ledger
    ledger.entries()
    assert ledger.count_recent_unreadable(canary.clock.now()) == 1
    incident = canary.roll_back().incident
    canary.clock.advance(3600)
    assert count_refused_records(canary) == 1, "a change is of another chain: it stands behind no acknowledgement"
    canary.controller().acknowledge(incident, "ana")
    canary.clock.advance(31 * 60)
    assert count_refused_records(canary) == 0, "another acknowledgement stands behind it"


@pytest.mark.parametrize("seen", [-5, 10**30, 5.5, "all", [1]])
def test_an_acknowledgement_of_what_nobody_can_have_seen_counts_for_nothing(canary: Flights, seen: object) -> None:
    incident = canary.roll_back().incident
    last = canary.controller().entries()[-1].sequence
    put_entry(
        canary,
        1,
        key=build_acknowledgements_key(PLACE.key),
        kind="acknowledgement",
        who="x",
        at=NOW,
        incident=incident,
        seen_sequence=seen,
    )
    assert [one.id for one in canary.controller().open_incidents()] == [incident]
    assert canary.controller().entries()[-1].sequence == last
    assert count_refused_records(canary) == 1


def test_a_giant_reason_stops_no_write(canary: Flights) -> None:
    giant = "why\n" * 100_000
    result = canary.roll_back(canary.request(reason=giant, requested_by=giant))
    assert result.state == "rolled_back"
    assert canary.live() == {"blue": 1.0, "green": 0.0}
    (incident,) = canary.controller().open_incidents()
    assert len(incident.reason) <= 1_000
    assert "\n" not in incident.reason
    canary.controller().acknowledge(incident.id, who=f"me\x1b[31m{'x' * 5_000}")
    assert canary.controller().entries()[-1].who.isprintable()
