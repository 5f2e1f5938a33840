"""The engine runs a policy pack where Pulumi's does: a mandatory violation refuses before anything is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from policies.stack_state import AnalyzedResource
from policies.violations import Level, Violation
from rehearsal.engine import OperationFailed

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class Pack:
    """Policies of a test: no resource may have the value `odd`, and no stack more than `most` resources."""

    def __init__(self, level: Level, most: int = 10) -> None:
        self.level: Level = level
        self.most = most
        self.seen: list[AnalyzedResource] = []

    def analyze_resource(self, resource: AnalyzedResource) -> list[Violation]:
        self.seen.append(resource)
        return self._report("not-odd", resource.urn) if resource.inputs.get("v") == "odd" else []

    def analyze_stack(self, resources: Sequence[AnalyzedResource]) -> list[Violation]:
        found = [each for each in resources if each.type.startswith("pulumi-python")]
        return self._report("not-many", found[0].urn) if len(found) > self.most else []

    def _report(self, policy: str, urn: str) -> list[Violation]:
        return [Violation(policy, self.level, urn, "It is wrong.", "It must not be.", "Change it.")]


def test_a_mandatory_violation_is_refused_before_anything_is_made(program: Any) -> None:
    program.write('D("a", "a", "1"); D("b", "b", "odd"); D("c", "c", "odd")')
    with pytest.raises(OperationFailed) as refused:
        program.stack(policies=Pack("mandatory")).up()
    errors = "\n".join(refused.value.errors)
    assert "b: It is wrong. Policy not-odd: It must not be. Change it." in errors
    assert "c: It is wrong." in errors, "a preview finds all"
    assert not program.store.exists()
    assert not program.state.exists()


def test_without_a_preview_the_resource_itself_is_refused(program: Any) -> None:
    program.write('D("b", "b", "odd")')
    with pytest.raises(OperationFailed, match="Policy not-odd"):
        program.stack(policies=Pack("mandatory")).up(preview=False)
    assert not program.store.exists()


def test_a_stack_is_checked_as_a_whole(program: Any) -> None:
    program.write('D("a", "a", "1"); D("b", "b", "2")')
    with pytest.raises(OperationFailed, match="Policy not-many"):
        program.stack(policies=Pack("mandatory", most=1)).up()
    assert not program.store.exists()


def test_an_advisory_violation_is_reported_and_refuses_nothing(program: Any) -> None:
    program.write('D("b", "b", "odd")')
    summary = program.stack(policies=Pack("advisory")).up()
    assert [violation.policy for violation in summary.violations] == ["not-odd"]
    assert program.stack().up().violations == ()


def test_what_a_program_no_longer_has_is_not_checked(program: Any) -> None:
    program.write('D("a", "a", "1"); D("b", "b", "odd")')
    program.stack().up()
    program.write('D("a", "a", "1")')
    program.stack(policies=Pack("mandatory", most=1)).up()


def test_policies_see_inputs_dependencies_and_unknown_values_as_the_cli_sends_them(program: Any) -> None:
    program.write('d = D("d", "k", "1"); D("e", "e", d.made)')
    pack = Pack("mandatory")
    program.stack(policies=pack).preview()
    seen = next(each for each in pack.seen if each.name == "e")
    assert seen.inputs["v"] == UNKNOWN
    assert [urn.rpartition("::")[2] for urn in seen.property_dependencies["v"]] == ["d"]
