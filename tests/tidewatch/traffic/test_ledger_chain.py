"""The ledger as a chain: who changes, takes out or puts in an entry is found, and by its copies who makes it anew."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tidewatch.traffic.account import PLACE, Flights, handle_event
from tidewatch import metrics
from tidewatch.aws.dynamodb import from_item
from tidewatch.traffic import LedgerCopies, LedgerEntry, build_acknowledgements_key
from tidewatch.traffic.hash_chain import HashChain, to_canonical_json

BUCKET = "flights-monitoring"


@pytest.fixture
def history(canary: Flights) -> Flights:
    """A rollback that was acknowledged, all of it copied."""
    incident = canary.roll_back().incident
    canary.controller().acknowledge(incident, "ana")
    keep(canary)
    return canary


def keep(account: Flights) -> None:
    traffic = account.controller()
    traffic.entries()
    copies(account).copy_new_entries(traffic.ledger, traffic.control)


def copies(account: Flights) -> LedgerCopies:
    s3: Any = account.clients.s3
    return LedgerCopies(s3, BUCKET)


def items(account: Flights, key: str = PLACE.key) -> list[dict[str, Any]]:
    found = account.clients.dynamodb.query(
        TableName="ledger",
        KeyConditionExpression="stack = :key",
        ExpressionAttributeValues={":key": {"S": key}},
    )
    return [dict(one) for one in found["Items"]]


def put(account: Flights, one: dict[str, Any]) -> None:
    account.clients.dynamodb.put_item(TableName="ledger", Item=one)


def remove(account: Flights, one: dict[str, Any]) -> None:
    account.clients.dynamodb.delete_item(TableName="ledger", Key={"stack": one["stack"], "sequence": one["sequence"]})


def find_tampering(account: Flights) -> tuple[str, ...]:
    return account.controller().find_tampering()


def differing(account: Flights) -> list[str]:
    traffic = account.controller()
    traffic.entries()
    return list(copies(account).find_differences(traffic.ledger))


def count_refused_records(account: Flights) -> float:
    return account.controller().read_gauges().endpoint[metrics.RECORDS_REFUSED]


def test_what_was_only_appended_is_whole(history: Flights) -> None:
    assert find_tampering(history) == ()
    assert differing(history) == []
    assert count_refused_records(history) == 0
    history.controller().detect_out_of_band()
    history.flip_behind(blue=1, green=1)
    history.sweeps(2)
    keep(history)
    assert find_tampering(history) == ()
    assert differing(history) == []


@pytest.mark.parametrize("attack", ["rewritten", "taken out"])
def test_any_entry_that_is_changed_or_taken_out_is_found(history: Flights, attack: str) -> None:
    for key in (PLACE.key, build_acknowledgements_key(PLACE.key)):
        for one in items(history, key):
            if attack == "rewritten":
                put(history, {**one, "who": {"S": "somebody else"}})
            else:
                remove(history, one)
            assert find_tampering(history), (key, one["sequence"])
            assert differing(history), (key, one["sequence"])
            put(history, one)
            assert find_tampering(history) == ()


def test_a_chain_that_is_made_anew_is_found_by_its_copies(history: Flights) -> None:
    before = items(history)
    make_anew(history)
    assert history.controller().ledger.broken_links == ()
    assert find_tampering(history) == (f"{PLACE.key} up to {len(before)}",)
    assert differing(history)


def make_anew(account: Flights, more: int = 0) -> None:
    """The chain, by another hand, from its first entry on, and `more` entries of that hand behind it."""
    before = items(account)
    for one in before:
        remove(account, one)
    chain = HashChain(account.clients.dynamodb, "ledger", PLACE.key)
    for one in [*before, *before[-1:] * more]:
        chain.add({"kind": one["kind"]["S"], "who": "nobody", "at": one["at"]["S"]})


@pytest.mark.parametrize("warm", [False, True], ids=["fresh", "warm"])
def test_copying_hides_no_chain_that_was_made_anew_however_it_grows(history: Flights, warm: bool) -> None:
    before = len(items(history))
    traffic = history.controller()
    traffic.entries()
    make_anew(history, more=2)
    for _ in range(3):
        if not warm:
            traffic = history.controller()
        traffic.ledger.append(lambda _: LedgerEntry("outcome", "me", history.clock.now()))
        traffic.entries()
        copies(history).copy_new_entries(traffic.ledger, traffic.control)
        assert find_tampering(history) == (f"{PLACE.key} up to {before}",)
        assert traffic.find_tampering()
    assert differing(history)


def test_what_follows_an_entry_that_fits_nothing_is_copied_all_the_same(history: Flights) -> None:
    last = len(items(history))
    odd = {"stack": {"S": PLACE.key}, "sequence": {"N": str(last + 1)}, "kind": {"S": "odd"}}
    put(history, odd)
    history.controller().ledger.append(lambda _: LedgerEntry("outcome", "me", history.clock.now()))
    keep(history)
    assert find_tampering(history) == (f"{PLACE.key} {last + 1}",)
    put(history, {**items(history)[-1], "who": {"S": "somebody else"}})
    assert find_tampering(history) == (f"{PLACE.key} {last + 1}", f"{PLACE.key} up to {last + 2}")


def test_what_was_taken_out_hides_nothing_that_stands_behind_it(history: Flights) -> None:
    before = history.controller().entries()
    for one in items(history)[1:3]:
        remove(history, one)
    assert [one.sequence for one in history.controller().entries()] == [
        one.sequence for one in before if one.kind == "acknowledgement" or one.sequence not in (2, 3)
    ]
    assert find_tampering(history) == (f"{PLACE.key} 4",)
    history.controller().ledger.append(lambda _: LedgerEntry("outcome", "me", history.clock.now()))
    assert history.controller().entries()[-1].sequence == before[-1].sequence + 1


def test_numbers_of_any_length_are_told_apart() -> None:
    texts = {
        to_canonical_json(from_item({"seen": {"N": number}}))
        for number in ("9" * 38, "9" * 37 + "8", str(2**53 + 1), "5.5")
    }
    assert len(texts) == 4
    assert str(2**53 + 1) in "".join(texts)


ATTACKS = ("rewritten", "taken out", "made anew")


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_function_that_stays_warm_finds_within_the_hour_what_was_changed_behind_it(
    history: Flights, attack: str
) -> None:
    traffic = history.controller()
    assert traffic.read_gauges().endpoint[metrics.RECORDS_REFUSED] == 0
    first, second, *_ = items(history)
    if attack == "rewritten":
        put(history, {**first, "who": {"S": "somebody else"}})
    elif attack == "taken out":
        remove(history, second)
    else:
        make_anew(history)
    found = []
    for _ in range(61):
        history.clock.advance(60)
        found.append(traffic.read_gauges().endpoint[metrics.RECORDS_REFUSED])
        copies(history).copy_new_entries(traffic.ledger, traffic.control)
    assert found[-1] == 1
    assert traffic.find_tampering()


def test_a_function_that_stays_warm_reads_the_whole_ledger_once_an_hour(history: Flights) -> None:
    asked: list[dict[str, Any]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.append(dict(params))

    traffic = history.controller()
    with handle_event(history.clients.dynamodb, "before-parameter-build.dynamodb.Query", note):
        for _ in range(180):
            history.clock.advance(60)
            traffic.read_gauges()
    whole = [one for one in asked if "AND" not in one["KeyConditionExpression"]]
    assert len(whole) == 2 * 4, "both chains, at first and three times"


def test_a_ledger_that_was_cut_off_is_found(history: Flights) -> None:
    remove(history, items(history)[-1])
    assert find_tampering(history)
    assert differing(history)


def test_people_are_told_once_of_each_break_and_for_half_an_hour(history: Flights) -> None:
    first, *_ = items(history)
    put(history, {**first, "who": {"S": "somebody else"}})
    assert count_refused_records(history) == 1
    history.clock.advance(29 * 60)
    assert count_refused_records(history) == 1
    history.clock.advance(2 * 60)
    assert count_refused_records(history) == 0, "doctor says it for good"
    second = items(history)[2]
    put(history, {**second, "who": {"S": "somebody else"}})
    assert count_refused_records(history) == 1


def test_nothing_overwrites_a_copy(history: Flights) -> None:
    first, *_ = items(history)
    put(history, {**first, "who": {"S": "somebody else"}})
    traffic = history.controller()
    for chain in traffic.ledger.chains:
        traffic.control.delete(f"ledger-copy#{chain.key}")
    keep(history)
    assert differing(history) == [f"{PLACE.key} 1"]


def test_an_acknowledgement_where_the_rollback_writes_lifts_no_quarantine(canary: Flights) -> None:
    incident = canary.roll_back().incident
    chain = HashChain(canary.clients.dynamodb, "ledger", PLACE.key)
    list(chain.read())
    chain.add({"kind": "acknowledgement", "who": "me", "at": canary.clock.now().isoformat(), "incident": incident})
    assert [one.id for one in canary.controller().open_incidents()] == [incident]
    assert [one.variant for one in canary.controller().quarantines()] == ["green"]
    assert count_refused_records(canary) == 1
    canary.controller().acknowledge(incident, "ana")
    assert canary.controller().quarantines() == ()


def test_what_is_no_acknowledgement_does_not_count_where_those_are(canary: Flights) -> None:
    chain = HashChain(canary.clients.dynamodb, "ledger", build_acknowledgements_key(PLACE.key))
    chain.add({"kind": "outcome", "who": "me", "at": canary.clock.now().isoformat(), "to": {"green": 1.0}})
    for seen in ("all", -5, 10**30, [1]):
        chain.add({"kind": "acknowledgement", "who": "me", "at": canary.clock.now().isoformat(), "seen_sequence": seen})
    told = canary.replay_ledger()
    assert told is not None
    assert told.get_share("green") < 1
    assert canary.roll_back().state == "rolled_back"


def test_an_acknowledgement_stands_behind_what_its_writer_had_seen(canary: Flights) -> None:
    incident = canary.roll_back().incident
    last = canary.controller().entries()[-1].sequence
    canary.controller().acknowledge(incident, "ana")
    canary.split(blue=90, green=10)
    entries = canary.controller().entries()
    kinds = [one.kind for one in entries]
    assert kinds[kinds.index("acknowledgement") :] == ["acknowledgement", "intent", "outcome"]
    assert [one.sequence for one in entries] == sorted(one.sequence for one in entries)
    assert entries[kinds.index("acknowledgement")].sequence == last


plain = st.recursive(
    st.text(max_size=5) | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(bodies=st.lists(st.dictionaries(st.sampled_from(["a", "b", "why"]), plain, max_size=3), min_size=2, max_size=5))
def test_what_is_read_back_has_the_hash_of_what_was_added(account: Flights, bodies: list[dict[str, Any]]) -> None:
    key = f"law-{next(NAMES)}"
    written = HashChain(account.clients.dynamodb, "ledger", key)
    for body in bodies:
        written.add(body)
    read = HashChain(account.clients.dynamodb, "ledger", key)
    list(read.read())
    assert read.broken_numbers == []
    assert read.canonical_texts == written.canonical_texts
    assert all(to_canonical_json(json.loads(text)) == text for text in read.canonical_texts.values())


NAMES = itertools.count()
