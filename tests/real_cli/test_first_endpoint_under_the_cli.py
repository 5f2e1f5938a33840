"""A first endpoint that does not start, under the real CLI: it stays in the state, and the next `up` makes it again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.real_cli.command import Aws, Projects
from tests.real_cli.flights import Flights

pytestmark = pytest.mark.real_cli


def test_a_first_endpoint_without_capacity_is_made_again_on_other_instances(projects: Projects, simulated_aws: Aws):
    flights = Flights.of(projects, simulated_aws)
    flights.pulumi.up()
    flights.publish("1", "2")
    flights.serve(blue=("1", 95), green=("2", 5))
    simulated_aws.control.inject("create_fails", reason="capacity")
    assert "InsufficientInstanceCapacity" in flights.pulumi.up(ok=False).errors
    name, failed = flights.name, identity(flights)
    assert (flights.endpoint()["EndpointStatus"], failed["id"]) == ("Failed", name)
    assert len(failed["initErrors"]) == 1

    simulated_aws.control.inject("create_fails", reason="capacity")
    said = flights.read_refusal()
    assert f"AWS has no instances for the first endpoint {name}" in said
    assert "initErrors" not in identity(flights)

    flights.pulumi.configure("tidewatch:endpoint.instanceType", "ml.g6.xlarge")
    assert flights.pulumi.preview().operations["flights-deployment"] == "create"
    done = flights.pulumi.up().operations
    assert done["flights-deployment"] == done["flights-weights"] == "create"
    assert (flights.name, flights.endpoint()["EndpointStatus"]) == (name, "InService")
    assert flights.shares() == {"blue": 0.95, "green": 0.05}
    assert flights.pulumi.outputs["endpoint"]["arn"] == flights.endpoint()["EndpointArn"]
    assert not flights.pulumi.preview("--expect-no-changes").is_changed


def identity(flights: Flights) -> dict[str, Any]:
    """The endpoint's own resource, as the state has it."""
    resources = flights.pulumi.resources
    (found,) = (one for one in resources if one["type"] == "aws:sagemaker/endpoint:Endpoint")
    return found
