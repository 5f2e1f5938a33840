"""Functions and their logs: events are not lost, logs expire, and nobody outside may call."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.definition import Metadata, Settings, StackFinding, define_resource_policy, define_stack_policy
from policies.resource_types import FUNCTION, FUNCTION_EVENTS, FUNCTION_PERMISSION, LOG_GROUP, read_object
from policies.stack_view import StackView, read_known, refers_to


def _check_dead_letters(stack: StackView, settings: Settings) -> Iterator[StackFinding]:
    del settings
    for function in stack.of_type(FUNCTION):
        events = stack.find_settings(function, {FUNCTION_EVENTS}, "functionName")
        has_destination = any(read_object(read_object(each.props, "destinationConfig"), "onFailure") for each in events)
        if not has_destination and not read_object(function.props, "deadLetterConfig"):
            yield StackFinding("An event that it fails on is lost.", function.urn)


function_dead_letters = define_stack_policy(
    Metadata(
        "function-dead-letters",
        "An event that a function finally fails on goes to a queue.",
        Severity.MEDIUM,
        "Set deadLetterConfig, or a FunctionEventInvokeConfig with destinationConfig.onFailure.",
        ("CKV_AWS_116",),
    ),
    _check_dead_letters,
)


def _check_log_groups(stack: StackView, settings: Settings) -> Iterator[StackFinding]:
    groups = stack.of_type(LOG_GROUP)
    names = {read_known(group, "name") for group in groups}
    for function in stack.of_type(FUNCTION):
        given = read_object(function.props, "loggingConfig").get("logGroup")
        name = given or f"/aws/lambda/{read_known(function, 'name')}"
        if name not in names and not any(refers_to(function, "loggingConfig", group) for group in groups):
            yield StackFinding(f"It logs to {name}, which this stack does not keep: it never expires.", function.urn)
    for group in groups:
        days = group.props.get("retentionInDays") or 0
        if days < settings["minDays"]:
            kept = f"for {days:g} days" if days else "for ever"
            yield StackFinding(
                f"It keeps logs {kept}; a number of at least {settings['minDays']:g} is asked for.", group.urn
            )


log_retention = define_stack_policy(
    Metadata(
        "log-retention",
        "Logs are kept for a stated time.",
        Severity.LOW,
        "Set logs.retentionDays, or retentionInDays of a log group that the function names.",
        ("CKV_AWS_66",),
        {
            "minDays": {
                "type": "integer", "minimum": 1, "default": 1,
                "description": "the least days; CKV_AWS_338 asks for 365, more than most need",
            }
        },
    ),
    _check_log_groups,
)  # fmt: skip


def _check_permission(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    del settings
    principal = args.props.get("principal")
    is_service = isinstance(principal, str) and principal.endswith(".amazonaws.com")
    if principal == "*" and not args.props.get("principalOrgId"):
        yield "Everybody may call the function."
    elif is_service and not args.props.get("sourceArn") and not args.props.get("sourceAccount"):
        yield f"{principal} may call the function for any account."


function_not_public = define_resource_policy(
    Metadata(
        "function-not-public",
        "A function can be called only by named principals, and by services only for named sources.",
        Severity.CRITICAL,
        "Set sourceArn or sourceAccount of the permission, and no principal `*`.",
        ("Lambda.1", "CKV_AWS_301", "CKV_AWS_364"),
    ),
    {FUNCTION_PERMISSION},
    _check_permission,
)

POLICIES = (function_dead_letters, log_retention, function_not_public)
