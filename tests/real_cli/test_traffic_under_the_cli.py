"""What happens to the traffic under the real CLI: what is refused before anything is touched, what an edit keeps, and
what is left behind by a kill."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.real_cli.flights import Flights

pytestmark = pytest.mark.real_cli
CLASS = re.compile(r"\b[A-Za-z_.]*(Error|Refused|Open|Quarantined|Exception|NoTarget|Incident|Rollback|Told)\b: ")
"""How Python begins what it prints of an exception."""


@pytest.fixture(scope="module")
def canary(flights: Flights) -> Flights:
    """Blue serves version 1, green version 2: one stack for the module, whose tests end as they began."""
    flights.serve(blue=("1", 60), green=("2", 40))
    flights.pulumi.up()
    return flights


def list_made_resources(canary: Flights) -> list[dict[str, Any]]:
    """The state of all but the providers, whose inputs are the stack's config as it was edited."""
    return [one for one in canary.pulumi.resources if not one["type"].startswith("pulumi:providers:")]


def read_refusal(canary: Flights, *command: str) -> str:
    said = canary.read_refusal(*command)
    assert not CLASS.search(said), said
    return said


def test_the_champions_edit_makes_nothing_also_without_a_preview(canary: Flights):
    before = list_made_resources(canary)
    canary.serve(blue=("3", 60), green=("2", 40))
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        assert "blue is the rollback target and green serves" in read_refusal(canary, *command)
    assert list_made_resources(canary) == before
    canary.serve(blue=("1", 60), green=("2", 40))


def test_an_incident_that_nobody_knows_is_refused_in_preview(canary: Flights):
    canary.pulumi.configure("tidewatch:acknowledgedIncident", "flights-nope")
    assert "The ledger has no incident flights-nope" in read_refusal(canary, "preview")
    canary.pulumi.configure("tidewatch:acknowledgedIncident", "")


def test_another_environment_keeps_weights_and_counts_and_drains_nothing(canary: Flights):
    before, told = canary.endpoint()["EndpointConfigName"], len(canary.entries())
    canary.pulumi.configure("tidewatch:endpoint.environment", {"OMP_NUM_THREADS": "4"})
    canary.pulumi.preview()
    canary.pulumi.up()
    assert canary.endpoint()["EndpointConfigName"] != before
    assert canary.shares() == {"blue": 0.6, "green": 0.4}
    assert len(canary.entries()) == told
    assert not canary.pulumi.preview("--expect-no-changes").is_changed


def test_a_drain_that_was_killed_is_settled_when_the_edit_is_taken_back(canary: Flights):
    canary.serve(blue=("1", 60), green=("3", 40))
    canary.pulumi.run_and_kill("up", "flights-deployment", lambda: canary.shares() == {"blue": 1.0, "green": 0.0})
    canary.pulumi.run("cancel", "--yes")
    canary.serve(blue=("1", 60), green=("2", 40))
    canary.pulumi.preview()
    canary.pulumi.up()
    assert canary.shares() == {"blue": 0.6, "green": 0.4}
    assert canary.versions() == {"blue": "1", "green": "2"}
    assert not canary.pulumi.preview("--expect-no-changes").is_changed


def test_no_sweep_answers_for_a_writer_that_lives_and_all_tell_the_rehearsals_time(canary: Flights):
    canary.aws.control.advance(7200)
    start = len(canary.entries())
    canary.serve(blue=("1", 60), green=("3", 40))
    canary.pulumi.up()
    canary.weigh(blue=70, green=30)
    canary.pulumi.up()
    canary.weigh(blue=60, green=40)
    canary.pulumi.up()
    found = canary.entries()
    assert not [one for one in found[start:] if "died" in one.get("why", "")]
    moments = [one["at"] for one in found]
    assert moments == sorted(moments)
    canary.serve(blue=("1", 60), green=("2", 40))
    canary.pulumi.up()


def test_over_an_open_incident_a_new_version_gets_nothing_until_a_targeted_up_acknowledges_it(canary: Flights):
    canary.flip(blue=0.35, green=0.65)
    canary.serve(blue=("1", 60), green=("3", 40))
    said = canary.pulumi.run("up", "--yes", "--skip-preview").out
    assert canary.shares() == {"blue": 1.0, "green": 0.0}
    assert "Variant green gets no traffic while incident" in said
    incident = canary.pulumi.outputs["traffic"]["withheld"].split()[7]
    canary.pulumi.configure("tidewatch:acknowledgedIncident", incident)
    (weights,) = (one["urn"] for one in canary.pulumi.resources if one["urn"].endswith("::flights-weights"))
    canary.pulumi.up("--target", weights)
    assert canary.shares() == {"blue": 0.6, "green": 0.4}
    canary.pulumi.up()
    assert canary.pulumi.outputs["traffic"]["withheld"] == ""


@pytest.mark.parametrize("targets", [("deployment",), ("deployment", "cfg")])
def test_a_deployment_of_what_is_no_target_is_refused(canary: Flights, targets: tuple[str, ...]):
    before = canary.versions()
    canary.serve(blue=("1", 60), green=("2" if before["green"] == "3" else "3", 40))
    urns = [
        one["urn"] for one in canary.pulumi.resources if one["urn"].endswith(tuple(f"::flights-{t}" for t in targets))
    ]
    command = [word for urn in urns for word in ("--target", urn)]
    assert "run `pulumi up` without --target." in read_refusal(canary, "up", "--yes", "--skip-preview", *command)
    assert canary.versions() == before
    canary.serve(blue=("1", 60), green=(before["green"], 40))
    canary.pulumi.up()


def test_a_failure_on_the_way_is_a_sentence(canary: Flights):
    canary.aws.control.inject("deployment_fails", endpoint=canary.name, reason="The health check failed.")
    canary.serve(blue=("1", 60), green=("2", 40))
    assert "SageMaker rolled the deployment of" in read_refusal(canary)
    canary.serve(blue=("1", 60), green=("3", 40))
    canary.pulumi.up()


def test_the_version_of_the_only_variant_is_refused_in_preview(canary: Flights):
    canary.serve(blue=("1", 100))
    canary.pulumi.up()
    canary.serve(blue=("2", 100))
    assert "The model of blue cannot be changed while it has all traffic" in read_refusal(canary, "preview")
