"""Items of any form, under every key that the tables know: the sweep works, and a rollback comes all the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tidewatch.traffic.account import ALARM_ARN, ENDPOINT, PLACE, Flights
from tidewatch import metrics
from tidewatch.traffic import LedgerCopies, build_acknowledgements_key
from tidewatch.traffic.heartbeat import GRACE_SECONDS

WRITER = "somebody"
KEYS = (
    "run",
    "requested-config",
    "served-versions",
    "drain",
    "scaling",
    "deletion-owner",
    "rejected",
    "ledger-tampering",
    "lease#traffic",
    "lease#notification",
    "deployment#{config}",
    f"writer#{WRITER}",
    f"notified#{ENDPOINT}",
    f"advised#{ALARM_ARN}",
    f"ledger-copy#{PLACE.key}",
    f"ledger-copy#{build_acknowledgements_key(PLACE.key)}",
)
NAMES = (
    *("run", "revision", "incident", "state", "target", "requested_at", "observed_at", "abort_tripped", "notes"),
    *(
        "endpoint",
        "config",
        "writer",
        "variants",
        "blue",
        "green",
        "version",
        "content",
        "since",
        "models",
        "model",
        "artifact",
    ),
    *("image", "floor", "before", "sequence", "variants", "targets", "min", "max", "policies", "owner", "at", "item"),
    *("findings", "expires", "beat", "suspected_at", "holder", "alarm_at", "number", "digest"),
)
FIELDS = (
    *(
        "kind",
        "who",
        "at",
        "why",
        "from",
        "to",
        "alarm",
        "incident",
        "target",
        "intent",
        "receipt",
        "error",
        "variant",
    ),
    *(
        "artifact",
        "image",
        "content",
        "config",
        "writer",
        "seen_sequence",
        "previous",
        "api_accepted_s",
        "blue",
        "green",
    ),
)
TEXTS = (
    *("", "pending", "rolled_back", "closed", "blue", "green", ENDPOINT, WRITER, "yesterday"),
    *("2026-01-01T00:00:00", "2026-01-01T00:00:00+00:00", "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"),
    *("intent", "outcome", "out_of_band", "incident", "quarantine", "acknowledgement"),
)
NUMBERS = ("0", "1", "-1", "0.5", "9" * 38, "1E+125", "-1E+125", "99999999999", "2")


def attributes(names: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """One attribute of any type that DynamoDB has, of words that ours have or others."""
    leaf = st.one_of(
        st.sampled_from(TEXTS).map(lambda text: {"S": text}),
        st.text(max_size=5).map(lambda text: {"S": text}),
        st.sampled_from(NUMBERS).map(lambda number: {"N": number}),
        st.booleans().map(lambda flag: {"BOOL": flag}),
        st.just({"NULL": True}),
        st.just({"B": b"\xff\x00"}),
        st.just({"SS": ["a", "b"]}),
        st.just({"NS": ["1", "2"]}),
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=2).map(lambda many: {"L": many}),
            st.dictionaries(st.sampled_from(names), inner, max_size=6).map(lambda some: {"M": some}),
        ),
        max_leaves=12,
    )


def bodies(names: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), attributes(names), max_size=8)


def put(account: Flights, key: str, body: dict[str, Any]) -> None:
    named = key.format(config=account.controller().state().config)
    whole = {**body, "stack": {"S": PLACE.key}, "key": {"S": named}}
    account.clients.dynamodb.put_item(TableName="control", Item=whole)


def sweep_minute(account: Flights) -> dict[str, float]:
    """What the function does each minute, and the metrics that it emits for the alarms."""
    account.clock.advance(60)
    account.sweep()
    traffic = account.controller()
    found = traffic.read_gauges()
    s3: Any = account.clients.s3
    LedgerCopies(s3, "flights-monitoring").copy_new_entries(traffic.ledger, traffic.control)
    return {metric.name: value for metric, value in found.endpoint.items()}


@pytest.fixture
def swept_canary(canary: Flights) -> Iterator[Flights]:
    canary.sweep()
    yield canary
    canary.roll_back()
    assert canary.live() == {"blue": 1.0, "green": 0.0}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(key=st.sampled_from(KEYS), body=bodies(NAMES))
def test_no_item_of_the_control_table_stops_the_sweep(swept_canary: Flights, key: str, body: dict[str, Any]) -> None:
    put(swept_canary, key, body)
    assert metrics.RECORDS_REFUSED.name in sweep_minute(swept_canary)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(body=bodies(FIELDS), acknowledges=st.booleans())
def test_no_entry_of_the_ledger_stops_the_sweep(
    swept_canary: Flights, body: dict[str, Any], acknowledges: bool
) -> None:
    traffic = swept_canary.controller()
    traffic.entries()
    chain = traffic.ledger.chains[acknowledges]
    number = {"sequence": {"N": str(chain.last_number + 1)}}
    swept_canary.clients.dynamodb.put_item(TableName="ledger", Item={**body, "stack": {"S": chain.key}, **number})
    assert metrics.RECORDS_REFUSED.name in sweep_minute(swept_canary)


ODD: tuple[dict[str, Any], ...] = (
    {},
    {"variants": {"M": {"blue": {"S": "3"}}}},
    {"variants": {"M": {"blue": {"M": {"version": {"S": "3"}, "more": {"S": ""}}}}}},
    {"variants": {"L": []}, "endpoint": {"N": "5"}, "config": {"S": "x"}},
    {"models": {"M": {"blue": {"S": "3"}}}, "before": {"M": {}}, "sequence": {"S": "1"}, "expires": {"S": "never"}},
    {"before": {"M": {"blue": {"N": "1"}}}, "sequence": {"N": "0"}, "variants": {"L": []}, "config": {"S": "x"}},
)
SET_ASIDE = ("run", "requested-config", "served-versions", "drain", "deployment#{config}")


@pytest.mark.parametrize(("key", "body"), itertools.product(SET_ASIDE, ODD))
def test_an_item_of_another_form_is_set_aside_and_told(swept_canary: Flights, key: str, body: dict[str, Any]) -> None:
    put(swept_canary, key, body)
    assert sweep_minute(swept_canary)["RecordsRefused"] == 1
    assert swept_canary.controller().read_gauges().served_versions.keys() <= {"blue", "green"}
    swept_canary.clock.advance(31 * 60)
    assert sweep_minute(swept_canary)["RecordsRefused"] == 0


def test_what_a_variant_serves_is_told_again_after_an_item_of_another_form(swept_canary: Flights) -> None:
    before = swept_canary.controller().read_gauges().served_versions
    put(swept_canary, "served-versions", {"variants": {"S": "all"}})
    after = swept_canary.controller().read_gauges().served_versions
    assert {variant: one.version for variant, one in after.items()} == {
        variant: one.version for variant, one in before.items()
    }


@pytest.mark.parametrize("key", ["scaling", "deletion-owner", f"advised#{ALARM_ARN}"])
@pytest.mark.parametrize("body", [{}, {"targets": {"S": "blue"}, "name": {"L": []}, "alarm_at": {"N": "1"}}])
def test_what_only_some_calls_read_stops_none_of_them(swept_canary: Flights, key: str, body: dict[str, Any]) -> None:
    put(swept_canary, key, body)
    assert swept_canary.controller().has_suspended_scaling() is False
    assert swept_canary.controller().is_deletion_owner("somebody") in (True, key != "deletion-owner")
    advised = swept_canary.alarm()
    assert swept_canary.roll_back(advised, automatic=False).state == "advised"


@pytest.mark.parametrize(
    "sign",
    [
        {"expires": {"N": "99999999999"}, "beat": {"N": "1"}},
        {"expires": {"N": "1"}, "beat": {"N": "1"}, "suspected_at": {"N": "99999999999"}},
        {"expires": {"N": "1"}, "beat": {"N": "1"}, "more": {"B": b"x"}},
        {"expires": {"S": "never"}, "beat": {"N": "1"}},
        {},
    ],
)
def test_nobody_lives_for_ever(swept_canary: Flights, sign: dict[str, Any]) -> None:
    put(swept_canary, f"writer#{WRITER}", sign)
    life = swept_canary.controller().writer.heartbeat
    life.is_other_alive(WRITER)
    swept_canary.clock.advance(GRACE_SECONDS + 1)
    assert not life.is_other_alive(WRITER)


def test_a_writer_whose_clock_is_ahead_lives_while_it_renews(swept_canary: Flights) -> None:
    sign = {"expires": {"N": str((swept_canary.clock.now() + timedelta(hours=1)).timestamp())}}
    life = swept_canary.controller().writer.heartbeat
    for beat in range(5):
        put(swept_canary, f"writer#{WRITER}", {**sign, "beat": {"N": str(beat)}})
        assert life.is_other_alive(WRITER)
        swept_canary.clock.advance(20)
        assert life.is_other_alive(WRITER)
