"""What a stack that serves depends on, as Pulumi's engine goes through it."""

from __future__ import annotations

import functools
import json

from tests.stacks.deployed_program import DeployedProgram

MOST_STEPS = 1_000_000
"""The engine takes a second or two for as many."""


def test_what_a_protected_stack_keeps_is_found_in_seconds(canary: DeployedProgram):
    """Where a delete is refused the engine looks for all that the resource depends on, along every path there is: a
    dependency is gone down once for itself and once for each property that it comes by (markAsDependency, in
    pkg/resource/graph)."""
    found = json.loads((canary.folder / "state.json").read_text())["resources"]
    resources = {one["urn"]: one for one in found}

    @functools.cache
    def steps(urn: str) -> int:
        one = resources[urn]
        by_property = [each for urns in one["property_dependencies"].values() for each in urns]
        return 1 + sum(steps(each) for each in (*one["dependencies"], *by_property))

    most = max(resources, key=steps)
    assert most.endswith("::flights-weights")
    assert steps(most) < MOST_STEPS, sorted(((steps(each), each) for each in resources), reverse=True)[:8]
