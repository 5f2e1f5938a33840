"""Two stacks of one model, and two projects with one stack name, in one account: what happens in one stays there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.real_cli.command import Aws
from tests.real_cli.flights import Flights, start_rehearsal

pytestmark = pytest.mark.real_cli
NEIGHBOURS = (("tidewatch", "staging"), ("fares", "rehearsal"))
BY_THEMSELVES = ("silence",)
"""Alarms that come and go in any stack here: nobody asks these endpoints anything."""


def ringing(flights: Flights) -> set[str]:
    """The stack's alarms that are in ALARM, by their keys."""
    names = flights.pulumi.outputs["alarms"]["names"]
    pages = flights.aws.client("cloudwatch").get_paginator("describe_alarms").paginate()
    found = {one["AlarmName"]: one["StateValue"] for page in pages for one in page["MetricAlarms"]}
    return {key for key, name in names.items() if found.get(name) == "ALARM" and not key.startswith(BY_THEMSELVES)}


def minutes(aws: Aws) -> None:
    """Five of them, with a sweep in each: the minutes of a deployment pass faster than functions run."""
    for _ in range(5):
        aws.control.advance(60)
        aws.control.wait_for_functions()


def serving(flights: Flights) -> Flights:
    flights.begin().serve(blue=("1", 95), green=("2", 5))
    flights.pulumi.up()
    return flights


def read_unchanging_state(flights: Flights) -> dict[str, Any]:
    """What nothing that happens next door may change."""
    shares, versions = flights.shares(), flights.versions()
    return {"ringing": ringing(flights), "ledger": flights.entries(), "shares": shares, "versions": versions}


def test_what_happens_in_one_stack_leaves_its_neighbours_as_they_are(
    cli: None, tmp_path_factory: pytest.TempPathFactory
):
    del cli
    with start_rehearsal(tmp_path_factory.mktemp("neighbours")) as (projects, aws):
        here = serving(Flights.of(projects, aws))
        there = [serving(Flights.of(projects, aws, project=project, stack=stack)) for project, stack in NEIGHBOURS]
        minutes(aws)
        before = [read_unchanging_state(one) for one in there]
        assert [one["ringing"] for one in before] == [set(), set()]

        here.flip(blue=0.1, green=0.9)
        here.pulumi.refresh()
        minutes(aws)
        (incident,) = {one["incident"] for one in here.entries() if "incident" in one}
        assert here.roll_back()["target"] == "blue"
        minutes(aws)
        assert [read_unchanging_state(one) for one in there] == before
        for one in there:
            assert not one.pulumi.up().is_changed
            one.pulumi.configure("tidewatch:acknowledgedIncident", incident)
            assert f"The ledger has no incident {incident}" in one.read_refusal("preview")
            one.pulumi.configure("tidewatch:acknowledgedIncident", "")

        here.pulumi.destroy()
        assert [read_unchanging_state(one) for one in there] == before
