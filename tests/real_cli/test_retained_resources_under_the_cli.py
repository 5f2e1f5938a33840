"""What no edit and no `destroy` takes from a stack that serves: its registry, its endpoint, and what guards it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.real_cli.command import Result
from tests.real_cli.flights import Flights
from tests.stacks.endpoint_guards import Guarded

pytestmark = pytest.mark.real_cli
PARAMETER = "/tidewatch/tidewatch/rehearsal/registry"
LOCKED_DAYS = 1


@pytest.fixture(scope="module")
def canary(flights: Flights) -> Flights:
    """Blue serves version 1, green version 2: one stack for the module, whose tests end as they began, but the last."""
    flights.serve(blue=("1", 95), green=("2", 5))
    flights.pulumi.up()
    return flights


@pytest.fixture(autouse=True)
def edited_config(canary: Flights) -> Iterator[None]:
    """Edits of the config are taken back after a test."""
    file = canary.pulumi.project / "Pulumi.rehearsal.yaml"
    text = file.read_text()
    yield
    file.write_text(text)


def list_lost(result: Result) -> dict[str, str]:
    """What was replaced or deleted."""
    return {name: op for name, op in result.operations.items() if op not in ("create", "update")}


def serves(canary: Flights) -> bool:
    return canary.endpoint()["EndpointStatus"] == "InService" and canary.shares() == {"blue": 0.95, "green": 0.05}


def test_a_model_that_serves_is_not_renamed(canary: Flights):
    before = canary.pulumi.resources
    canary.pulumi.configure("tidewatch:model.name", "trains")
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        said = canary.read_refusal(*command)
        assert "Put flights back, and create a separate stack for trains" in said
    assert canary.pulumi.resources == before
    assert serves(canary)


def test_an_object_lock_is_put_on_the_registry_in_place(canary: Flights):
    s3, bucket = canary.aws.client("s3"), canary.pulumi.outputs["registry"]["bucket"]
    objects = {one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    for days in (LOCKED_DAYS, 0):
        canary.pulumi.configure("tidewatch:registry.objectLockDays", days)
        assert list_lost(canary.pulumi.up()) == {}
        lock = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
        assert lock.get("Rule", {}).get("DefaultRetention", {}).get("Days", 0) == days
    assert canary.pulumi.outputs["registry"]["bucket"] == bucket
    # While it is locked, the ledger's entries are copied there, too.
    assert objects <= {one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert serves(canary)


def test_a_registrys_parameter_that_was_deleted_is_written_again(canary: Flights):
    ssm = canary.aws.client("ssm")
    before = ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"]
    (urn,) = (one["urn"] for one in canary.pulumi.resources if "tidewatch:RegistryParameter::" in one["urn"])
    (weights,) = (one["urn"] for one in canary.pulumi.resources if one["urn"].endswith("::flights-weights"))
    for options in ((), ("--refresh",), ("--target", urn)):
        ssm.delete_parameter(Name=PARAMETER)
        assert set(canary.pulumi.up(*options).operations) == {"flights-registry"}, options
        assert ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"] == before
    ssm.delete_parameter(Name=PARAMETER)
    assert not canary.pulumi.up("--target", weights).is_changed
    assert set(canary.pulumi.up("--replace", urn).operations) == {"flights-registry"}
    assert ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"] == before
    assert not canary.pulumi.preview("--expect-no-changes").is_changed
    assert serves(canary)


def test_variants_are_taken_out_of_a_stack_that_serves_only_to_retire_it(canary: Flights):
    canary.serve()
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        assert "or set tidewatch:retire to true" in canary.read_refusal(*command)
    assert serves(canary)


def test_a_protected_stack_keeps_its_endpoint_and_its_way_back(canary: Flights):
    canary.pulumi.configure("tidewatch:protect", True)
    canary.pulumi.up()
    guarded = Guarded.of_the_account(canary.aws.client)
    assert "protected" in canary.pulumi.destroy(ok=False).errors
    assert guarded.missing() == []
    canary.serve()
    for retire in (False, True):
        canary.pulumi.configure("tidewatch:retire", retire)
        assert "set tidewatch:protect to false and run `pulumi up` first" in canary.read_refusal()
    assert guarded.missing() == []
    assert serves(canary)
    canary.serve(blue=("1", 95), green=("2", 5))
    canary.pulumi.configure("tidewatch:retire", False)
    assert not list_lost(canary.pulumi.up())
    assert canary.roll_back()["target"] == "blue", "the way back leads back"
    canary.pulumi.configure("tidewatch:protect", False)
    canary.pulumi.up()


def test_wherever_a_destroy_is_killed_no_endpoint_is_left_without_its_guards(canary: Flights):
    guarded = Guarded.of_the_account(canary.aws.client)
    assert guarded.missing() == []
    for name in ("flights-end", "flights-rollback"):
        canary.pulumi.run_and_kill("destroy", name)
        canary.pulumi.run("cancel", "--yes")
        assert not guarded.there or guarded.missing() == []
    # A registry whose lock has not run out is not emptied.
    canary.aws.control.advance(timedelta(days=LOCKED_DAYS).total_seconds())
    canary.pulumi.destroy()
    assert not guarded.there
    assert canary.pulumi.resources == []
