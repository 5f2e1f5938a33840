"""The end of an endpoint: only by the declaration that owns it, in its turn, written down, and as often as asked."""

from __future__ import annotations

import pytest

from tests.tidewatch.traffic.account import Flights
from tidewatch import metrics
from tidewatch.traffic import EndpointBusy, EndpointMissing


def test_an_endpoint_ends_with_its_declaration_and_the_ledger_says_so(canary: Flights) -> None:
    canary.controller().claim_deletion("declared-1")
    assert canary.controller().delete_endpoint("declared-1", who="pulumi")
    with pytest.raises(EndpointMissing):
        canary.controller().state()
    intent, outcome = canary.controller().entries()[-2:]
    assert (intent.kind, outcome.kind, outcome.intent) == ("intent", "outcome", intent.sequence)
    assert (intent.before, intent.after) == (outcome.before, outcome.after)
    assert "is being deleted: the config no longer declares any traffic for it" in outcome.why


def test_a_declaration_that_another_took_the_place_of_ends_nothing(canary: Flights) -> None:
    canary.controller().claim_deletion("declared-1")
    canary.controller().claim_deletion("declared-2")
    assert [canary.controller().is_deletion_owner(one) for one in ("declared-1", "declared-2")] == [False, True]
    assert not canary.controller().delete_endpoint("declared-1", who="pulumi")
    assert canary.controller().state().is_in_service


def test_what_has_ended_ends_again_without_a_word(canary: Flights) -> None:
    canary.controller().claim_deletion("declared-1")
    assert canary.controller().delete_endpoint("declared-1", who="pulumi")
    before = canary.controller().entries()
    assert not canary.controller().delete_endpoint("declared-1", who="pulumi")
    assert canary.controller().entries() == before


def test_an_end_that_was_cut_off_is_waited_for(canary: Flights) -> None:
    canary.controller().claim_deletion("declared-1")
    canary.clients.sagemaker.delete_endpoint(EndpointName=canary.resource_names.endpoint)
    assert canary.controller().delete_endpoint("declared-1", who="pulumi")
    with pytest.raises(EndpointMissing):
        canary.controller().state()


def test_an_endpoint_that_served_and_is_being_deleted_is_missed(canary: Flights) -> None:
    canary.controller().require_endpoint()
    canary.clients.sagemaker.delete_endpoint(EndpointName=canary.resource_names.endpoint)
    with pytest.raises(EndpointMissing, match="is being deleted: wait until it is gone"):
        canary.controller().require_endpoint()


def test_a_change_under_way_is_waited_for(canary: Flights) -> None:
    canary.ask_weights(blue=50, green=50)
    canary.controller().claim_deletion("declared-1")
    with pytest.raises(EndpointBusy):
        canary.controller(wait_seconds=1).delete_endpoint("declared-1", who="pulumi")
    assert canary.controller().delete_endpoint("declared-1", who="pulumi")


def test_who_ends_an_endpoint_gives_signs_of_life_while_it_waits(canary: Flights) -> None:
    seen: list[bool] = []

    def look() -> None:
        newest = canary.controller().entries()[-1]
        intents = [one for one in canary.controller().entries() if one.kind == "intent"]
        if newest.intent == intents[-1].sequence and intents[-1].after is None:
            seen.append(canary.controller().writer.heartbeat.is_other_alive(intents[-1].writer))

    canary.controller().claim_deletion("declared-1")
    canary.clock.on_advance.append(look)
    assert canary.controller().delete_endpoint("declared-1", who="pulumi")
    canary.clock.on_advance.remove(look)
    assert seen
    assert all(seen)


def test_an_endpoint_that_is_ended_is_missed_by_nobody(canary: Flights) -> None:
    seen: dict[str, set[float]] = {}

    def look() -> None:
        gauges = canary.controller().read_gauges().endpoint
        try:
            status = canary.status()
        except EndpointMissing:
            status = "gone"
        seen.setdefault(status, set()).add(gauges[metrics.ENDPOINT_NOT_IN_SERVICE])

    canary.controller().claim_deletion("declared-1")
    canary.clock.on_advance.append(look)
    assert canary.controller().delete_endpoint("declared-1", who="pulumi")
    look()
    canary.clock.on_advance.remove(look)
    assert seen["Deleting"] == {0.0}
    assert seen["gone"] == {0.0}


@pytest.mark.parametrize("after", [0, 600])
def test_an_endpoint_that_somebody_else_deleted_is_missed(canary: Flights, after: int) -> None:
    canary.clients.sagemaker.delete_endpoint(EndpointName=canary.resource_names.endpoint)
    canary.clock.advance(after)
    assert canary.controller().read_gauges().endpoint[metrics.ENDPOINT_NOT_IN_SERVICE] == 1.0


def test_without_tables_the_endpoint_ends_all_the_same(canary: Flights) -> None:
    for table in (canary.resource_names.ledger, canary.resource_names.control):
        canary.clients.dynamodb.delete_table(TableName=table)
    assert canary.controller().delete_endpoint("declared-1", who="pulumi")
