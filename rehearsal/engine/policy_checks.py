"""Checks resources against the policies of a stack, when the Pulumi engine does.

A resource is checked between the provider's check and its step, the whole stack after the last step. In a preview every
violation is collected, so that an update with a mandatory one changes nothing. Source: pulumi/pulumi,
pkg/resource/deploy/step_generator.go and deployment_executor.go.
"""

from __future__ import annotations

from policies.stack_state import AnalyzedResource
from policies.violations import Violation
from rehearsal.engine.results import EngineError
from rehearsal.engine.run import DeploymentRun
from rehearsal.engine.serialization import reveal_secrets
from rehearsal.engine.state import Resource


def check_resource(run: DeploymentRun, goal: Resource, ignore_changes: tuple[str, ...]) -> None:
    """Checks one resource before its step. Raises EngineError at a mandatory violation, but in a preview."""
    if run.stack.policies is None:
        return
    found = run.stack.policies.analyze_resource(to_analyzed(goal, ignore_changes))
    mandatory = _record(run, found)
    if mandatory and not run.dry:
        raise EngineError("\n".join(mandatory))
    run.policy_errors += mandatory


def check_stack(run: DeploymentRun) -> None:
    """Checks the resources of a finished run together. Raises EngineError at a mandatory violation."""
    if run.stack.policies is None:
        return
    current = [resource for resource in run.state if resource.urn in run.registered_urns and not resource.replaced]
    run.policy_errors += _record(run, run.stack.policies.analyze_stack([to_analyzed(each) for each in current]))
    if run.policy_errors:
        run.errors += run.policy_errors
        raise EngineError("\n".join(run.policy_errors))


def to_analyzed(resource: Resource, ignore_changes: tuple[str, ...] = ()) -> AnalyzedResource:
    """Converts a resource of the state for the policies, with its secrets in plaintext."""
    return AnalyzedResource(
        urn=resource.urn,
        type=resource.type,
        inputs=reveal_secrets(resource.inputs),
        outputs=reveal_secrets(resource.outputs),
        protect=resource.protect,
        ignore_changes=ignore_changes,
        parent=resource.parent,
        provider=resource.provider,
        dependencies=resource.dependencies,
        property_dependencies=resource.property_dependencies,
    )


def _record(run: DeploymentRun, found: list[Violation]) -> list[str]:
    """Adds the violations to the run; returns the sentences of the mandatory ones."""
    with run.state.lock:
        run.violations += [each for each in found if not each.is_mandatory]
    return [f"{each.resource_name}: {each.sentence}" for each in found if each.is_mandatory]
