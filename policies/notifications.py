"""What reaches people: alarms with actions and runbooks, topics that alarms can publish to, queues, and their keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pulumi_policy import PolicyResource, ResourceValidationArgs, Severity

from policies.definition import Metadata, Settings, StackFinding, define_resource_policy, define_stack_policy
from policies.policy_documents import parse_statements
from policies.resource_types import (
    COMPOSITE_ALARM,
    ENDPOINT,
    ENDPOINT_DEPLOYMENT,
    KEY,
    METRIC_ALARM,
    QUEUE,
    QUEUE_POLICY,
    TOPIC,
    TOPIC_POLICY,
    read_object,
)
from policies.rollback import list_auto_rollback_alarms, read_alarm_name
from policies.stack_view import StackView, may_hold, read_known, refers_to

CLOUDWATCH = "cloudwatch.amazonaws.com"
_RUNBOOK = re.compile(r"runbook|https?://|\.md\b", re.IGNORECASE)
_REFERENCE = re.compile(r"""(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*"?([^")]+?)"?\s*\)""")


def _has_action(alarm: PolicyResource) -> bool:
    return may_hold(alarm, "alarmActions", "", "")


def _list_used(alarm: PolicyResource) -> set[str]:
    """Returns the names of the alarms that a composite's rule or its suppressor uses."""
    used = {match.rpartition(":")[2] for match in _REFERENCE.findall(alarm.props.get("alarmRule") or "")}
    suppressor = read_object(alarm.props, "actionsSuppressor").get("alarm")
    return used | ({suppressor.rpartition(":")[2]} if suppressor else set())


def _check_actions(stack: StackView, settings: Settings) -> Iterator[StackFinding]:
    del settings
    alarms = {read_alarm_name(alarm): alarm for alarm in stack.of_type(METRIC_ALARM, COMPOSITE_ALARM)}
    effective = {name for endpoint in stack.of_type(ENDPOINT) for name in list_auto_rollback_alarms(endpoint.props)}
    effective |= {str(each.props.get("abort_alarm")) for each in stack.of_type(ENDPOINT_DEPLOYMENT)}
    waiting = [name for name, alarm in alarms.items() if _has_action(alarm)]
    while waiting:
        name = waiting.pop()
        if name not in effective and name in alarms:
            effective.add(name)
            waiting += _list_used(alarms[name])
    for name, alarm in alarms.items():
        # A composite without actions is a status that others read.
        if alarm.resource_type == METRIC_ALARM and name not in effective:
            yield StackFinding(
                "Nobody learns when it fires: neither it nor a composite over it has an action.", alarm.urn
            )
        elif _has_action(alarm) and not _RUNBOOK.search(alarm.props.get("alarmDescription") or ""):
            yield StackFinding("Its description names no runbook.", alarm.urn)


alarm_actions = define_stack_policy(
    Metadata(
        "alarm-actions",
        "An alarm acts, by itself or through a composite, and its description names a runbook.",
        Severity.MEDIUM,
        "Set alarmActions, and name in alarmDescription where it is written what to do.",
        ("CloudWatch.15",),
    ),
    _check_actions,
)


def _check_topics(stack: StackView, settings: Settings) -> Iterator[StackFinding]:
    del settings
    alarms = stack.of_type(METRIC_ALARM, COMPOSITE_ALARM)
    for topic in stack.of_type(TOPIC):
        keys = stack.find_referred(topic, "kmsMasterKeyId", {KEY})
        given = read_known(topic, "kmsMasterKeyId")
        if given is None and not keys:
            yield StackFinding("It is not encrypted.", topic.urn)
        elif given is not None and given.endswith("alias/aws/sns"):
            yield StackFinding("It is encrypted with AWS's own key, which alarms cannot use.", topic.urn)
        elif any(refers_to(alarm, "alarmActions", topic) for alarm in alarms):
            for key in keys:
                if not _may_publish(key):
                    yield StackFinding(
                        f"Its key does not let {CLOUDWATCH} encrypt: its alarms are not delivered.", key.urn
                    )


def _may_publish(key: PolicyResource) -> bool:
    return any(
        statement.effect == "Allow"
        and ({CLOUDWATCH, "*"} & set(statement.principals))
        and statement.covers("kms:Decrypt", "kms:GenerateDataKey")
        for statement in parse_statements(key.props.get("policy"))
    )


topic_encryption = define_stack_policy(
    Metadata(
        "topic-encryption",
        "A topic is encrypted with a customer key that CloudWatch may use.",
        Severity.HIGH,
        f"Set kmsMasterKeyId to a key whose policy lets {CLOUDWATCH} use kms:Decrypt and kms:GenerateDataKey*.",
        ("SNS.1", "CKV_AWS_26"),
    ),
    _check_topics,
)


def _check_queue(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    del settings
    if not args.props.get("sqsManagedSseEnabled") and not args.props.get("kmsMasterKeyId"):
        yield "It is not encrypted."


queue_encryption = define_resource_policy(
    Metadata(
        "queue-encryption",
        "A queue is encrypted.",
        Severity.MEDIUM,
        "Set sqsManagedSseEnabled or kmsMasterKeyId.",
        ("SQS.1", "CKV_AWS_27"),
    ),
    {QUEUE},
    _check_queue,
)


def _check_public(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    del settings
    for statement in parse_statements(args.props.get("policy")):
        if statement.effect == "Allow" and "*" in statement.principals and not statement.condition:
            yield f"Its {statement.name} is for everybody, without a condition."


messages_not_public = define_resource_policy(
    Metadata(
        "messages-not-public",
        "Topics and queues are not open to everybody.",
        Severity.CRITICAL,
        "Name the principals, or add a condition on aws:SourceAccount or aws:SourceArn.",
        ("CKV_AWS_168", "CKV_AWS_169", "CKV_AWS_385", "CKV_AWS_387"),
    ),
    {TOPIC_POLICY, QUEUE_POLICY},
    _check_public,
)


def _check_rotation(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    del settings
    if (args.props.get("customerMasterKeySpec") or "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        args.not_applicable("KMS does not rotate asymmetric keys and HMAC keys.")
    if not args.props.get("enableKeyRotation"):
        yield "It is never rotated."


key_rotation = define_resource_policy(
    Metadata(
        "key-rotation",
        "A symmetric key is rotated.",
        Severity.LOW,
        "Set enableKeyRotation.",
        ("KMS.4", "CKV_AWS_7"),
    ),
    {KEY},
    _check_rotation,
)

POLICIES = (alarm_actions, topic_encryption, queue_encryption, messages_not_public, key_rotation)
