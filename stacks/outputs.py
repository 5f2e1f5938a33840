"""The stack's outputs, a contract: every key is always there, and null where nothing is provisioned.

Pulumi drops an output that is null as a whole, so a part that is not there keeps its keys, and they are null.
"""

from __future__ import annotations

from typing import Any

import pulumi

from components.alarms import Alarms
from components.dashboards import Dashboards
from components.drift import Drift
from components.registry import Registry
from components.rollback import Rollback
from components.sagemaker.endpoint import Endpoint
from components.sagemaker.traffic import Traffic
from components.storage import Storage
from components.tables import Tables
from components.topics import PRIORITIES, Topics
from stacks.schema import Settings
from tidewatch.dashboards import PAGES
from tidewatch.slo import Objective


def export(
    settings: Settings,
    registry: Registry,
    storage: Storage,
    tables: Tables,
    topics: Topics,
    endpoint: Endpoint | None,
    drift: Drift | None,
    rollback: Rollback | None,
    alarms: Alarms | None,
    dashboards: Dashboards | None,
    traffic: Traffic | None,
) -> None:
    """Exports the contract."""
    pulumi.export("endpoint", _endpoint(settings, endpoint))
    pulumi.export("traffic", _traffic(settings, traffic))
    pulumi.export("drift", _drift(drift))
    pulumi.export("rollback", _rollback(rollback))
    pulumi.export("alarms", _alarms(alarms))
    pulumi.export("slo", {one.kind: _promised(one) for one in settings.slo.objectives()})
    pulumi.export("registry", {"bucket": registry.bucket, "prefix": registry.prefix})
    pulumi.export("buckets", {"capture": storage.capture.bucket, "monitoring": storage.monitoring.bucket})
    pulumi.export("ledger", tables.ledger.name)
    pulumi.export("topics", {priority: topics.arns[priority] for priority in PRIORITIES})
    pulumi.export("dashboards", dict.fromkeys(PAGES) if dashboards is None else dashboards.links)


def invoke_command(endpoint: str, region: str) -> str:
    """A request to the endpoint as one line, which needs only the AWS CLI and a request.json."""
    return (
        f"aws sagemaker-runtime invoke-endpoint --endpoint-name {endpoint} --content-type application/json"
        f" --body fileb://request.json --region {region} /dev/stdout"
    )


def _endpoint(settings: Settings, endpoint: Endpoint | None) -> dict[str, Any]:
    if endpoint is None:
        return {"name": None, "arn": None, "platform": None, "invoke": None}
    return {
        "name": endpoint.name,
        "arn": endpoint.arn,
        "platform": settings.endpoint.platform,
        "invoke": endpoint.name.apply(lambda name: invoke_command(name, settings.region)),
    }


def _traffic(settings: Settings, traffic: Traffic | None) -> dict[str, Any]:
    if traffic is None:
        return {"champion": None, "declared": None, "versions": None}
    return {
        "champion": settings.champion,
        "declared": traffic.declared,
        "versions": {slot: variant.version for slot, variant in sorted(settings.variants.items())},
    }


def _drift(drift: Drift | None) -> dict[str, Any]:
    if drift is None:
        return {"function": None, "schedule": None, "reports": None}
    return {"function": drift.function.name, "schedule": drift.schedule, "reports": drift.reports}


def _rollback(rollback: Rollback | None) -> dict[str, Any]:
    if rollback is None:
        return {"function": None, "target": None, "command": None}
    return {"function": rollback.function.name, "target": rollback.target, "command": rollback.command}


def _alarms(alarms: Alarms | None) -> dict[str, Any]:
    if alarms is None:
        return {"endpoint": None, "guardrails": {}, "names": {}}
    return {"endpoint": alarms.endpoint, "guardrails": alarms.guardrails, "names": alarms.names}


def _promised(objective: Objective) -> dict[str, Any]:
    return {"percent": objective.percent, "days": objective.days, "milliseconds": objective.milliseconds}
