"""The roles and their grants: the recorded permissions, and those of the real provider and of the doctor."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from rehearsal.aws.identity import PermissionRecord, record_permissions
from rehearsal.aws.identity.permission import ALL_RESOURCES
from rehearsal.permissions import provider_actions
from rehearsal.permissions.grants import Grant, to_grant
from rehearsal.permissions.runbook_grants import list_runbook_grants
from rehearsal.permissions.stack_lifecycle import PROJECT, STACK, RoleContext, StackLifecycle, start_lifecycle
from tidewatch.alarms import Severity

PURPOSES: Mapping[str, str] = {
    "deployer": "Runs `pulumi up`, `refresh` and `destroy`.",
    "preview": "Runs `pulumi preview`, for instance on pull requests: reads what the stack holds, and writes nothing.",
    "publisher": (
        "Publishes versions, signs them, verifies and lists them: `tidewatch publish`, `public-key`, `verify`, "
        "`models`."
    ),
    "operator": (
        "Is on call: `tidewatch rollback`, `status`, `doctor`, `runbook`, `models`, `verify`, and `acknowledge`, whose "
        "edit the deployer applies; runs the read-only commands of the runbooks. Attach the responder's policy too if "
        "whoever is on call must be able to act without `tidewatch`."
    ),
    "responder": (
        "Follows by hand the steps of a runbook when nothing else helps: sets weights, stops a deployment, starts a "
        "schedule. It can send traffic to any variant: give it to whoever may take that decision at night."
    ),
    "reader": (
        "Reads only: `tidewatch status` with drift reports, `tidewatch models`, `tidewatch verify`. Nothing that was "
        "captured."
    ),
}
MAX_LISTED_NAMES = 3
"""An action on at most this many names of a kind lists them; more are replaced by their common prefix."""
WITHOUT_RESOURCE = "takes no resource"
EXCEPTIONS: Mapping[str, str] = {
    "cloudwatch:DescribeAlarmHistory": "returns composite alarms only if allowed on all resources",
    "cloudwatch:DescribeAlarms": "returns composite alarms only if allowed on all resources",
    "cloudwatch:PutCompositeAlarm": "must be allowed on all resources",
    "events:ListRules": "searches by a name prefix, not by a rule",
    "kms:CreateKey": f"{WITHOUT_RESOURCE}; the new key must carry the stack's tag",
    "kms:TagResource": "names a key that is not made yet; it must carry the stack's tag",
}
"""Why an action is granted on all resources although it takes a resource."""
_ANY_RESOURCE, _OBJECT_ARN = "*", "arn:{partition}:s3:::"
_DOCTOR_GRANTS = (
    Grant("ecr:BatchGetImage", "arn:{partition}:ecr:*:*:repository/*", None, "tidewatch doctor: the serving image"),
    Grant("pricing:GetProducts", _ANY_RESOURCE, None, "tidewatch doctor: the price of the hosts"),
    Grant("servicequotas:ListServiceQuotas", _ANY_RESOURCE, None, "tidewatch doctor: the quota of the hosts"),
)
"""The doctor's calls about quotas, prices and images, which the rehearsal does not have."""
_ALARM_TAGS_GRANT = Grant(
    "cloudwatch:ListTagsForResource",
    "arn:{partition}:cloudwatch:{region}:{account}:alarm:{stem}-*",
    None,
    "tidewatch status: the severity of a firing alarm",
)
"""The recorded lifecycle misses this: not every alarm fires in it while somebody reads the status."""
_SERVICE_ROLE = "arn:{partition}:iam::{account}:role/aws-service-role/{service}/*"
_SERVICE_LINKED_ROLES = {
    "sagemaker.application-autoscaling.amazonaws.com": "the first scalable target of an account",
    "management.chatbot.amazonaws.com": "the first chat configuration of an account",
}


def _act_as_administrator(role: str, activity: str) -> AbstractContextManager[object]:
    del role, activity
    return nullcontext()


def _do_nothing(lifecycle: StackLifecycle) -> None:
    del lifecycle


def record_grants(
    act_as: RoleContext = _act_as_administrator, before_destroy: Callable[[StackLifecycle], None] = _do_nothing
) -> dict[str, list[Grant]]:
    """Runs the lifecycle of a stack with all optional parts. Returns the grants that each role needs.

    `act_as` assumes a role for a step, to verify the role's policy. `before_destroy` runs while the stack still exists.
    Raises the error of a failed step, and LookupError for a call without a rule.
    """
    grants: dict[str, list[Grant]] = {role: list(_iter_unrecorded_grants(role)) for role in PURPOSES}

    @contextmanager
    def record_role(role: str, activity: str) -> Iterator[PermissionRecord]:
        with act_as(role, activity), record_permissions() as calls:
            yield calls
        if calls.unknown_operations:
            raise LookupError(
                f"{activity}: no rule for {', '.join(sorted(calls.unknown_operations))} in rehearsal/aws/identity/"
            )
        grants[role] += [to_grant(need, activity, PROJECT, STACK) for need in calls.permissions.values()]

    with start_lifecycle(record_role, **build_full_config()) as lifecycle:
        lifecycle.run_all()
        before_destroy(lifecycle)
        lifecycle.destroy()
    return grants


def build_full_config() -> dict[str, Any]:
    """The config keys of all optional parts of a stack."""
    return {
        "autoscaling": {"maximum": 4, "invocationsPerInstance": 600},
        "registry": {"signing": True},
        "notify": {
            **{severity.value: [{"email": "ml-platform@example.com"}] for severity in Severity},
            "escalation": {"afterMinutes": 15, "to": [{"email": "ml-leads@example.com"}]},
            "chat": {"slackTeam": "T0123ABCD", "slackChannel": "C0123ABCD", "severities": ["P1"]},
        },
    }


def _iter_unrecorded_grants(role: str) -> Iterator[Grant]:
    if role in ("deployer", "preview"):
        yield from provider_actions.list_grants(role)
    if role == "operator":
        yield from _DOCTOR_GRANTS
    yield from list_runbook_grants(role)
    if role in ("operator", "reader"):
        yield _ALARM_TAGS_GRANT
    if role == "deployer":
        for service, why in _SERVICE_LINKED_ROLES.items():
            resource = _SERVICE_ROLE.replace("{service}", service)
            condition = {"StringEquals": {"iam:AWSServiceName": service}}
            yield Grant("iam:CreateServiceLinkedRole", resource, condition, why)


def build_statements(grants: Iterable[Grant]) -> list[dict[str, Any]]:
    """The grants as statements; actions on the same resources under the same condition share one."""
    resources: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in grants:
        resources[entry.action, json.dumps(entry.condition, sort_keys=True)].add(entry.resource)
    actions_by_resources: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
    for (action, condition), arns in resources.items():
        actions_by_resources[_minimize_resources(action, arns), condition].append(action)
    groups = sorted(actions_by_resources.items(), key=lambda item: (item[0][0], item[0][1]))
    return [_build_statement(sid, *item) for sid, item in _assign_sids(groups)]


def _minimize_resources(action: str, resources: set[str]) -> tuple[str, ...]:
    """The resources without those that another one covers; many names of a kind become their common prefix."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for resource in resources:
        # A grant on objects of one bucket never extends to another's, except for the deletion of all.
        is_separate = resource.startswith(_OBJECT_ARN) and "/" in resource and not action.startswith("s3:Delete")
        kinds[resource if is_separate else _generalize_resource(resource)].add(resource)
    merged = {
        member for family, members in kinds.items() for member in ({family} if _is_wide(family, members) else members)
    }
    return tuple(
        sorted(
            candidate
            for candidate in merged
            if not any(_is_covered(other, candidate) for other in merged if other != candidate)
        )
    )


def _generalize_resource(resource: str) -> str:
    """arn:...:alarm:{stem}-abort-* -> arn:...:alarm:{stem}-*; other resources are unchanged."""
    for stem in ("{stem}-", "{bucket}-"):
        head, found, rest = resource.partition(stem)
        if found:
            return f"{head}{stem}*" + ("/*" if "/" in rest else "")
    return resource


def _is_wide(pattern: str, members: set[str]) -> bool:
    return pattern in members or len(members) > MAX_LISTED_NAMES


def _is_covered(wide: str, narrow: str) -> bool:
    return wide.endswith("*") and narrow.startswith(wide[:-1])


Group = tuple[tuple[tuple[str, ...], str], list[str]]


def _assign_sids(groups: list[Group]) -> Iterator[tuple[str, Group]]:
    """Each group with a unique Sid, named after the service of its resources."""
    used: dict[str, int] = defaultdict(int)
    for group in groups:
        resources = group[0][0]
        service = "AllResources" if resources == (ALL_RESOURCES,) else resources[0].split(":")[2]
        sid_prefix = "".join(part.capitalize() for part in service.split("-"))
        used[sid_prefix] += 1
        yield f"{sid_prefix}{used[sid_prefix]}", group


def _build_statement(sid: str, key: tuple[tuple[str, ...], str], actions: list[str]) -> dict[str, Any]:
    resources, condition = key
    statement: dict[str, Any] = {
        "Sid": sid,
        "Effect": "Allow",
        "Action": sorted(set(actions)),
        "Resource": list(resources),
    }
    parsed_condition = json.loads(condition)
    return {**statement, "Condition": parsed_condition} if parsed_condition else statement


def build_document(grants: Mapping[str, list[Grant]]) -> dict[str, Any]:
    """The document for the command line: every role with its purpose and statements."""
    return {role: {"purpose": PURPOSES[role], "statements": build_statements(grants[role])} for role in PURPOSES}


def explain_wildcard(action: str) -> str:
    """Why an action is granted on all resources."""
    return EXCEPTIONS.get(action, WITHOUT_RESOURCE)


__all__ = ["PURPOSES", "build_document", "build_full_config", "build_statements", "explain_wildcard", "record_grants"]
