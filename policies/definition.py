"""How a policy is written: a check of one resource or of a whole stack that yields sentences.

Source: pulumi_policy, ResourceValidationPolicy and StackValidationPolicy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_policy import (
    PolicyComplianceFramework,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies.stack_view import StackView

CONTROLS = PolicyComplianceFramework(
    name="AWS Security Hub and Checkov",
    reference="https://docs.aws.amazon.com/securityhub/latest/userguide/fsbp-standard.html",
)
"""The frameworks whose control ids the policies name."""

Settings = Mapping[str, Any]
"""A policy's own settings, with the defaults of its schema."""
ResourceCheck = Callable[[ResourceValidationArgs, Settings], Iterator[str]]
StackCheck = Callable[[StackView, Settings], Iterator["StackFinding"]]


@dataclass(frozen=True)
class StackFinding:
    """What is wrong with one resource of a stack."""

    message: str
    urn: str


@dataclass(frozen=True)
class Metadata:
    """What every policy says about itself."""

    name: str
    description: str
    """One sentence about what must hold."""
    severity: Severity
    remediation: str
    """What to do about a violation."""
    controls: tuple[str, ...] = ()
    """The ids of the same demand elsewhere, such as SageMaker.5 and CKV_AWS_370."""
    settings: Mapping[str, Mapping[str, Any]] | None = None
    """The JSON schema of each setting, with its default."""

    def to_arguments(self) -> dict[str, Any]:
        """Returns the arguments of pulumi_policy's constructors."""
        framework = PolicyComplianceFramework(
            name=CONTROLS.name, reference=CONTROLS.reference, specification=", ".join(self.controls)
        )
        schema = {name: dict(each) for name, each in (self.settings or {}).items()}
        return {
            "name": self.name,
            "description": self.description,
            "severity": self.severity,
            "remediation_steps": self.remediation,
            "framework": framework if self.controls else None,
            "config_schema": PolicyConfigSchema(properties=schema) if schema else None,
        }

    def read_settings(self, given: Mapping[str, Any]) -> Settings:
        """Returns the settings, with the default of each that the configuration leaves out."""
        defaults = {name: schema["default"] for name, schema in (self.settings or {}).items()}
        return {**defaults, **given}


def define_resource_policy(
    metadata: Metadata, types: Collection[str], check: ResourceCheck
) -> ResourceValidationPolicy:
    """Returns the policy that runs `check` on every resource of these types."""

    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        if args.resource_type in types:
            for message in check(args, metadata.read_settings(args.get_config())):
                report_violation(message, None)

    return ResourceValidationPolicy(validate=validate, **metadata.to_arguments())


def define_stack_policy(metadata: Metadata, check: StackCheck) -> StackValidationPolicy:
    """Returns the policy that runs `check` once for all resources of a stack."""

    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        for finding in check(StackView(args.resources), metadata.read_settings(args.get_config())):
            report_violation(finding.message, finding.urn)

    return StackValidationPolicy(validate=validate, **metadata.to_arguments())
