"""The stack's outputs, a contract: every key always exists, with null for what is not provisioned.

Pulumi drops an output that is null as a whole, so a part that does not exist keeps its keys, whose values are null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi

from components.alarms import Alarms
from components.dashboards import Dashboards
from components.drift_monitor import DriftMonitor
from components.rollback_function import RollbackFunction
from components.sagemaker.endpoint import ServingEndpoint
from components.sagemaker.traffic import Traffic
from components.shared_resources import SharedResources
from components.stack_context import StackContext
from components.topics import ESCALATION, SEVERITIES
from stacks.config.schema import StackSettings
from tidewatch.dashboards import PAGE_BUILDERS
from tidewatch.slo import Objective


@dataclass(frozen=True)
class ServingResources:
    """The resources that exist only once a version is declared."""

    endpoint: ServingEndpoint
    rollback: RollbackFunction
    alarms: Alarms
    dashboards: Dashboards
    traffic: Traffic
    drift: DriftMonitor | None = None
    """None if drift monitoring is off."""


def export(
    settings: StackSettings, context: StackContext, shared: SharedResources, serving: ServingResources | None
) -> None:
    """Exports the outputs. While nothing serves, they depend on the gate, which must accept that first."""
    pulumi.export("key", context.key)
    pulumi.export("model", context.model)
    pulumi.export("region", context.region)
    pulumi.export("prefix", context.name())
    for key, value in (
        ("endpoint", _build_endpoint_outputs(settings, serving)),
        ("traffic", _build_traffic_outputs(settings, serving)),
        ("drift", _build_drift_outputs(serving)),
        ("rollback", _build_rollback_outputs(serving)),
        ("alarms", _build_alarm_outputs(serving)),
    ):
        pulumi.export(key, value if serving else shared.gate.urn.apply(lambda _, part=value: part))
    pulumi.export(
        "slo", {objective.kind: _build_objective_output(objective) for objective in settings.slo.objectives()}
    )
    registry = shared.registry
    pulumi.export(
        "registry", {"bucket": registry.bucket, "prefix": registry.prefix, "signingKey": registry.signing_key}
    )
    pulumi.export("buckets", {"capture": shared.storage.capture.bucket, "monitoring": shared.storage.monitoring.bucket})
    pulumi.export("ledger", shared.tables.ledger.name)
    pulumi.export("topics", {topic: shared.topics.arns.get(topic) for topic in (*SEVERITIES, ESCALATION)})
    pulumi.export("dashboards", serving.dashboards.links if serving else dict.fromkeys(PAGE_BUILDERS))
    pulumi.export("dashboard_names", serving.dashboards.names if serving else dict.fromkeys(PAGE_BUILDERS))


def build_invoke_command(endpoint: str, region: str) -> str:
    """Returns a command that sends a request to the endpoint; it needs only the AWS CLI and a request.json."""
    return (
        f"aws sagemaker-runtime invoke-endpoint --endpoint-name {endpoint} --content-type application/json"
        f" --body fileb://request.json --region {region} /dev/stdout"
    )


def _build_endpoint_outputs(settings: StackSettings, serving: ServingResources | None) -> dict[str, Any]:
    if serving is None:
        return {"name": None, "arn": None, "platform": None, "invoke": None}
    return {
        "name": serving.endpoint.name,
        "arn": serving.endpoint.arn,
        "platform": settings.endpoint.platform,
        "invoke": serving.endpoint.name.apply(lambda name: build_invoke_command(name, settings.region)),
    }


def _build_traffic_outputs(settings: StackSettings, serving: ServingResources | None) -> dict[str, Any]:
    if serving is None:
        return {"champion": None, "declared": None, "versions": None, "withheld": None}
    return {
        "champion": settings.champion,
        "declared": serving.traffic.declared,
        "versions": {name: variant.version for name, variant in sorted(settings.variants.items())},
        "withheld": serving.traffic.withheld,
    }


def _build_drift_outputs(serving: ServingResources | None) -> dict[str, Any]:
    if serving is None or serving.drift is None:
        return {"function": None, "schedule": None, "reports": None}
    drift = serving.drift
    return {"function": drift.function.name, "schedule": drift.schedule, "reports": drift.reports}


def _build_rollback_outputs(serving: ServingResources | None) -> dict[str, Any]:
    if serving is None:
        return {"function": None, "target": None, "command": None}
    rollback = serving.rollback
    return {"function": rollback.function.name, "target": rollback.target, "command": rollback.command}


def _build_alarm_outputs(serving: ServingResources | None) -> dict[str, Any]:
    if serving is None:
        return {"health": None, "guardrails": {}, "names": {}, "counts": {"metric": 0, "composite": 0}}
    alarms = serving.alarms
    counts = {**alarms.counts, "metric": alarms.counts["metric"] + len(serving.endpoint.alarms)}
    return {"health": alarms.health, "guardrails": alarms.guardrails, "names": alarms.names, "counts": counts}


def _build_objective_output(objective: Objective) -> dict[str, Any]:
    return {"percent": objective.percent, "days": objective.days, "milliseconds": objective.milliseconds}
