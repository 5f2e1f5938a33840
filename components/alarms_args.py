"""The arguments of the alarms: values from the settings, and the components that the alarms watch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.drift_monitor import DriftMonitor
from components.rollback_function import RollbackFunction
from components.sagemaker.endpoint import ServingEndpoint
from components.settings import StackSpec
from components.shared_resources import SharedResources
from components.stack_context import StackContext
from components.topics import Topics
from tidewatch import alarms
from tidewatch.alarms import Alarm, DimensionResolver
from tidewatch.alarms.control_plane_alarms import BREAK_GLASS
from tidewatch.naming import VARIANTS
from tidewatch.slo import Objective


@dataclass(frozen=True)
class AlarmsArgs:
    """What the alarms watch, and whom they notify."""

    variants: Mapping[str, Sequence[Alarm]]
    """The alarms of each variant."""
    endpoint: Sequence[Alarm]
    """The alarms of the endpoint as a whole."""
    objectives: Sequence[Objective]
    """The objectives that are promised to users."""
    dimensions: DimensionResolver[pulumi.Output[str]]
    topics: Topics
    rollback: RollbackFunction
    runbooks: str
    """The folder or URL of the runbooks; each is {key}.md."""

    @classmethod
    def from_settings(
        cls,
        context: StackContext,
        settings: StackSpec,
        shared: SharedResources,
        endpoint: ServingEndpoint,
        drift: DriftMonitor | None,
        rollback: RollbackFunction,
    ) -> AlarmsArgs:
        functions = {"rollback": rollback} if drift is None else {"rollback": rollback, "drift": drift}
        return cls(
            variants=build_declared_variant_alarms(settings),
            endpoint=build_declared_endpoint_alarms(settings),
            objectives=settings.slo.objectives(),
            dimensions=DimensionResolver(
                key=context.key,
                endpoint=endpoint.name,
                champion=settings.champion,
                functions={purpose: component.function.name for purpose, component in functions.items()},
                queues={purpose: component.dead_letter_queue.name for purpose, component in functions.items()},
                rules={BREAK_GLASS: shared.registry.usage_rule.name},
            ),
            topics=shared.topics,
            rollback=rollback,
            runbooks=settings.notify.runbooks,
        )


def build_declared_variant_alarms(settings: StackSpec) -> dict[str, tuple[Alarm, ...]]:
    """Returns the alarms of each variant, with the user's own guardrails.

    An empty variant has alarms too: they exist before the variant serves, and a promotion changes no alarm.
    """
    return alarms.build_variant_alarms(
        settings.alarms.thresholds,
        VARIANTS,
        settings.champion,
        gpu_count=settings.endpoint.gpu_count,
        custom=settings.alarms.custom_guardrails,
    )


def build_declared_endpoint_alarms(settings: StackSpec) -> tuple[Alarm, ...]:
    """Returns the alarms of the endpoint as a whole."""
    escalation = settings.notify.escalation
    return alarms.build_endpoint_alarms(
        settings.alarms.thresholds,
        VARIANTS,
        drift=settings.drift.enabled,
        capture_percent=settings.endpoint.capture_sampling,
        escalation_minutes=escalation.after_minutes if escalation else None,
    )
