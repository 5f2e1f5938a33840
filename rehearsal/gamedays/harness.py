"""The tools of a game day: an endpoint with traffic, a clock that advances by the minute, and the notifications."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import boto3
import numpy as np
import numpy.typing as npt

from rehearsal.aws.sagemaker.replay import InferenceRequest, ReplayResult, replay, replay_requests
from rehearsal.charts.timeline import Mark
from rehearsal.control_client import ControlClient
from rehearsal.gamedays.alarm_history import StateChange, list_alarms, list_changes
from tidewatch.traffic import Clients, Incident, LedgerEntry, ResourceNames, TrafficController

if TYPE_CHECKING:
    from rehearsal.aws.sagemaker.replay import Runtime

MINUTE = 60
REQUESTS_PER_MINUTE = 120
"""A challenger with a share of 30% gets more requests a minute than a guardrail needs."""
NEIGHBOUR_REQUESTS = 30
"""Requests a minute to each neighbour."""
LONGEST_GAP = timedelta(minutes=2)
"""Without requests for this long, no alarm of a neighbour fires."""
FEW_REQUESTS = 2
"""Requests a minute while no alarm under test depends on them."""
MAX_WAIT_MINUTES = 20
"""How long a scenario waits for a result."""

MarkKind = Literal["fault", "degraded", "alarm", "requested", "accepted", "flipped", "recovered", "deploy", "note"]


@dataclass(frozen=True)
class Expectation:
    """A requirement of a scenario, and whether it was met."""

    text: str
    is_met: bool


@dataclass
class Harness:
    """The account, the traffic and the records of one game day."""

    control: ControlClient
    outputs: Mapping[str, Any]
    rows: npt.NDArray[np.float32]
    """Flights to send, float32, (n, features)."""
    runtime: Runtime
    """Invokes the endpoint, wherever the simulator runs."""
    wait_for_functions: Callable[[], object]
    """Waits until the functions that a step of the clock started have ended."""
    queue_url: str = ""
    """The queue that is subscribed to the topics; "" if there is none."""
    requests_per_minute: int = REQUESTS_PER_MINUTE
    marks: list[Mark] = field(default_factory=list[Mark])
    shares: list[tuple[float, dict[str, float]]] = field(default_factory=list[tuple[float, dict[str, float]]])
    expectations: list[Expectation] = field(default_factory=list[Expectation])
    expected_alarms: list[str] = field(default_factory=list[str])
    """Alarms, by key and variant, that must notify somebody."""
    observations: list[str] = field(default_factory=list[str])
    neighbours: tuple[Mapping[str, Any], ...] = ()
    """The outputs of other stacks in the account, whose endpoints get requests too."""
    has_time_jump: bool = False
    """Whether the clock jumped over minutes without requests."""
    requests: Sequence[InferenceRequest] = ()
    """Sent instead of `rows`, if there are any."""
    _sent_count: int = 0

    def __post_init__(self) -> None:
        self._clients: dict[str, Any] = {}
        self._neighbours_asked_at = self.control.get_time()
        self._messages: list[dict[str, Any]] = []
        self._is_own_alarm: dict[str, bool] = {}
        self.started_at = self.control.get_time()
        self._advance_minute()
        self.started_at = self.control.get_time()
        self.shares.clear()
        self._record_shares()

    @property
    def endpoint(self) -> str:
        return str(self.outputs["endpoint"]["name"])

    @property
    def champion(self) -> str:
        return str(self.outputs["traffic"]["champion"])

    @property
    def challenger(self) -> str:
        return next(variant for variant in sorted(self.outputs["traffic"]["versions"]) if variant != self.champion)

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the game day began."""
        return (self.control.get_time() - self.started_at).total_seconds()

    def get_client(self, service: str) -> Any:
        """A client of the account, cached: creating one takes longer than ten calls, and each minute needs several."""
        if service not in self._clients:
            self._clients[service] = boto3.client(service)  # type: ignore[call-overload]
        return self._clients[service]

    def create_role_client(self, name: str, service: str) -> Any:
        """A client with the credentials of the stack's role `name`.

        Stacks of the same model have roles with the same names, so the stack's tag identifies the role.
        """
        iam = self.get_client("iam")
        stem = f"{self.outputs['ledger'].rpartition('-ledger-')[0]}-{name}-"
        stack_tag = {"Key": "tidewatch:stack", "Value": self.outputs["key"].rpartition("/")[0]}
        roles = [role for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]]
        (arn,) = (
            role["Arn"]
            for role in roles
            if role["RoleName"].startswith(stem) and stack_tag in iam.list_role_tags(RoleName=role["RoleName"])["Tags"]
        )
        credentials = self.get_client("sts").assume_role(RoleArn=arn, RoleSessionName="game-day")["Credentials"]
        create_client: Any = boto3.client
        return create_client(
            service,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )

    def run_minutes(
        self, count: int = 1, *, requests: int | None = None, meanwhile: Callable[[], None] | None = None
    ) -> None:
        """Sends traffic for `count` whole minutes.

        `meanwhile` is called at the end of each minute, before the functions of that minute have ended.
        """
        for _ in range(count):
            self.send_requests(self.requests_per_minute if requests is None else requests)
            self._advance_minute(meanwhile)

    def run_until(
        self, condition: Callable[[], bool], max_minutes: int = MAX_WAIT_MINUTES, *, requests: int | None = None
    ) -> bool:
        """Sends traffic until the condition holds. Returns whether it held within `max_minutes`."""
        for _ in range(max_minutes):
            if condition():
                return True
            self.run_minutes(requests=requests)
        return condition()

    def send_requests(
        self, requests: int, rows: npt.NDArray[np.float32] | None = None, rows_each: int = 1
    ) -> ReplayResult | None:
        """Sends requests with the next flights, or with `rows`."""
        if not requests:
            return None
        if rows is None and self.requests:
            batch = [
                self.requests[index % len(self.requests)]
                for index in range(self._sent_count, self._sent_count + requests)
            ]
            self._sent_count += requests
            return replay_requests(self.runtime, self.endpoint, batch, threads=1)
        if rows is None:
            indices = np.arange(self._sent_count, self._sent_count + requests * rows_each) % len(self.rows)
            rows = self.rows[indices]
            self._sent_count += requests * rows_each
        # One thread: the routing draws a variant for each request, in the order of the requests.
        return replay(self.runtime, self.endpoint, rows, rows_per_request=rows_each, threads=1, requests=requests)

    def advance_to(self, moment: datetime) -> None:
        """Moves the clock in one jump, without traffic."""
        self.control.advance_to(moment)
        self._finish_step()

    def inject_fault(self, kind: str, *, label: str, **options: Any) -> int:
        """Injects a fault and marks its time. A fault of a variant applies to this endpoint."""
        if "variant" in options:
            options.setdefault("endpoint", self.endpoint)
        number = self.control.inject(kind, **options)
        self.add_mark("fault", label)
        return number

    def clear_fault(self, number: int, label: str) -> None:
        """Removes a fault."""
        self.control.clear(number)
        self.add_mark("note", label)

    def add_mark(self, kind: MarkKind, label: str, at: datetime | None = None) -> None:
        moment = self.elapsed_seconds if at is None else (at - self.started_at).total_seconds()
        self.marks.append(Mark(moment, label, kind))

    def live_shares(self) -> dict[str, float]:
        """The live shares, by variant."""
        split = self.traffic().state().split
        return dict(split.shares) if split else {}

    def traffic(self) -> TrafficController:
        clients = Clients(self.get_client("sagemaker"), self.get_client("dynamodb"), self.get_client("cloudwatch"))
        return TrafficController(clients, ResourceNames(self.outputs["key"], self.endpoint, self.outputs["ledger"], ""))

    def incidents(self) -> list[Incident]:
        return [incident for incident in self.traffic().open_incidents() if incident.opened_at >= self.started_at]

    def read_incident_document(self, incident: str) -> dict[str, Any]:
        """The incident's document; empty if it was not written."""
        s3, bucket = self.get_client("s3"), self.outputs["buckets"]["monitoring"]
        try:
            return json.load(s3.get_object(Bucket=bucket, Key=f"incidents/{incident}.json")["Body"])
        except s3.exceptions.NoSuchKey:
            return {}

    def ledger_entries(self) -> list[LedgerEntry]:
        """The ledger entries since the game day began."""
        return [entry for entry in self.traffic().entries() if entry.at >= self.started_at]

    def alarm_states(self) -> dict[str, str]:
        """The states of all alarms, by key and variant."""
        keys = {name: key for key, name in self.outputs["alarms"]["names"].items()}
        all_alarms = list_alarms(self.get_client("cloudwatch"))
        return {keys[alarm["AlarmName"]]: alarm["StateValue"] for alarm in all_alarms if alarm["AlarmName"] in keys}

    def get_alarm_name(self, key: str) -> str:
        """The physical name of an alarm, from its key and variant."""
        return str(self.outputs["alarms"]["names"][key])

    def control_table(self) -> str:
        """The name of the control table, from the rollback function's environment: no stack output has it."""
        function = self.get_client("lambda").get_function_configuration(
            FunctionName=self.outputs["rollback"]["function"]
        )
        return str(function["Environment"]["Variables"]["CONTROL_TABLE"])

    def list_stack_alarms(self) -> Iterator[dict[str, Any]]:
        """CloudWatch's descriptions of all alarms with the stack's tag."""
        cloudwatch = self.get_client("cloudwatch")
        tag = {"Key": "tidewatch:stack", "Value": self.outputs["key"].rpartition("/")[0]}
        for alarm in list_alarms(cloudwatch):
            if alarm["AlarmName"] not in self._is_own_alarm:
                tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
                self._is_own_alarm[alarm["AlarmName"]] = tag in tags
            if self._is_own_alarm[alarm["AlarmName"]]:
                yield alarm

    def alarm_changes(self) -> Iterator[StateChange]:
        """The changes of all alarms of the account since the game day began."""
        return list_changes(
            self.get_client("cloudwatch"), self.started_at, self.control.get_time() + timedelta(seconds=1)
        )

    def is_in_alarm(self, *keys: str) -> bool:
        """Whether all of these alarms are in ALARM."""
        states = self.alarm_states()
        return all(states.get(key) == "ALARM" for key in keys)

    def count_messages(self) -> Counter[str]:
        """The number of messages of each topic since the game day began: P1, P2, P3, escalation."""
        return Counter(message["topic"] for message in self.messages())

    def messages(self) -> list[dict[str, Any]]:
        """The notifications so far: topic, subject, text, time. Empty without a queue."""
        if not self.queue_url:
            return []
        sqs = self.get_client("sqs")
        while received := sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages", ()):
            for message in received:
                body = json.loads(message["Body"])
                topic = body["TopicArn"].rpartition(":")[2].split("-")[-2]
                subject, at = body.get("Subject", ""), datetime.fromisoformat(body["Timestamp"])
                self._messages.append({"topic": topic, "subject": subject, "text": body["Message"], "at": at})
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return self._messages

    def expect(self, text: str, met: bool) -> None:
        """Records an expectation and whether it is met; the outcome prints the text of an unmet one."""
        self.expectations.append(Expectation(text, met))

    def add_observation(self, text: str) -> None:
        """Adds a part of the observed result."""
        self.observations.append(text)

    def _advance_minute(self, meanwhile: Callable[[], None] | None = None) -> None:
        now = self.control.get_time()
        self.has_time_jump = self.has_time_jump or now - self._neighbours_asked_at > LONGEST_GAP
        self._neighbours_asked_at = now
        for neighbour in self.neighbours:
            replay(
                self.runtime, neighbour["endpoint"]["name"], self._select_neighbour_rows(now),
                rows_per_request=1, threads=1, requests=NEIGHBOUR_REQUESTS,
            )  # fmt: skip
        self.control.advance_to(now.replace(second=0, microsecond=0) + timedelta(seconds=MINUTE))
        if meanwhile:
            meanwhile()
        self._finish_step()

    def _select_neighbour_rows(self, now: datetime) -> npt.NDArray[np.float32]:
        """The rows that a neighbour gets in this minute.

        They differ from the last minute's, since the same few flights again and again would be drift.
        """
        first = int(now.timestamp()) // MINUTE * NEIGHBOUR_REQUESTS
        return self.rows.take(range(first, first + NEIGHBOUR_REQUESTS), axis=0, mode="wrap")

    def _finish_step(self) -> None:
        self.wait_for_functions()
        self._record_shares()

    def _record_shares(self) -> None:
        live = self.live_shares()
        if not self.shares or self.shares[-1][1] != live:
            self.shares.append((self.elapsed_seconds, live))
