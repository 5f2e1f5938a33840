"""The program under the real CLI, from an empty account to a canary, back, and down again."""

from __future__ import annotations

import re

import pytest

from tests.real_cli.flights import Flights

pytestmark = pytest.mark.real_cli
TRAFFIC = {"gate": "update", "flights-weights": "update"}
"""What an edit of weights changes."""
INCIDENT = re.compile(r"flights-\d{8}-\d{6}-[0-9a-f]{6}")
NO_INSTANCES = "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error."


@pytest.fixture
def canary(flights: Flights) -> Flights:
    """Blue serves version 1 and green version 2, at weights that an earlier test may have left."""
    if not flights.serving:
        flights.serve(blue=("1", 95), green=("2", 5))
        flights.pulumi.up()
        flights.serving = True
    return flights


def test_a_version_is_served_and_another_joins_it_at_five_percent(flights: Flights):
    assert set(flights.pulumi.outputs["endpoint"].values()) == {None}
    flights.serve(blue=("1", 100))
    flights.pulumi.up()
    assert (flights.shares(), flights.versions()) == ({"blue": 1.0}, {"blue": "1"})

    flights.serve(blue=("1", 95), green=("2", 5))
    done = flights.pulumi.up().operations
    assert (flights.shares(), flights.versions()) == ({"blue": 0.95, "green": 0.05}, {"blue": "1", "green": "2"})
    assert done["flights-deployment"] == done["flights-weights"] == "update"
    assert not {"flights", "flights-capacity-blue"} & done.keys(), (
        "the endpoint and the other variant stay as they were"
    )
    assert not flights.pulumi.preview("--expect-no-changes").is_changed
    flights.serving = True


def test_an_out_of_band_flip_is_shown_kept_and_asked_about(canary: Flights):
    canary.flip(blue=0.3, green=0.7)
    canary.pulumi.refresh()
    weights = canary.in_state("flights-weights")
    assert (weights["live"], weights["in_sync"]) == ({"blue": 0.3, "green": 0.7}, False)

    # an edit of our own code arms nothing either: only the function that has the code in its archive is updated
    for path in ("components/sagemaker/weights.py", "components/sagemaker/provider.py", "tidewatch/traffic/guard.py"):
        file = canary.pulumi.project / path
        file.write_text(file.read_text() + "\nEDITED = True\n")
    assert canary.pulumi.up().operations == {"flights-rollback": "update"}
    assert canary.shares() == {"blue": 0.3, "green": 0.7}

    canary.weigh(blue=90, green=10)
    said = canary.read_refusal()
    assert "without an entry in the ledger" in said
    assert canary.shares() == {"blue": 0.3, "green": 0.7}
    (incident,) = set(INCIDENT.findall(said))
    canary.pulumi.configure("tidewatch:acknowledgedIncident", incident)
    assert canary.pulumi.up().operations == TRAFFIC
    assert canary.shares() == {"blue": 0.9, "green": 0.1}


def test_a_rollback_is_not_undone_and_what_it_took_away_is_asked_about(canary: Flights):
    canary.weigh(blue=50, green=50)
    assert canary.pulumi.up().operations == TRAFFIC
    assert canary.shares() == {"blue": 0.5, "green": 0.5}

    done = canary.roll_back()
    assert (done["state"], done["target"]) == ("rolled_back", "blue")
    assert canary.shares() == {"blue": 1.0, "green": 0.0}
    assert canary.pulumi.up().operations == {}
    assert not canary.pulumi.up("--refresh").is_changed
    assert canary.shares() == {"blue": 1.0, "green": 0.0}

    way_back = canary.pulumi.outputs["rollback"]
    canary.weigh(blue=95, green=5)
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        assert f"`tidewatch acknowledge {done['incident']} --stack " in canary.read_refusal(*command)
    assert canary.shares() == {"blue": 1.0, "green": 0.0}
    assert canary.pulumi.outputs["rollback"] == way_back, "a refused `up` takes no output away"

    canary.pulumi.configure("tidewatch:acknowledgedIncident", done["incident"])
    assert canary.pulumi.up().operations == TRAFFIC
    assert canary.shares() == {"blue": 0.95, "green": 0.05}


def test_a_deployment_that_failed_is_told_and_reverting_it_deploys_nothing(canary: Flights):
    before, shares = canary.endpoint()["EndpointConfigName"], canary.shares()
    green = canary.config()["tidewatch:variants"]["green"]["weight"]
    canary.aws.control.inject("deployment_fails", endpoint=canary.name, reason=NO_INSTANCES)
    canary.serve(blue=("1", 100 - green), green=("3", green))
    said = canary.read_refusal()
    assert NO_INSTANCES in said
    assert f"It is on {before}, not on {_newest_configuration(canary)}." in said
    assert (canary.shares(), canary.endpoint()["EndpointConfigName"]) == (shares, before)

    operations = len(canary.aws.control.operations())
    canary.serve(blue=("1", 100 - green), green=("2", green))
    done = canary.pulumi.up().operations
    assert done.pop("gate") == "update"
    assert done.pop("flights-deployment") == "update", "which notes that the live one is what is asked for"
    assert done == dict.fromkeys(("flights-model-green", "flights-cfg", "flights-deployed"), "replace")
    assert len(canary.aws.control.operations()) == operations
    assert (canary.shares(), canary.versions()) == (shares, {"blue": "1", "green": "2"})


def test_a_killed_up_is_finished_by_the_next_and_an_earlier_version_returns_as_new_objects(canary: Flights):
    first, shares, models = canary.endpoint()["EndpointConfigName"], canary.shares(), canary.models()
    green = canary.config()["tidewatch:variants"]["green"]["weight"]
    canary.serve(blue=("1", 100 - green), green=("3", green))
    canary.pulumi.run_and_kill("up", "flights-deployment", lambda: canary.endpoint()["EndpointStatus"] == "Updating")
    assert "pulumi cancel" in canary.pulumi.up(ok=False).errors
    canary.pulumi.run("cancel", "--yes")
    canary.pulumi.up()
    assert (canary.shares(), canary.versions()) == (shares, {"blue": "1", "green": "3"})
    assert models <= canary.models(), "what a rollback may need is retained"

    known = canary.models()
    canary.serve(blue=("1", 100 - green), green=("2", green))
    done = canary.pulumi.up().operations
    updated = {name for name, operation in done.items() if operation not in ("create", "delete")}
    moved = {"gate", "flights-deployment", "flights-weights", "flights-model-green", "flights-cfg", "flights-deployed"}
    assert updated == moved, "nothing was left to be finished, and no page names a version"
    assert (canary.shares(), canary.versions()) == (shares, {"blue": "1", "green": "2"})
    assert canary.endpoint()["EndpointConfigName"] != first
    (new,) = canary.models() - known
    assert new.rpartition("-")[0] in {name.rpartition("-")[0] for name in models}


def test_every_mistake_in_the_config_is_told_and_nothing_is_changed(canary: Flights):
    file = canary.pulumi.project / "Pulumi.rehearsal.yaml"
    text, before, operations = file.read_text(), canary.pulumi.resources, canary.aws.control.operations()
    try:
        canary.pulumi.configure("tidewatch:variants.blue.weight", "many")
        canary.pulumi.configure("tidewatch:variants.green.version", "latest")
        canary.pulumi.configure("tidewatch:variants.green.weight", -1)
        canary.pulumi.configure("tidewatch:variants.red", {"version": "1", "weight": 5})
        canary.pulumi.configure("tidewatch:endpoint.instanceType", "ml.g5.huge")
        canary.pulumi.configure("tidewatch:weights", {})
        said = canary.read_refusal()
        for path in ("blue.weight", "green.version", "green.weight", "red"):
            assert f"tidewatch:variants.{path}: " in said
        assert "tidewatch:endpoint.instanceType: " in said
        assert "tidewatch:weights: unknown key" in said

        file.write_text(text)
        canary.pulumi.configure("tidewatch:variants.green.version", "9")
        assert "flights/9 is not in the registry: it has 1, 2, 3" in canary.read_refusal("preview")
    finally:
        file.write_text(text)
    assert canary.pulumi.resources == before
    assert canary.aws.control.operations() == operations


def test_destroy_leaves_what_is_retained_and_nothing_that_the_next_up_stumbles_over(canary: Flights):
    models = canary.models()
    canary.pulumi.destroy()
    canary.serving = False
    assert canary.pulumi.resources == []
    assert canary.models() == models
    iam, sagemaker = canary.aws.client("iam"), canary.aws.client("sagemaker")
    roles = {role["Arn"] for role in iam.list_roles()["Roles"]}
    assert {sagemaker.describe_model(ModelName=name)["ExecutionRoleArn"] for name in models} == roles
    assert _list_remains(canary) == {}

    assert "This stack has no registry" in canary.read_refusal("preview")
    canary.serve()
    canary.pulumi.configure("tidewatch:acknowledgedIncident", "")  # of the ledger that went
    canary.pulumi.up()
    canary.publish("1", "2", "3")
    canary.serve(blue=("1", 95), green=("2", 5))
    canary.pulumi.up()
    assert (canary.shares(), canary.versions()) == ({"blue": 0.95, "green": 0.05}, {"blue": "1", "green": "2"})
    canary.serving = True


def _newest_configuration(flights: Flights) -> str:
    found = flights.aws.client("sagemaker").list_endpoint_configs(SortBy="CreationTime", SortOrder="Descending")
    return found["EndpointConfigs"][0]["EndpointConfigName"]


def _list_remains(flights: Flights) -> dict[str, list[object]]:
    """What an account still holds besides models, configurations and roles."""
    of = flights.aws.client
    found: dict[str, list[object]] = {
        "buckets": of("s3").list_buckets()["Buckets"],
        "endpoints": of("sagemaker").list_endpoints()["Endpoints"],
        "tables": of("dynamodb").list_tables()["TableNames"],
        "functions": of("lambda").list_functions()["Functions"],
        "layers": of("lambda").list_layers()["Layers"],
        "alarms": of("cloudwatch").describe_alarms()["MetricAlarms"],
        "rules": of("events").list_rules()["Rules"],
        "queues": of("sqs").list_queues().get("QueueUrls", []),
        "topics": of("sns").list_topics()["Topics"],
        "parameters": of("ssm").describe_parameters()["Parameters"],
        "log groups": of("logs").describe_log_groups()["logGroups"],
        "aliases": [one for one in of("kms").list_aliases()["Aliases"] if "flights" in one["AliasName"]],
    }
    return {kind: things for kind, things in found.items() if things}
