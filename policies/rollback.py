"""The way back: a champion to return to, alarms that return to it, and nothing that silences them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import PolicyResource, ResourceValidationArgs, Severity

from policies.definition import Metadata, Settings, StackFinding, define_resource_policy, define_stack_policy
from policies.resource_types import (
    ALARM_MUTE_RULE,
    COMPOSITE_ALARM,
    ENDPOINT,
    FUNCTION,
    METRIC_ALARM,
    VARIANT_WEIGHTS,
    read_list,
    read_object,
)
from policies.stack_view import StackView, may_hold, read_known


def _check_target(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    del settings
    variants, champion = read_object(args.props, "variants"), str(args.props.get("champion") or "")
    target = variants.get(champion)
    if target is None:
        yield f"Its champion {champion} is none of its variants, so that a rollback has no target."
        return
    count, floor = read_object(args.props, "instance_counts").get(champion), target.get("floor") or 0
    if floor < 1:
        yield f"{champion} has no floor: it may be scaled to nothing while it is the target of a rollback."
    elif count is not None and count < floor:
        yield f"{champion} has {count:g} instances, fewer than its floor of {floor:g}."


rollback_target = define_resource_policy(
    Metadata(
        "rollback-target",
        "A rollback has a target: a champion that is deployed and never goes below its floor.",
        Severity.CRITICAL,
        "Set rollbackTo to a variant that is deployed, and rollback.floor to the instances that it must keep.",
    ),
    {VARIANT_WEIGHTS},
    _check_target,
)


def _check_guardrails(stack: StackView, settings: Settings) -> Iterator[StackFinding]:
    del settings
    alarms = {read_alarm_name(alarm): alarm for alarm in _list_alarms(stack)}
    weights = stack.of_type(VARIANT_WEIGHTS)
    for each in weights:
        guardrails = read_object(each.props, "guardrails")
        for variant in read_object(each.props, "split"):
            if variant == each.props.get("champion"):
                continue
            alarm = alarms.get(str(guardrails.get(variant)))
            if alarm is None:
                yield StackFinding(f"No guardrail watches {variant}.", each.urn)
            elif not calls_function(alarm):
                yield StackFinding(
                    f"The guardrail of {variant} calls no function, so that nothing rolls back.", alarm.urn
                )
    if weights:
        return
    for endpoint in stack.of_type(ENDPOINT):
        names = list_auto_rollback_alarms(endpoint.props)
        if not names:
            yield StackFinding("No alarm rolls its deployments back.", endpoint.urn)
        for name in names:
            if name not in alarms:
                yield StackFinding(
                    f"Its rollback waits for the alarm {name}, which is not in this stack.", endpoint.urn
                )


guardrails_roll_back = define_stack_policy(
    Metadata(
        "guardrails-roll-back",
        "Every challenger has a guardrail that exists and rolls back.",
        Severity.CRITICAL,
        "Set rollback.automatic; elsewhere name alarms of the stack in deploymentConfig.autoRollbackConfiguration.",
    ),
    _check_guardrails,
)


def _check_suppression(stack: StackView, settings: Settings) -> Iterator[StackFinding]:
    del settings
    rolling_back = {name for endpoint in stack.of_type(ENDPOINT) for name in list_auto_rollback_alarms(endpoint.props)}
    muted = {
        name: rule
        for rule in stack.of_type(ALARM_MUTE_RULE)
        for name in read_list(read_object(rule.props, "muteTargets"), "alarmNames")
    }
    for alarm in _list_alarms(stack):
        name = read_alarm_name(alarm)
        if not calls_function(alarm) and name not in rolling_back:
            continue
        if alarm.props.get("actionsEnabled") is False:
            yield StackFinding("Its actions are disabled, so that it rolls nothing back.", alarm.urn)
        if read_object(alarm.props, "actionsSuppressor").get("alarm"):
            yield StackFinding("Another alarm suppresses it, so that it may not roll back.", alarm.urn)
        if name in muted:
            yield StackFinding("It mutes an alarm that rolls back.", muted[name].urn)


rollback_not_suppressed = define_stack_policy(
    Metadata(
        "rollback-not-suppressed",
        "Nothing suppresses, disables or mutes an alarm that rolls back.",
        Severity.CRITICAL,
        "Remove the suppressor or the mute rule, and enable the alarm's actions.",
        ("CKV_AWS_319",),
    ),
    _check_suppression,
)


def _list_alarms(stack: StackView) -> list[PolicyResource]:
    return stack.of_type(METRIC_ALARM, COMPOSITE_ALARM)


def read_alarm_name(alarm: PolicyResource) -> str:
    """Returns the name of a metric alarm or a composite, whose properties differ; "" if it is unknown yet."""
    return read_known(alarm, "name") or read_known(alarm, "alarmName") or ""


def calls_function(alarm: PolicyResource) -> bool:
    """Whether an alarm's action is a Lambda function, whose ARN a preview may not know yet."""
    return may_hold(alarm, "alarmActions", FUNCTION, ":lambda:")


def list_auto_rollback_alarms(endpoint: Mapping[str, Any]) -> list[str]:
    """Returns the alarms at which SageMaker itself undoes an endpoint's deployment.

    Source: SageMaker API reference, AutoRollbackConfig.
    """
    rollback = read_object(read_object(endpoint, "deploymentConfig"), "autoRollbackConfiguration")
    return [each.get("alarmName") for each in read_list(rollback, "alarms")]


POLICIES = (rollback_target, guardrails_roll_back, rollback_not_suppressed)
