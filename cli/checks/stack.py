"""Checks that the parts of a deployed stack exist and work, according to AWS; they only read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from cli.aws_session import Session
from cli.backend import get_backend
from cli.checks.result import Check, CheckResult, is_not_found
from cli.stack_health import describe_alarms_by_name
from stacks.config.settings import is_production
from tidewatch.traffic import EndpointStatus, Ledger, LedgerCopies

ENDPOINT_STATES = {
    EndpointStatus.IN_SERVICE: "ok",
    EndpointStatus.UPDATING: "warn",
    EndpointStatus.SYSTEM_UPDATING: "warn",
    EndpointStatus.CREATING: "warn",
    EndpointStatus.ROLLING_BACK: "warn",
}
"""The state of the check for each endpoint status; any other status fails."""


def build_checks(stack: str, outputs: Mapping[str, Any], session: Session) -> list[Check]:
    """Returns the checks for what the outputs name."""
    checks = _StackChecks(stack, outputs, session)
    return [
        Check("endpoint", checks.check_endpoint, "sagemaker:DescribeEndpoint"),
        Check("functions", checks.check_functions, "lambda:GetFunctionConfiguration"),
        Check("queues", checks.check_queues, "lambda:GetFunctionEventInvokeConfig and sqs:GetQueueAttributes"),
        Check("topics", checks.check_topics, "sns:ListSubscriptionsByTopic"),
        Check("ledger", checks.check_ledger, "dynamodb:DescribeTable, dynamodb:Query, s3:ListBucket and s3:GetObject"),
        Check("buckets", checks.check_buckets, "s3:ListBucket"),
        Check("alarms", checks.check_alarms, "cloudwatch:DescribeAlarms"),
        Check("dashboards", checks.check_dashboards, "cloudwatch:GetDashboard"),
    ]


class _StackChecks:
    def __init__(self, stack: str, outputs: Mapping[str, Any], session: Session) -> None:
        self._stack, self._outputs, self._session = stack, outputs, session
        self._redeploy_command = f"pulumi up --refresh --stack {stack}"

    def _build_runbook_command(self, alarm: str) -> str:
        return f"tidewatch runbook {alarm} --stack {self._stack}"

    def _find_functions(self) -> dict[str, str]:
        names = {purpose: self._outputs[purpose]["function"] for purpose in ("rollback", "drift")}
        return {purpose: name for purpose, name in names.items() if name}

    def check_endpoint(self) -> Iterator[CheckResult]:
        name = self._outputs["endpoint"]["name"]
        if not name:
            yield CheckResult(
                "endpoint",
                "warn",
                "no variant is set, so there is no endpoint",
                get_backend(self._stack).first_variant_remedy,
            )
            return
        sagemaker = self._session.client("sagemaker")
        found = _read_or_none(lambda: sagemaker.describe_endpoint(EndpointName=name))
        if found is None:
            yield CheckResult("endpoint", "fail", f"{name} does not exist", self._redeploy_command)
            return
        status, reason = found["EndpointStatus"], found.get("FailureReason", "")
        state = ENDPOINT_STATES.get(status, "fail")
        remedy = {
            "ok": "",
            "warn": "wait, then run the check again",
            "fail": self._build_runbook_command("endpoint-not-in-service"),
        }[state]
        message = f"{name} is {status}" + (f": {reason}" if reason else "")
        yield CheckResult("endpoint", state, message, remedy)  # type: ignore[arg-type]

    def check_functions(self) -> Iterator[CheckResult]:
        for purpose, name in self._find_functions().items():
            lambda_ = self._session.client("lambda")
            found = _read_or_none(lambda: lambda_.get_function_configuration(FunctionName=name))  # noqa: B023 - called at once
            runbook = self._build_runbook_command(f"{purpose}-failed")
            if found is None:
                yield CheckResult("functions", "fail", f"{name} does not exist", self._redeploy_command)
            elif found.get("LastUpdateStatus") == "Failed" or found.get("State") == "Failed":
                why = found.get("LastUpdateStatusReason") or found.get("StateReason") or "Lambda gave no reason"
                yield CheckResult("functions", "fail", f"{name} could not be deployed: {why}", runbook)
            elif found.get("State", "Active") != "Active":
                yield CheckResult("functions", "warn", f"{name} is {found['State']}", "wait, then run the check again")
            elif purpose == "drift" and not found.get("Layers"):
                yield CheckResult("functions", "fail", f"{name} has no layer with its packages", self._redeploy_command)
            else:
                yield CheckResult("functions", "ok", f"{name} is active")

    def check_queues(self) -> Iterator[CheckResult]:
        """Checks the dead-letter queues, which the functions' configurations name."""
        for name in self._find_functions().values():
            lambda_ = self._session.client("lambda")
            config = _read_or_none(lambda: lambda_.get_function_event_invoke_config(FunctionName=name))  # noqa: B023 - at once
            arn = ((config or {}).get("DestinationConfig", {}).get("OnFailure") or {}).get("Destination")
            if not arn:
                yield CheckResult("queues", "fail", f"{name} has no dead-letter queue", self._redeploy_command)
                continue
            yield self._check_queue(arn.rpartition(":")[2])

    def _check_queue(self, name: str) -> CheckResult:
        sqs = self._session.client("sqs")
        url = _read_or_none(lambda: sqs.get_queue_url(QueueName=name))
        if url is None:
            return CheckResult("queues", "fail", f"{name} does not exist", self._redeploy_command)
        attributes = sqs.get_queue_attributes(QueueUrl=url["QueueUrl"], AttributeNames=["ApproximateNumberOfMessages"])
        waiting = int(attributes["Attributes"]["ApproximateNumberOfMessages"])
        if waiting:
            return CheckResult(
                "queues",
                "warn",
                f"{name} holds {waiting} undelivered events",
                self._build_runbook_command("undelivered"),
            )
        return CheckResult("queues", "ok", f"{name} is empty")

    def check_topics(self) -> Iterator[CheckResult]:
        sns = self._session.client("sns")
        topics: Mapping[str, str | None] = self._outputs["topics"]
        for severity, arn in sorted(topics.items()):
            if arn is None:
                continue  # The escalation topic, where the config names nobody for it.
            try:
                pages = list(sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn))
            except ClientError as error:
                if not is_not_found(error):
                    raise
                yield CheckResult("topics", "fail", f"{arn} does not exist", self._redeploy_command)
                continue
            subscriptions = [subscription for page in pages for subscription in page["Subscriptions"]]
            pending = [
                subscription["Endpoint"]
                for subscription in subscriptions
                if not subscription["SubscriptionArn"].startswith("arn:")
            ]
            yield from self._check_recipients(severity, len(subscriptions) - len(pending), pending)

    def _check_recipients(self, severity: str, confirmed_count: int, pending: list[str]) -> Iterator[CheckResult]:
        if pending:
            yield CheckResult(
                "topics",
                "warn",
                f"{severity}: {', '.join(sorted(pending))} did not confirm and gets no messages",
                "follow the link in the mail from AWS; `pulumi up` does not send that mail again",
            )
        if confirmed_count:
            yield CheckResult("topics", "ok", f"{severity} has {confirmed_count} confirmed")
        elif not pending:
            state = "fail" if severity == "P1" and is_production(self._stack) else "warn"
            yield CheckResult(
                "topics",
                state,
                f"{severity} has no recipients",
                f"add somebody under `tidewatch:notify` in Pulumi.{self._stack}.yaml",
            )

    def check_ledger(self) -> Iterator[CheckResult]:
        name: str = self._outputs["ledger"]
        dynamodb = self._session.client("dynamodb")
        found = _read_or_none(lambda: dynamodb.describe_table(TableName=name))
        if found is None:
            yield CheckResult(
                "ledger",
                "fail",
                f"the table {name} does not exist",
                "restore it from its point-in-time recovery; rollbacks do not work without it",
            )
        elif (status := found["Table"]["TableStatus"]) == "ACTIVE":
            yield CheckResult("ledger", "ok", f"the table {name} is active")
            yield self._check_ledger_chain()
        else:
            yield CheckResult("ledger", "warn", f"the table {name} is {status}", "wait, then run the check again")

    def _check_ledger_chain(self) -> CheckResult:
        """Checks that each ledger entry follows the one before it and equals its copy."""
        ledger = Ledger(self._session.client("dynamodb"), self._outputs["ledger"], self._outputs["key"], "")
        entry_count = len(ledger.entries())
        copies = LedgerCopies(self._session.client("s3"), self._outputs["registry"]["bucket"])
        if found := [*ledger.broken_links, *copies.find_differences(ledger)]:
            message = f"{len(found)} of its entries were changed, removed or added by another program: {found[0]}"
            return CheckResult("ledger", "fail", message, self._build_runbook_command("records-refused"))
        return CheckResult("ledger", "ok", f"its {entry_count} entries form an unbroken chain and match their copies")

    def check_buckets(self) -> Iterator[CheckResult]:
        s3 = self._session.client("s3")
        buckets = {
            "registry": self._outputs["registry"]["bucket"],
            "monitoring": self._outputs["buckets"]["monitoring"],
        }
        for purpose, bucket in buckets.items():
            if _read_or_none(lambda: s3.head_bucket(Bucket=bucket)) is None:  # noqa: B023 - called at once
                yield CheckResult("buckets", "fail", f"{bucket} ({purpose}) does not exist", self._redeploy_command)
            else:
                yield CheckResult("buckets", "ok", f"{bucket} ({purpose}) is there")

    def check_alarms(self) -> Iterator[CheckResult]:
        names: Mapping[str, str] = self._outputs["alarms"]["names"]
        if not names:
            return
        found = describe_alarms_by_name(self._session.client("cloudwatch"), names.values())
        deleted_alarms = sorted(key for key, name in names.items() if name not in found)
        disabled_alarms = sorted(
            key for key, name in names.items() if name in found and not found[name].get("ActionsEnabled", True)
        )
        firing = sorted(key for key, name in names.items() if found.get(name, {}).get("StateValue") == "ALARM")
        if deleted_alarms:
            yield CheckResult(
                "alarms",
                "fail",
                f"{len(deleted_alarms)} of {len(names)} do not exist: {', '.join(deleted_alarms)}",
                self._redeploy_command,
            )
        if disabled_alarms:
            enable = (
                f"aws cloudwatch enable-alarm-actions --alarm-names {' '.join(names[key] for key in disabled_alarms)}"
            )
            yield CheckResult(
                "alarms",
                "warn",
                f"somebody disabled the actions of: {', '.join(disabled_alarms)}",
                f"{enable} --region {self._session.region}",
            )
        if firing:
            message = f"{len(firing)} of {len(names)} that report a problem in ALARM: {', '.join(firing)}"
            yield CheckResult("alarms", "warn", message, f"tidewatch status --stack {self._stack}")
        if not (deleted_alarms or disabled_alarms or firing):
            yield CheckResult("alarms", "ok", f"all {len(names)} that report a problem exist, and none is in ALARM")

    def check_dashboards(self) -> Iterator[CheckResult]:
        cloudwatch = self._session.client("cloudwatch")
        for page, name in sorted(self._outputs["dashboard_names"].items()):
            if not name:
                continue
            if _read_or_none(lambda: cloudwatch.get_dashboard(DashboardName=name)) is None:  # noqa: B023 - called at once
                yield CheckResult("dashboards", "fail", f"{name} ({page}) does not exist", self._redeploy_command)
            else:
                yield CheckResult("dashboards", "ok", f"{name} ({page}) is there")


def _read_or_none(read: Callable[[], Any]) -> Any:
    """Returns AWS's answer; None if the resource does not exist."""
    try:
        return read()
    except ClientError as error:
        if is_not_found(error):
            return None
        raise
