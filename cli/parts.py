"""Whether the parts of a deployed stack are there and well, as AWS tells; nothing is changed by asking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from cli.aws import Session
from cli.finding import Check, Finding, missing
from cli.health import described
from simulator.rehearsal.home import REHEARSAL
from stacks.settings import production
from tidewatch.traffic import Copies, Ledger

SERVING = {"InService": "ok", "Updating": "warn", "SystemUpdating": "warn", "Creating": "warn", "RollingBack": "warn"}
"""How an endpoint's status comes out; any other fails."""
DASHBOARDS = "#dashboards/dashboard/"


def checks(stack: str, outputs: Mapping[str, Any], session: Session) -> list[Check]:
    """Of what the outputs name: an older stack has fewer."""
    parts = _Parts(stack, outputs, session)
    return [
        Check("endpoint", parts.endpoint, "sagemaker:DescribeEndpoint"),
        Check("functions", parts.functions, "lambda:GetFunctionConfiguration"),
        Check("queues", parts.queues, "lambda:GetFunctionEventInvokeConfig and sqs:GetQueueAttributes"),
        Check("topics", parts.topics, "sns:ListSubscriptionsByTopic and cloudwatch:DescribeAlarms"),
        Check("ledger", parts.ledger, "dynamodb:DescribeTable, dynamodb:Query, s3:ListBucket and s3:GetObject"),
        Check("buckets", parts.buckets, "s3:ListBucket"),
        Check("alarms", parts.alarms, "cloudwatch:DescribeAlarms"),
        Check("dashboards", parts.dashboards, "cloudwatch:GetDashboard"),
    ]


class _Parts:
    def __init__(self, stack: str, outputs: Mapping[str, Any], session: Session) -> None:
        self._stack, self._outputs, self._session = stack, outputs, session
        self._rehearsed = stack == REHEARSAL
        self._again = f"pulumi up --refresh --stack {stack}"

    def _at(self, part: str, key: str) -> Any:
        return (self._outputs.get(part) or {}).get(key)

    def _runbook(self, alarm: str) -> str:
        return f"tidewatch runbook {alarm} --stack {self._stack}"

    def _functions(self) -> dict[str, str]:
        named = {purpose: self._at(purpose, "function") for purpose in ("rollback", "drift")}
        return {purpose: name for purpose, name in named.items() if name}

    def endpoint(self) -> Iterator[Finding]:
        name = self._at("endpoint", "name")
        if not name:
            yield Finding(
                "endpoint",
                "warn",
                "no variant is set, so there is no endpoint",
                "wait: the rehearsal serves its first model by itself"
                if self._rehearsed
                else f"tidewatch promote NAME/VERSION --stack {self._stack}, then pulumi up --stack {self._stack}",
            )
            return
        sagemaker = self._session.client("sagemaker")
        found = _found(lambda: sagemaker.describe_endpoint(EndpointName=name))
        if found is None:
            yield Finding("endpoint", "fail", f"{name} does not exist", self._again)
            return
        status, reason = found["EndpointStatus"], found.get("FailureReason", "")
        state = SERVING.get(status, "fail")
        remedy = {"ok": "", "warn": "wait, and ask again", "fail": self._runbook("endpoint-not-in-service")}[state]
        says = f"{name} is {status}" + (f": {reason}" if reason else "")
        yield Finding("endpoint", state, says, remedy)  # type: ignore[arg-type]

    def functions(self) -> Iterator[Finding]:
        for purpose, name in self._functions().items():
            lambda_ = self._session.client("lambda")
            found = _found(lambda: lambda_.get_function_configuration(FunctionName=name))  # noqa: B023 - called at once
            runbook = self._runbook(f"{purpose}-failed")
            if found is None:
                yield Finding("functions", "fail", f"{name} does not exist", self._again)
            elif found.get("LastUpdateStatus") == "Failed" or found.get("State") == "Failed":
                why = found.get("LastUpdateStatusReason") or found.get("StateReason") or "Lambda does not say why"
                yield Finding("functions", "fail", f"{name} could not be deployed: {why}", runbook)
            elif found.get("State", "Active") != "Active":
                yield Finding("functions", "warn", f"{name} is {found['State']}", "wait, and ask again")
            elif purpose == "drift" and not found.get("Layers"):
                yield Finding("functions", "fail", f"{name} has no layer with its packages", self._again)
            else:
                yield Finding("functions", "ok", f"{name} is active")

    def queues(self) -> Iterator[Finding]:
        """A function's configuration names the queue of what it gave up on."""
        for name in self._functions().values():
            lambda_ = self._session.client("lambda")
            config = _found(lambda: lambda_.get_function_event_invoke_config(FunctionName=name))  # noqa: B023 - at once
            arn = ((config or {}).get("DestinationConfig", {}).get("OnFailure") or {}).get("Destination")
            if not arn:
                yield Finding("queues", "fail", f"{name} has no queue for what it gives up on", self._again)
                continue
            yield self._queue(arn.rpartition(":")[2])

    def _queue(self, name: str) -> Finding:
        sqs = self._session.client("sqs")
        url = _found(lambda: sqs.get_queue_url(QueueName=name))
        if url is None:
            return Finding("queues", "fail", f"{name} does not exist", self._again)
        counted = sqs.get_queue_attributes(QueueUrl=url["QueueUrl"], AttributeNames=["ApproximateNumberOfMessages"])
        waiting = int(counted["Attributes"]["ApproximateNumberOfMessages"])
        if waiting:
            return Finding(
                "queues", "warn", f"{name} holds {waiting} that were given up on", self._runbook("undelivered")
            )
        return Finding("queues", "ok", f"{name} is empty")

    def topics(self) -> Iterator[Finding]:
        yield from self._heard(self._outputs.get("topics") or {})
        yield from self._heard(self._escalation())

    def _heard(self, topics: Mapping[str, str]) -> Iterator[Finding]:
        sns = self._session.client("sns")
        for severity, arn in sorted(topics.items()):
            try:
                pages = list(sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn))
            except ClientError as error:
                if not missing(error):
                    raise
                yield Finding("topics", "fail", f"{arn} does not exist", self._again)
                continue
            everybody = [one for page in pages for one in page["Subscriptions"]]
            pending = [one["Endpoint"] for one in everybody if not one["SubscriptionArn"].startswith("arn:")]
            yield from self._told(severity, len(everybody) - len(pending), pending)

    def _escalation(self) -> dict[str, str]:
        """The topic of those who hear what nobody acknowledged; the alarm that calls them knows it."""
        name = (self._at("alarms", "names") or {}).get("unacknowledged")
        found = described(self._session.client("cloudwatch"), [name]).get(name) if name else None
        return {"escalation": found["AlarmActions"][0]} if found and found.get("AlarmActions") else {}

    def _told(self, severity: str, hearing: int, pending: list[str]) -> Iterator[Finding]:
        if pending:
            yield Finding(
                "topics",
                "warn",
                f"{severity}: {', '.join(sorted(pending))} did not confirm and hears nothing",
                "follow the link in the mail from AWS; `pulumi up` does not send it again",
            )
        if hearing:
            yield Finding("topics", "ok", f"{severity} is told to {hearing}")
        elif not pending:
            state = "fail" if severity == "P1" and production(self._stack) else "warn"
            yield Finding(
                "topics",
                state,
                f"{severity} is told to nobody",
                f"name somebody under `tidewatch:notify` in Pulumi.{self._stack}.yaml",
            )

    def ledger(self) -> Iterator[Finding]:
        name = self._outputs.get("ledger")
        if not name:
            return
        dynamodb = self._session.client("dynamodb")
        found = _found(lambda: dynamodb.describe_table(TableName=name))
        if found is None:
            yield Finding(
                "ledger",
                "fail",
                f"the table {name} does not exist",
                "restore it from its point-in-time recovery; rollbacks do not work without it",
            )
        elif (status := found["Table"]["TableStatus"]) == "ACTIVE":
            yield Finding("ledger", "ok", f"the table {name} is active")
            yield self._chained()
        else:
            yield Finding("ledger", "warn", f"the table {name} is {status}", "wait, and ask again")

    def _chained(self) -> Finding:
        """Whether the ledger is what was written: each entry follows the one before it, and is what was copied."""
        ledger = Ledger(self._session.client("dynamodb"), self._outputs["ledger"], self._outputs["key"], "")
        read = len(ledger.entries())
        copies = Copies(self._session.client("s3"), self._outputs["registry"]["bucket"])
        if found := [*ledger.broken, *copies.differing(ledger)]:
            says = f"{len(found)} of its entries were changed, taken out or put in by another hand: {found[0]}"
            return Finding("ledger", "fail", says, self._runbook("records-refused"))
        return Finding("ledger", "ok", f"its {read} entries follow each other, and are what was copied of them")

    def buckets(self) -> Iterator[Finding]:
        s3 = self._session.client("s3")
        named = {"registry": self._at("registry", "bucket"), "monitoring": self._at("buckets", "monitoring")}
        for purpose, bucket in named.items():
            if not bucket:
                continue
            if _found(lambda: s3.head_bucket(Bucket=bucket)) is None:  # noqa: B023 - called at once
                yield Finding("buckets", "fail", f"{bucket} ({purpose}) does not exist", self._again)
            else:
                yield Finding("buckets", "ok", f"{bucket} ({purpose}) is there")

    def alarms(self) -> Iterator[Finding]:
        names: Mapping[str, str] = self._at("alarms", "names") or {}
        if not names:
            return
        found = described(self._session.client("cloudwatch"), names.values())
        gone = sorted(key for key, name in names.items() if name not in found)
        mute = sorted(
            key for key, name in names.items() if name in found and not found[name].get("ActionsEnabled", True)
        )
        firing = sorted(key for key, name in names.items() if found.get(name, {}).get("StateValue") == "ALARM")
        if gone:
            yield Finding("alarms", "fail", f"{len(gone)} of {len(names)} do not exist: {', '.join(gone)}", self._again)
        if mute:
            enable = f"aws cloudwatch enable-alarm-actions --alarm-names {' '.join(names[key] for key in mute)}"
            yield Finding(
                "alarms",
                "warn",
                f"switched off by somebody: {', '.join(mute)}",
                f"{enable} --region {self._session.region}",
            )
        if firing:
            yield Finding("alarms", "warn", f"in ALARM: {', '.join(firing)}", f"tidewatch status --stack {self._stack}")
        if not (gone or mute or firing):
            yield Finding("alarms", "ok", f"all {len(names)} are there, and none is in ALARM")

    def dashboards(self) -> Iterator[Finding]:
        cloudwatch = self._session.client("cloudwatch")
        for page, link in sorted((self._outputs.get("dashboards") or {}).items()):
            if not link or DASHBOARDS not in link:
                continue
            name = unquote(link.partition(DASHBOARDS)[2])
            if _found(lambda: cloudwatch.get_dashboard(DashboardName=name)) is None:  # noqa: B023 - called at once
                yield Finding("dashboards", "fail", f"{name} ({page}) does not exist", self._again)
            else:
                yield Finding("dashboards", "ok", f"{name} ({page}) is there")


def _found(ask: Callable[[], Any]) -> Any:
    """What AWS answers; None where it says that there is no such thing."""
    try:
        return ask()
    except ClientError as error:
        if missing(error):
            return None
        raise
