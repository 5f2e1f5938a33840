"""The AWS CLI commands of the runbooks: only an emergency needs them, so the recorded lifecycle does not run them."""

from __future__ import annotations

from collections.abc import Mapping

from rehearsal.permissions.grants import Grant

REASON = "the commands of the runbooks"
_STACK = "arn:{partition}:%s:{region}:{account}:"
_LOG_GROUP = _STACK % "logs" + "log-group:"
_OWN_LOGS = "/aws/sagemaker/Endpoints/{stem}-{own}-*"
_FUNCTION = _STACK % "lambda" + "function:{stem}-"
_ENDPOINT = _STACK % "sagemaker" + "endpoint/{stem}-{own}-*"
_READ: Mapping[str, tuple[str, ...]] = {
    "cloudtrail:LookupEvents": ("*",),
    "cloudwatch:DescribeAlarmHistory": ("*",),
    "cloudwatch:GetMetricStatistics": ("*",),
    "events:ListRules": ("*",),
    "lambda:GetAccountSettings": ("*",),
    "lambda:GetFunctionConcurrency": (_FUNCTION + "drift-*", _FUNCTION + "rollback-*"),
    "logs:FilterLogEvents": tuple(_LOG_GROUP + name for name in (_OWN_LOGS, "{stem}-drift-*", "{stem}-rollback-*")),
    "s3:ListBucket": ("arn:{partition}:s3:::{bucket}-capture-*",),
    "sqs:ListQueues": ("*",),
    "sqs:ReceiveMessage": tuple(_STACK % "sqs" + name for name in ("{stem}-drift-*", "{stem}-rollback-*")),
}
_TRY: Mapping[str, tuple[str, ...]] = {
    "lambda:InvokeFunction": (_FUNCTION + "drift-*",),
    "sagemaker:InvokeEndpoint": (_ENDPOINT,),
}
_CHANGE: Mapping[str, tuple[str, ...]] = {
    "cloudwatch:SetAlarmState": (_STACK % "cloudwatch" + "alarm:{stem}-abort-*",),
    "events:EnableRule": (_STACK % "events" + "rule/{stem}-*",),
    "lambda:DeleteFunctionConcurrency": (_FUNCTION + "drift-*",),
    "sagemaker:UpdateEndpointWeightsAndCapacities": (_ENDPOINT,),
    "sqs:PurgeQueue": tuple(_STACK % "sqs" + name for name in ("{stem}-drift-*", "{stem}-rollback-*")),
}


def list_runbook_grants(role: str) -> list[Grant]:
    """The grants that the role needs for the runbooks.

    The operator reads and tests. The responder changes resources of the program by hand; a rollback by the rollback
    function needs no such grant.
    """
    actions = {"operator": {**_READ, **_TRY}, "responder": _CHANGE}.get(role, {})
    return [Grant(action, resource, None, REASON) for action, resources in actions.items() for resource in resources]
