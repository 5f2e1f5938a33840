"""Runs the pack without the CLI: on the resources of a state, and on each resource that a program registers.

It hands the policies what pulumi_policy's analyzer hands them. Source: pulumi_policy 1.21, policy.py, Analyze and
AnalyzeStack; pulumi/pulumi, pkg/resource/deploy/analyze_snapshot.go (inputs for each resource, outputs for the stack).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyCustomTimeouts,
    PolicyProviderResource,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.policy import _NotApplicableError  # pyright: ignore[reportPrivateUsage] - what not_applicable raises
from pulumi_policy.proxy import UnknownValueError, unknown_checking_proxy

from policies.configuration import PackConfiguration
from policies.stack_state import STACK_TYPE, AnalyzedResource
from policies.violations import Level, NotApplicable, Violation


class PackRun:
    """One run of the pack, which collects what does not apply."""

    def __init__(self, policies: Sequence[Policy], configuration: PackConfiguration) -> None:
        self._policies, self._configuration = policies, configuration
        self.not_applicable: list[NotApplicable] = []

    def analyze_resource(self, resource: AnalyzedResource) -> list[Violation]:
        """Returns the violations of one resource's inputs."""
        found: list[Violation] = []
        props = unknown_checking_proxy(dict(resource.inputs))
        options, provider = _build_options(resource), _build_provider(resource)
        for policy in self._policies:
            if isinstance(policy, ResourceValidationPolicy):
                args = ResourceValidationArgs(
                    resource.type,
                    props,
                    resource.urn,
                    resource.name,
                    options,
                    provider,
                    self._configuration.settings.get(policy.name),
                )
                found += self._run(policy, resource.urn, lambda report, p=policy, a=args: p.validate(a, report))
        return found

    def analyze_stack(self, resources: Sequence[AnalyzedResource]) -> list[Violation]:
        """Returns the violations that show only between the resources of a stack, from their outputs."""
        root = next((each.urn for each in resources if each.type == STACK_TYPE), "")
        built = _build_stack(resources)
        found: list[Violation] = []
        for policy in self._policies:
            if isinstance(policy, StackValidationPolicy):
                args = StackValidationArgs(built, self._configuration.settings.get(policy.name))
                found += self._run(policy, root, lambda report, p=policy, a=args: p.validate(a, report))
        return found

    def analyze_state(self, resources: Sequence[AnalyzedResource]) -> list[Violation]:
        """Returns all violations of a stack's state."""
        return [
            *(violation for resource in resources for violation in self.analyze_resource(resource)),
            *self.analyze_stack(resources),
        ]

    def _run(
        self, policy: Policy, urn: str, validate: Callable[[Callable[[str, str | None], None]], object]
    ) -> list[Violation]:
        level = self._configuration.get_level(policy.name)
        if level is EnforcementLevel.DISABLED:
            return []
        # The policies of the pack remedy nothing, so that `remediate` is as good as `mandatory`.
        name: Level = "advisory" if level is EnforcementLevel.ADVISORY else "mandatory"
        found: list[Violation] = []

        def report(message: str, found_urn: str | None = None) -> None:
            found.append(_build_violation(policy, name, found_urn or urn, message))

        try:
            validate(report)
        except UnknownValueError as error:
            message = f"The preview cannot check it: {error.message}."
            found.append(_build_violation(policy, "advisory", urn, message))
        except _NotApplicableError as error:
            self.not_applicable.append(NotApplicable(policy.name, urn, error.reason or ""))
        return found


def _build_violation(policy: Policy, level: Level, urn: str, message: str) -> Violation:
    severity = policy.severity.value if policy.severity else ""
    return Violation(policy.name, level, urn, message, policy.description, policy.remediation_steps or "", severity)


def _build_options(resource: AnalyzedResource) -> PolicyResourceOptions:
    return PolicyResourceOptions(
        resource.protect,
        list(resource.ignore_changes),
        None,
        [],
        PolicyCustomTimeouts(0, 0, 0),
        [],
        resource.parent or None,
    )


def _build_provider(resource: AnalyzedResource) -> PolicyProviderResource | None:
    if not resource.provider:
        return None
    package = resource.type.partition(":")[0]
    props = unknown_checking_proxy(dict(resource.provider))
    return PolicyProviderResource(f"pulumi:providers:{package}", props, "", "default")


def _build_stack(resources: Sequence[AnalyzedResource]) -> list[PolicyResource]:
    by_urn: Mapping[str, PolicyResource] = {each.urn: _build_resource(each) for each in resources}
    for each in resources:
        built = by_urn[each.urn]
        built.parent = by_urn.get(each.parent)
        built.dependencies = _look_up(by_urn, each.dependencies)
        built.property_dependencies = {
            name: _look_up(by_urn, urns) for name, urns in each.property_dependencies.items()
        }
    return list(by_urn.values())


def _look_up(by_urn: Mapping[str, PolicyResource], urns: Sequence[str]) -> list[PolicyResource]:
    return [by_urn[urn] for urn in urns if urn in by_urn]


def _build_resource(resource: AnalyzedResource) -> PolicyResource:
    props: dict[str, Any] = unknown_checking_proxy(dict(resource.outputs))
    options, provider = _build_options(resource), _build_provider(resource)
    return PolicyResource(resource.type, props, resource.urn, resource.name, options, provider, None, [], {})
