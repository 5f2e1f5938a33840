"""Each guarantee of a stack that is none of ours, configured away, is refused by the policy that is meant for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from policies.configuration import parse_configuration
from policies.evaluation import PackRun
from policies.pack import POLICIES
from policies.violations import Violation
from tests.policies.foreign_program import (
    APPEND_ONLY,
    DENY_PLAIN_HTTP,
    IMAGE,
    ForeignProgram,
    ForeignResource,
    build_policy,
)

Edit = Callable[[ForeignProgram], None]
MUTE = ForeignResource("aws:cloudwatch/alarmMuteRule:AlarmMuteRule", {"muteTargets": {"alarmNames": ["shop-errors"]}})
TARGET = ForeignResource(
    "aws:appautoscaling/target:Target",
    {
        "resourceId": "endpoint/shop/variant/only",
        "scalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "minCapacity": 1,
        "maxCapacity": 4,
    },
)
BUDGET = {"host-budget": {"maxHourlyCost": 10, "hourlyPrices": {"ml.p3.2xlarge": 4}, "maxGpus": 2}}


def set_value(name: str, path: str, value: Any) -> Edit:
    return lambda program: program.edit(name, path, value)


def remove(name: str) -> Edit:
    def edit(program: ForeignProgram) -> None:
        del program.resources[name]

    return edit


def add(name: str, resource: ForeignResource) -> Edit:
    def edit(program: ForeignProgram) -> None:
        program.resources[name] = resource

    return edit


def unprotect(name: str) -> Edit:
    def edit(program: ForeignProgram) -> None:
        program.resources[name].protect = False

    return edit


def check(program: ForeignProgram, configuration: Mapping[str, Any] | None = None) -> list[Violation]:
    run = PackRun(POLICIES, parse_configuration(configuration or {}, POLICIES))
    return run.analyze_state(program.build())


VARIANT, CAPTURE = "productionVariants.0", "dataCaptureConfig"
ROLE_STATEMENT = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::shop-registry/*"}
EDITS: Mapping[str, tuple[str, Edit]] = {
    "capture off": ("capture-enabled", set_value("configuration", f"{CAPTURE}.enableCapture", False)),
    "capture of 1 %": ("capture-enabled", set_value("configuration", f"{CAPTURE}.initialSamplingPercentage", 1)),
    "answers not captured": (
        "capture-enabled",
        set_value("configuration", f"{CAPTURE}.captureOptions", [{"captureMode": "Input"}]),
    ),
    "no weight": ("traffic-weights", set_value("configuration", f"{VARIANT}.initialVariantWeight", 0)),
    "one instance": ("variant-instances", set_value("configuration", f"{VARIANT}.initialInstanceCount", 1)),
    "scaled to one": ("variant-instances", add("target", TARGET)),
    "no volume key": ("volume-key", set_value("configuration", "kmsKeyArn", None)),
    "network": ("network-isolation", set_value("model", "enableNetworkIsolation", False)),
    "image by tag": (
        "image-digest",
        set_value("model", "primaryContainer.image", "123456789012.dkr.ecr.us-east-1.amazonaws.com/triton:24.05"),
    ),
    "public image": (
        "image-digest",
        set_value("model", "primaryContainer.image", "docker.io/nvidia/triton@sha256:" + "0" * 64),
    ),
    "latest artifact": (
        "pinned-version",
        set_value("model", "primaryContainer.modelDataUrl", "s3://shop-registry/models/shop/latest/model.tar.gz"),
    ),
    "no GPU": ("gpu-host", set_value("configuration", f"{VARIANT}.instanceType", "ml.c5.xlarge")),
    "no rollback": ("guardrails-roll-back", set_value("endpoint", "deploymentConfig", None)),
    "guardrail elsewhere": (
        "guardrails-roll-back",
        set_value("endpoint", "deploymentConfig.autoRollbackConfiguration.alarms", [{"alarmName": "gone"}]),
    ),
    "disabled guardrail": ("rollback-not-suppressed", set_value("errors", "actionsEnabled", False)),
    "muted guardrail": ("rollback-not-suppressed", add("mute", MUTE)),
    "AWS's key for a bucket": (
        "bucket-encryption",
        set_value("capture-encryption", "rules.0.applyServerSideEncryptionByDefault", {"sseAlgorithm": "AES256"}),
    ),
    "no encryption": ("bucket-encryption", remove("capture-encryption")),
    "no TLS": ("bucket-tls", set_value("capture-policy", "policy", build_policy(APPEND_ONLY))),
    "no access block": ("bucket-private", remove("capture-access")),
    "half an access block": ("bucket-private", set_value("registry-access", "restrictPublicBuckets", False)),
    "no versions": (
        "registry-versioning",
        set_value("registry-versions", "versioningConfiguration.status", "Suspended"),
    ),
    "no lock": ("registry-locked", remove("registry-lock")),
    "overwriting": ("registry-write-once", set_value("registry-policy", "policy", build_policy(DENY_PLAIN_HTTP))),
    "capture for ever": ("capture-retention", remove("capture-lifecycle")),
    "capture for years": ("capture-retention", set_value("capture-lifecycle", "rules.0.expiration.days", 900)),
    "no recovery": ("table-recovery", set_value("ledger", "pointInTimeRecovery.enabled", False)),
    "rewritable ledger": ("ledger-append-only", remove("ledger-policy")),
    "ledger denied to some": (
        "ledger-append-only",
        set_value(
            "ledger-policy", "policy", build_policy({**APPEND_ONLY, "Principal": {"AWS": "arn:aws:iam::1:role/x"}})
        ),
    ),
    "lost events": ("function-dead-letters", set_value("function", "deadLetterConfig", None)),
    "logs for ever": ("log-retention", set_value("log-group", "retentionInDays", 0)),
    "logs of nobody": ("log-retention", remove("log-group")),
    "public function": ("function-not-public", set_value("permission", "principal", "*")),
    "function for any account": ("function-not-public", set_value("permission", "sourceArn", None)),
    "no runbook": ("alarm-actions", set_value("errors", "alarmDescription", "Something broke.")),
    "plain topic": ("topic-encryption", set_value("pages", "kmsMasterKeyId", None)),
    "AWS's key for a topic": ("topic-encryption", set_value("pages", "kmsMasterKeyId", "alias/aws/sns")),
    "a key that alarms cannot use": (
        "topic-encryption",
        set_value("pages-key", "policy", build_policy(ROLE_STATEMENT)),
    ),
    "plain queue": ("queue-encryption", set_value("dead-letters", "sqsManagedSseEnabled", False)),
    "public topic": (
        "messages-not-public",
        set_value(
            "pages-policy",
            "policy",
            build_policy({"Effect": "Allow", "Action": "sns:Publish", "Resource": "*", "Principal": "*"}),
        ),
    ),
    "key never rotated": ("key-rotation", set_value("pages-key", "enableKeyRotation", False)),
    "wildcard action": (
        "no-wildcard-actions",
        set_value("role-policy", "policy", build_policy({**ROLE_STATEMENT, "Action": "s3:*"})),
    ),
    "all but one action": (
        "no-wildcard-actions",
        set_value(
            "role-policy",
            "policy",
            build_policy({"Effect": "Allow", "NotAction": "s3:PutObject", "Resource": "arn:aws:s3:::x"}),
        ),
    ),
    "wildcard resource": (
        "no-wildcard-resources",
        set_value("role-policy", "policy", build_policy({**ROLE_STATEMENT, "Resource": "*"})),
    ),
    "no cost center": (
        "required-tags",
        set_value("function", "tags", {"owner": "a", "model": "b", "environment": "c"}),
    ),
    "unprotected": ("protected", unprotect("endpoint")),
}


def test_a_sound_program_violates_nothing() -> None:
    assert check(ForeignProgram()) == []
    assert check(ForeignProgram(), BUDGET) == []


@pytest.mark.parametrize("what", EDITS)
def test_a_guarantee_that_is_configured_away_is_refused_by_its_policy_alone(what: str) -> None:
    policy, edit = EDITS[what]
    program = ForeignProgram()
    edit(program)
    found = check(program)
    assert {violation.policy for violation in found} == {policy}
    assert all(violation.is_mandatory and violation.message.endswith(".") for violation in found)


def test_every_policy_has_an_edit_that_only_it_refuses() -> None:
    # An artifact elsewhere leaves no bucket that is a registry; the rest need a config or a resource of ours.
    elsewhere = {"artifact-in-registry", "host-budget", "rollback-target"}
    assert {policy.name for policy in POLICIES} - {policy for policy, _ in EDITS.values()} == elsewhere


def test_an_artifact_in_a_strange_bucket_is_refused() -> None:
    program = ForeignProgram()
    program.edit("model", "primaryContainer.modelDataUrl", "s3://somebody-elses/model.tar.gz")
    assert {violation.policy for violation in check(program)} == {"artifact-in-registry"}
    assert check(program, {"artifact-in-registry": {"registries": ["somebody-elses"]}}) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"maxHourlyCost": 5, "hourlyPrices": {"ml.p3.2xlarge": 4}}, "cost 8.00 an hour; the budget is 5.00"),
        ({"maxHourlyCost": 5}, "no price of ml.p3.2xlarge"),
        ({"maxGpus": 1}, "have 2 GPUs; the budget is 1"),
    ],
)
def test_a_stack_above_its_budget_is_refused(settings: Mapping[str, Any], words: str) -> None:
    found = check(ForeignProgram(), {"host-budget": settings})
    assert {violation.policy for violation in found} == {"host-budget"}
    assert words in found[0].message


def test_a_policy_that_does_not_fit_says_why() -> None:
    program = ForeignProgram()
    program.edit("configuration", "productionVariants.0.instanceType", "ml.g5.xlarge")
    program.edit("configuration", "kmsKeyArn", None)
    run = PackRun(POLICIES, parse_configuration({}, POLICIES))
    assert run.analyze_state(program.build()) == []
    assert [(each.policy, "NVMe" in each.reason) for each in run.not_applicable] == [("volume-key", True)]


def test_a_disabled_policy_does_not_run_and_an_advisory_one_refuses_nothing() -> None:
    program = ForeignProgram()
    program.edit("configuration", "dataCaptureConfig.enableCapture", False)
    assert check(program, {"capture-enabled": "disabled"}) == []
    found = check(program, {"all": "disabled", "capture-enabled": "advisory"})
    assert [violation.level for violation in found] == ["advisory"]


def test_an_unknown_value_of_a_preview_is_an_advice_and_no_refusal() -> None:
    program = ForeignProgram()
    program.edit("dead-letters", "sqsManagedSseEnabled", "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7")
    found = check(program)
    assert [(violation.policy, violation.level) for violation in found] == [("queue-encryption", "advisory")]
    assert "can't be known during preview" in found[0].message


def test_the_registry_of_a_pipeline_is_a_registry_too() -> None:
    program = ForeignProgram()
    source = {"s3DataSource": {"s3Uri": "s3://shop-registry/models/shop/3/"}}
    program.resources["model"].props["primaryContainer"] = None
    program.resources["model"].props["containers"] = [{"image": IMAGE, "modelDataSource": source}]
    assert check(program) == []
    del program.resources["registry-lock"]
    assert {violation.policy for violation in check(program)} == {"registry-locked"}
