"""Every key of the stack config, edited on a stack that serves and is not protected: what holds data, serves or guards
is neither replaced nor deleted, and no role changes that a kept model needs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from rehearsal.engine import DeploymentStep, OperationFailed
from tests.docs.test_config_reference import PLAIN, SECTIONS, _keys
from tests.stacks.deployed_program import DeployedProgram
from tidewatch.alarms import AlarmThresholds

LIMITS = {
    "latencyMilliseconds": 400, "latencyPercent": 90, "overheadMilliseconds": 100, "silenceMinutes": 30,
    "minimumRequests": 30, "minimumErrors": 6, "guardrailLatencyRatio": 2, "guardrailLatencyMilliseconds": 30,
    "guardrailLatencyRequests": 30, "captureRequests": 200, "insufficientHours": 12, "rollbackPendingSeconds": 120,
}  # fmt: skip
"""A value for each limit that is no percentage."""

PEM = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE3MKBvmNqn8x526LpY/xJGJ/Q5VZu
6k4fPrEcMzMuYpU615/NssDxu18DkWSDSCJaNuvYbBht/0GbRk6f895Mfg==
-----END PUBLIC KEY-----
"""
PEOPLE = [{"email": "somebody@example.com"}]
EDITS: dict[str, Any] = {
    "model.owner": "others@example.com",
    "model.oncall": "others@example.com",
    "model.escalation": "others@example.com",
    "model.approvers": ["others@example.com"],
    "endpoint.instanceType": "ml.g5.2xlarge",
    "endpoint.inferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-3-1",
    "endpoint.environment": {"THREADS": "2"},
    "endpoint.hourlyPrice": 2,
    "endpoint.startupSeconds": 700,
    "endpoint.downloadSeconds": 800,
    "endpoint.captureSampling": 50,
    "endpoint.captureRetentionDays": 10,
    "endpoint.capturePrefix": "elsewhere",
    "endpoint.csvContentTypes": ["text/plain"],
    "endpoint.jsonContentTypes": ["application/x-json"],
    "endpoint.rollout.strategy": "linear",
    "endpoint.rollout.stepPercent": 20,
    "endpoint.rollout.waitSeconds": 200,
    "endpoint.rollout.terminationWaitSeconds": 200,
    "variants.<variant>.version": "3",
    "variants.<variant>.weight": 10,
    "variants.<variant>.instances": 3,
    "variants.<variant>.environment": {"THREADS": "2"},
    "rollbackTo": "green",
    "rollback.automatic": False,
    "rollback.floor": 1,
    "drift.enabled": False,
    "drift.lagMinutes": 30,
    "drift.lookBackHours": 24,
    "drift.psi": [0.2, 0.3],
    "drift.share": [6, 11],
    "drift.rate": [3, 6],
    "drift.falseDiscoveryRate": 0.01,
    "drift.ticketShare": 20,
    "drift.pageShare": 40,
    "alarms.guardrails": [
        {"name": "conversion", "namespace": "Shop", "metric": "Conversion", "dimensions": {"Variant": "$variant"},
         "statistic": "Average", "comparison": "<", "threshold": 0.1, "minimumSamples": 50, "severity": "P1"},
    ],
    "slo.availability.percent": 99,
    "slo.availability.days": 30,
    "slo.latency.percent": 98,
    "slo.latency.days": 30,
    "slo.latency.milliseconds": 200,
    "notify.P1": PEOPLE,
    "notify.P2": PEOPLE,
    "notify.P3": PEOPLE,
    "notify.escalation.afterMinutes": 30,
    "notify.escalation.to": PEOPLE,
    "notify.chat": {"slackTeam": "T0123ABCD", "slackChannel": "C0123ABCD", "severities": ["P1"]},
    "notify.runbooks": "https://example.com/runbooks",
    "registry.objectLockDays": 30,
    "registry.signing": True,
    "governance.signatures.publicKeys": [{"pem": PEM}],
    "image.repositories": ["123456789012.dkr.ecr.us-east-1.amazonaws.com/*"],
    "logs.retentionDays": 14,
    "vpc": {"subnets": ["subnet-0123456789abcdef0"], "securityGroups": ["sg-0123456789abcdef0"]},
    "access.breakGlass": ["arn:aws:iam::123456789012:role/somebody"],
    "access.captureReaders": ["arn:aws:iam::123456789012:role/somebody"],
    "access.deployers": [f"arn:aws:iam::123456789012:{one}" for one in ("user/rehearsal", "role/deployer")],
    "autoscaling": {"maximum": 5, "invocationsPerInstance": 100, "scaleInSeconds": 60, "scaleOutSeconds": 60},
    "policies": {"all": "mandatory"},
    "protect": True,
    "forceDestroy": False,
    "tags": {"environment": "other"},
    **{f"alarms.{to_camel(one.name)}": LIMITS.get(to_camel(one.name), 42) for one in fields(AlarmThresholds)},
}  # fmt: skip
"""Key -> another value than the rehearsal's; an object stands for the keys in it."""

REFUSED: dict[str, tuple[Any, str]] = {
    "model.name": ("trains", "create a separate stack for trains"),
    "endpoint.platform": ("eks", "eks is not in this version"),
    "endpoint.volumeKey": ("arn:aws:kms:us-east-1:123456789012:key/0123", "volumeKey"),
    "acknowledgedIncident": ("flights-20260101-000000-abcdef", "has no incident"),
    "retire": (True, "means that nothing serves any more"),
    "registry.signingKey": ("arn:aws:kms:us-east-1:123456789012:key/0123", "set signing to true"),
    "governance.signatures.required": (True, "no signature would count"),
}
"""What does not reach a resource: key -> value, and a part of the refusal."""

REPLACEABLE = {
    "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/compositeAlarm:CompositeAlarm",
    "aws:cloudwatch/dashboard:Dashboard", "aws:sns/topicSubscription:TopicSubscription",
    "pulumi-python:dynamic/tidewatch:VariantCapacity",
}  # fmt: skip
"""Types of which an edit may replace or delete any: but for the alarm that stops deployments."""
REMADE = {
    "aws:sagemaker/model:Model", "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
    "aws:s3/bucketObjectv2:BucketObjectv2",
}  # fmt: skip
"""Types of which another content makes another one, and the one before stays in the account."""
BY_KEY = {
    "rollback.automatic": ("flights-guardrail-",),
    "rollbackTo": ("flights-guardrail-",),
    "drift.enabled": ("flights-drift",),
}
"""What else goes with an edit, by the beginning of its name."""


def config_with(stack: DeployedProgram, key: str, value: Any) -> dict[str, Any]:
    """The config of a stack with another value under a key."""
    config = copy.deepcopy(stack.config)
    first, *rest = key.replace("<variant>", "green").split(".")
    if not rest:
        return {**config, f"tidewatch:{first}": value}
    at = config.setdefault(f"tidewatch:{first}", {})
    for part in rest[:-1]:
        at = at.setdefault(part, {})
    at[rest[-1]] = value
    return config


def _is_lost(step: DeploymentStep, key: str, steps: Sequence[DeploymentStep]) -> bool:
    """Whether the step takes away what should have stayed."""
    going = step.op.startswith(("delete", "replace")) and "retain" not in step.keys
    going = going and not (step.type in REMADE and step.op == "replace" and _stays(step.urn, steps))
    component = not step.type.startswith(("aws:", "pulumi-python:"))
    replaceable = step.type in REPLACEABLE and step.name != "flights-abort"
    return going and not component and not replaceable and not step.name.startswith(BY_KEY.get(key, ("-",)))


def _stays(urn: str, steps: Sequence[DeploymentStep]) -> bool:
    """Whether what is replaced stays in the account, with that name."""
    return any(one.urn == urn and one.op == "delete-replaced" and "retain" in one.keys for one in steps)


def _role_changed(step: DeploymentStep) -> bool:
    """Whether a role of a model, or what it may do, is another under the same name; tags do not count."""
    ours = step.type.startswith("aws:iam/role") and step.name.startswith("flights-serving-")
    return ours and step.op in ("update", "replace") and set(step.keys) != {"tags"}


def test_every_key_has_an_edit() -> None:
    declared = {key for path, section in SECTIONS.items() for key in _keys(path, section)} | PLAIN
    limits = {f"alarms.{to_camel(one.name)}" for one in fields(AlarmThresholds)} | {"alarms.guardrails"}
    edited = {*EDITS, *REFUSED}
    missing = {
        key
        for key in (declared | limits) - set(SECTIONS)
        if not any(key == e or key.startswith(f"{e}.") for e in edited)
    }
    assert missing == set()


@pytest.mark.parametrize("key", EDITS)
def test_an_edit_takes_nothing_that_holds_data_serves_or_guards(canary: DeployedProgram, key: str):
    canary.config = config_with(canary, key, EDITS[key])
    steps = canary.stack.preview().steps
    assert [(step.op, step.urn) for step in steps if _is_lost(step, key, steps)] == []
    assert [step.urn for step in steps if _role_changed(step)] == []


@pytest.mark.parametrize("key", REFUSED)
def test_an_edit_that_cannot_be_is_refused_before_anything_is_touched(canary: DeployedProgram, key: str):
    value, said = REFUSED[key]
    canary.config = config_with(canary, key, value)
    with pytest.raises(OperationFailed, match=said):
        canary.stack.preview()
