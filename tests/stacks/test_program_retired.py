"""What becomes of a stack that serves when its model is renamed, or its variants are taken out of the config."""

from __future__ import annotations

import pytest

from rehearsal.engine import OperationFailed
from tests.stacks.deployed_program import DeployedProgram, changes

GATE = {"urn:pulumi:rehearsal::tidewatch::pulumi-python:dynamic/tidewatch:Gate::gate"}


def test_the_gate_is_there_before_anything_is_served(published_stack: DeployedProgram):
    found = {step.urn for step in published_stack.up().steps if step.type.endswith("tidewatch:Gate")}
    assert found == GATE


@pytest.mark.parametrize("preview", [True, False])
def test_variants_are_not_taken_out_of_a_stack_that_serves(canary: DeployedProgram, preview: bool):
    canary.set(variants=None, rollbackTo=None)
    with pytest.raises(OperationFailed, match="This stack serves flights") as refused:
        canary.up(preview=preview)
    assert not [step for step in refused.value.summary.changed_steps if step.phase == "done"]
    assert canary.weights() == {"blue": 0.95, "green": 0.05}


def test_a_retired_stack_keeps_its_registry_and_serves_again(canary: DeployedProgram):
    before, config = canary.outputs(), dict(canary.config)
    canary.set(variants=None, rollbackTo=None, retire=True).up(preview=True)
    assert set(canary.outputs()["endpoint"].values()) == {None}
    assert canary.outputs()["registry"] == before["registry"]
    canary.config = config
    canary.up(preview=True)
    assert canary.weights() == {"blue": 0.95, "green": 0.05}
    assert changes(canary.up()) == set()


@pytest.mark.parametrize("preview", [True, False])
def test_a_model_that_lives_is_not_renamed(canary: DeployedProgram, preview: bool):
    canary.config["tidewatch:model"] = {**canary.config["tidewatch:model"], "name": "trains"}
    with pytest.raises(OperationFailed, match="create a separate stack for trains") as refused:
        canary.up(preview=preview)
    assert not refused.value.summary.changed_steps
