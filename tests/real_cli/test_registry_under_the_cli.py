"""The registry's parameter under the real CLI: deleted by hand, healed by an `up` that has it alone as its target."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.real_cli.command import Aws, Projects
from tests.real_cli.flights import Flights

pytestmark = pytest.mark.real_cli


def test_a_parameter_that_was_deleted_by_hand_is_healed_by_a_targeted_up(projects: Projects, simulated_aws: Aws):
    stack = Flights.of(projects, simulated_aws)
    stack.pulumi.up()
    (found,) = (one for one in stack.pulumi.resources if one["type"].endswith("tidewatch:RegistryParameter"))
    ssm, name = simulated_aws.client("ssm"), found["id"]
    before = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.delete_parameter(Name=name)
    with pytest.raises(ClientError, match="ParameterNotFound"):
        ssm.get_parameter(Name=name)
    done = stack.pulumi.up("--target", found["urn"]).operations
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == before
    assert done == {"flights-registry": "update"}
