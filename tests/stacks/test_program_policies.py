"""The program keeps every policy of the pack; each guarantee that is configured away is refused by its own policy."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from policies.configuration import parse_configuration
from policies.evaluation import PackRun
from policies.pack import POLICIES
from policies.stack_state import read_state
from policies.violations import Violation
from rehearsal.engine.checkpoint import to_deployment
from tests.stacks.deployed_program import DeployedProgram, rehearsal_config
from tests.stacks.stack_image import StackImage, production_image

Exported = dict[str, Any]
Edit = Callable[[Exported], None]


@pytest.fixture(scope="module")
def exported_state(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The production stack with a canary, as `pulumi stack export` writes it."""
    image: StackImage = production_image()
    with image.restore(tmp_path_factory.mktemp("production")) as stack:
        return to_deployment(json.loads(stack.stack.state.read_text()), "7.51.0")


def check(state: Exported, configuration: Mapping[str, Any] | None = None) -> list[Violation]:
    run = PackRun(POLICIES, parse_configuration(configuration or {}, POLICIES))
    return run.analyze_state(read_state(json.dumps(state)))


def select(state: Exported, kind: str, name: str = "") -> Iterator[dict[str, Any]]:
    """The resources of a type whose logical name contains `name`."""
    for each in state["deployment"]["resources"]:
        if each["custom"] and each["type"].rpartition(":")[2] == kind and name in each["urn"].rpartition("::")[2]:
            yield each


def change(kind: str, name: str, path: str, value: Any) -> Edit:
    """Sets a property of every resource that matches, in its inputs and its outputs."""

    def edit(state: Exported) -> None:
        found = list(select(state, kind, name))
        assert found, f"no {kind} {name}"
        for resource in found:
            for props in (resource["inputs"], resource["outputs"]):
                _set(props, path.split("."), value)

    return edit


def _set(target: Any, path: list[str], value: Any) -> None:
    *parents, last = path
    for part in parents:
        target = target[int(part) if part.isdigit() else part]
    target[int(last) if last.isdigit() else last] = value


def remove(kind: str, name: str) -> Edit:
    def edit(state: Exported) -> None:
        gone = list(select(state, kind, name))
        assert gone, f"no {kind} {name}"
        state["deployment"]["resources"] = [each for each in state["deployment"]["resources"] if each not in gone]

    return edit


def unprotect(state: Exported) -> None:
    for each in select(state, "Endpoint"):
        each["protect"] = False


OPEN = json.dumps({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::x"}})
ANYWHERE = json.dumps({"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}})
EDITS: Mapping[str, tuple[str, Edit]] = {
    "capture": ("capture-enabled", change("EndpointConfiguration", "", "dataCaptureConfig.enableCapture", False)),
    "instances": ("variant-instances", change("VariantCapacity", "green", "instances", 1)),
    "isolation": ("network-isolation", change("Model", "blue", "enableNetworkIsolation", False)),
    "image": (
        "image-digest",
        change("Model", "blue", "primaryContainer.image", "123456789012.dkr.ecr.us-east-1.amazonaws.com/triton:1"),
    ),
    "artifact": (
        "artifact-in-registry",
        change("Model", "blue", "primaryContainer.modelDataUrl", "s3://else/m.tar.gz"),
    ),
    "floor": ("rollback-target", change("VariantWeights", "", "variants.blue.floor", 0)),
    "champion": ("rollback-target", change("VariantWeights", "", "instance_counts", {"blue": 1, "green": 2})),
    "guardrail": ("guardrails-roll-back", change("CompositeAlarm", "guardrail-green", "alarmActions", [])),
    "suppressor": (
        "rollback-not-suppressed",
        change("CompositeAlarm", "guardrail-green", "actionsSuppressor", {"alarm": "x", "waitPeriod": 60}),
    ),
    "encryption": ("bucket-encryption", remove("BucketServerSideEncryptionConfiguration", "capture")),
    "TLS": ("bucket-tls", remove("BucketPolicy", "capture")),
    "public": ("bucket-private", remove("BucketPublicAccessBlock", "monitoring")),
    "versions": ("registry-versioning", remove("BucketVersioning", "registry")),
    "lock": ("registry-locked", remove("BucketObjectLockConfiguration", "registry")),
    "retention": ("capture-retention", remove("BucketLifecycleConfiguration", "capture")),
    "recovery": ("table-recovery", change("Table", "ledger", "pointInTimeRecovery.enabled", False)),
    "ledger": ("ledger-append-only", remove("ResourcePolicy", "ledger")),
    "events": ("function-dead-letters", remove("FunctionEventInvokeConfig", "drift")),
    "logs": ("log-retention", change("LogGroup", "drift", "retentionInDays", 0)),
    "callers": ("function-not-public", change("Permission", "sweep", "principal", "*")),
    "runbook": ("alarm-actions", change("MetricAlarm", "rollback-failed", "alarmDescription", "It broke.")),
    "topics": ("topic-encryption", change("Topic", "P1", "kmsMasterKeyId", "alias/aws/sns")),
    "queues": ("queue-encryption", change("Queue", "drift", "sqsManagedSseEnabled", False)),
    "rotation": ("key-rotation", change("Key", "capture", "enableKeyRotation", False)),
    "actions": ("no-wildcard-actions", change("RolePolicy", "drift", "policy", OPEN)),
    "resources": ("no-wildcard-resources", change("RolePolicy", "drift", "policy", ANYWHERE)),
    "tags": ("required-tags", change("Function", "drift", "tags", {"owner": "a"})),
    "protection": ("protected", unprotect),
}


def test_the_production_stack_violates_nothing(exported_state: Exported) -> None:
    assert check(exported_state) == []


@pytest.mark.parametrize("what", EDITS)
def test_a_guarantee_that_is_configured_away_is_refused_by_its_policy_alone(
    exported_state: Exported, what: str
) -> None:
    policy, edit = EDITS[what]
    state = copy.deepcopy(exported_state)
    edit(state)
    assert {violation.policy for violation in check(state)} == {policy}


@pytest.mark.parametrize("name", ["dev", "staging", "rehearsal"])
def test_each_stack_may_be_deployed_under_its_own_configuration(canary: DeployedProgram, name: str) -> None:
    """The rehearsal's stack under the levels of each file: what it violates is advisory there."""
    state = to_deployment(json.loads(canary.stack.state.read_text()), "7.51.0")
    found = check(state, rehearsal_config(name)["tidewatch:policies"])
    assert [violation for violation in found if violation.is_mandatory] == []
