"""The stack's outputs, a contract: every key is always there, and null where nothing is provisioned.

Pulumi drops an output that is null as a whole, so a part that is not there keeps its keys, and they are null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi

from components.alarms import Alarms
from components.dashboards import Dashboards
from components.drift import Drift
from components.registry import Registry
from components.rollback import Rollback
from components.sagemaker.endpoint import Endpoint
from components.sagemaker.gate import Gate
from components.sagemaker.traffic import Traffic
from components.scope import Scope
from components.storage import Storage
from components.tables import Tables
from components.topics import PRIORITIES, Topics
from stacks.schema import Settings
from tidewatch.dashboards import PAGES
from tidewatch.slo import Objective


@dataclass(frozen=True)
class Shared:
    """What is there from the first `up` on."""

    registry: Registry
    storage: Storage
    tables: Tables
    topics: Topics
    gate: Gate


@dataclass(frozen=True)
class Serving:
    """What is there only once a version is declared. drift: where it is watched."""

    endpoint: Endpoint
    rollback: Rollback
    alarms: Alarms
    dashboards: Dashboards
    traffic: Traffic
    drift: Drift | None = None


def export(settings: Settings, scope: Scope, shared: Shared, serving: Serving | None) -> None:
    """Exports the contract: that nothing serves any more only once the gate has let it pass."""
    pulumi.export("key", scope.key)
    for key, part in (
        ("endpoint", _endpoint(settings, serving)),
        ("traffic", _traffic(settings, serving)),
        ("drift", _drift(serving)),
        ("rollback", _rollback(serving)),
        ("alarms", _alarms(serving)),
    ):
        pulumi.export(key, part if serving else shared.gate.urn.apply(lambda _, part=part: part))
    pulumi.export("slo", {one.kind: _promised(one) for one in settings.slo.objectives()})
    pulumi.export("registry", {"bucket": shared.registry.bucket, "prefix": shared.registry.prefix})
    pulumi.export("buckets", {"capture": shared.storage.capture.bucket, "monitoring": shared.storage.monitoring.bucket})
    pulumi.export("ledger", shared.tables.ledger.name)
    pulumi.export("topics", {priority: shared.topics.arns[priority] for priority in PRIORITIES})
    pulumi.export("dashboards", serving.dashboards.links if serving else dict.fromkeys(PAGES))


def invoke_command(endpoint: str, region: str) -> str:
    """A request to the endpoint as one line, which needs only the AWS CLI and a request.json."""
    return (
        f"aws sagemaker-runtime invoke-endpoint --endpoint-name {endpoint} --content-type application/json"
        f" --body fileb://request.json --region {region} /dev/stdout"
    )


def _endpoint(settings: Settings, serving: Serving | None) -> dict[str, Any]:
    if serving is None:
        return {"name": None, "arn": None, "platform": None, "invoke": None}
    return {
        "name": serving.endpoint.name,
        "arn": serving.endpoint.arn,
        "platform": settings.endpoint.platform,
        "invoke": serving.endpoint.name.apply(lambda name: invoke_command(name, settings.region)),
    }


def _traffic(settings: Settings, serving: Serving | None) -> dict[str, Any]:
    if serving is None:
        return {"champion": None, "declared": None, "versions": None, "held_back": None}
    return {
        "champion": settings.champion,
        "declared": serving.traffic.declared,
        "versions": {slot: variant.version for slot, variant in sorted(settings.variants.items())},
        "held_back": serving.traffic.held_back,
    }


def _drift(serving: Serving | None) -> dict[str, Any]:
    if serving is None or serving.drift is None:
        return {"function": None, "schedule": None, "reports": None}
    drift = serving.drift
    return {"function": drift.function.name, "schedule": drift.schedule, "reports": drift.reports}


def _rollback(serving: Serving | None) -> dict[str, Any]:
    if serving is None:
        return {"function": None, "target": None, "command": None}
    rollback = serving.rollback
    return {"function": rollback.function.name, "target": rollback.target, "command": rollback.command}


def _alarms(serving: Serving | None) -> dict[str, Any]:
    if serving is None:
        return {"endpoint": None, "guardrails": {}, "names": {}}
    alarms = serving.alarms
    return {"endpoint": alarms.endpoint, "guardrails": alarms.guardrails, "names": alarms.names}


def _promised(objective: Objective) -> dict[str, Any]:
    return {"percent": objective.percent, "days": objective.days, "milliseconds": objective.milliseconds}
