"""The scene of a game day: an endpoint with traffic, a clock that goes on by the minute, and what people hear."""

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

from simulator.control import Control
from simulator.replay import Replayed, Request, replay, replay_requests
from simulator.report.values import Mark
from simulator.scenarios.alarms import Change, changes, every_alarm
from tidewatch.traffic import Clients, Entry, Incident, Place, TrafficController

if TYPE_CHECKING:
    from simulator.replay import Runtime

MINUTE = 60
RATE = 120
"""Requests a minute: a challenger with 30% of them has more than a guardrail asks for."""
NEXT_DOOR = 30
"""Requests a minute to each neighbour."""
LONGEST_GAP = timedelta(minutes=2)
"""Without a request to the neighbours, that none of their alarms sees."""
LONGEST_MINUTES = 20
"""How long a scenario waits for what must happen."""

Kind = Literal["fault", "bad", "alarm", "asked", "accepted", "flipped", "recovered", "deploy", "note"]


@dataclass(frozen=True)
class Expectation:
    """What a scenario asked for, and whether it was so."""

    text: str
    met: bool


@dataclass
class Scene:
    """What a scenario works with. rows: flights to send, float32, (n, features); requests: sent in their stead, where
    there are some.

    runtime: asks the endpoint, wherever the simulator runs. finish: waits until the functions that a step of the clock
    started have ended. pages: the queue that hears what the topics say; "" where nobody listens.
    """

    control: Control
    outputs: Mapping[str, Any]
    rows: npt.NDArray[np.float32]
    runtime: Runtime
    finish: Callable[[], object]
    pages: str = ""
    rate: int = RATE
    marks: list[Mark] = field(default_factory=list[Mark])
    shares: list[tuple[float, dict[str, float]]] = field(default_factory=list[tuple[float, dict[str, float]]])
    expectations: list[Expectation] = field(default_factory=list[Expectation])
    awaited: list[str] = field(default_factory=list[str])
    """Alarms by key and slot that somebody must hear of."""
    seen: list[str] = field(default_factory=list[str])
    neighbours: tuple[Mapping[str, Any], ...] = ()
    """The outputs of other stacks in the account, whose endpoints are asked as well."""
    starved: bool = False
    """Whether the clock went on for minutes in which nobody asked them and no sweep ran."""
    requests: Sequence[Request] = ()
    _sent: int = 0

    def __post_init__(self) -> None:
        self._clients: dict[str, Any] = {}
        self._asked = self.control.clock()
        self._heard: list[dict[str, Any]] = []
        self._own: dict[str, bool] = {}
        self.began = self.control.clock()
        self._next_minute()
        self.began = self.control.clock()
        self.shares.clear()
        self._note_shares()

    @property
    def endpoint(self) -> str:
        return str(self.outputs["endpoint"]["name"])

    @property
    def champion(self) -> str:
        return str(self.outputs["traffic"]["champion"])

    @property
    def challenger(self) -> str:
        return next(slot for slot in sorted(self.outputs["traffic"]["versions"]) if slot != self.champion)

    @property
    def elapsed(self) -> float:
        """Seconds since the scene began."""
        return (self.control.clock() - self.began).total_seconds()

    def client(self, service: str) -> Any:
        """A client of the account, made once: a scene asks each minute, and making one takes longer than ten calls."""
        if service not in self._clients:
            self._clients[service] = boto3.client(service)  # type: ignore[call-overload]
        return self._clients[service]

    def as_role(self, name: str, service: str) -> Any:
        """A client with the stack's role of that name, as who has taken it. Stacks of one model name roles alike."""
        iam = self.client("iam")
        stem = f"{self.outputs['ledger'].rpartition('-ledger-')[0]}-{name}-"
        owned = {"Key": "tidewatch:stack", "Value": self.outputs["key"].rpartition("/")[0]}
        roles = [one for page in iam.get_paginator("list_roles").paginate() for one in page["Roles"]]
        (arn,) = (
            one["Arn"]
            for one in roles
            if one["RoleName"].startswith(stem) and owned in iam.list_role_tags(RoleName=one["RoleName"])["Tags"]
        )
        taken = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="game-day")["Credentials"]
        client: Any = boto3.client
        return client(
            service,
            aws_access_key_id=taken["AccessKeyId"],
            aws_secret_access_key=taken["SecretAccessKey"],
            aws_session_token=taken["SessionToken"],
        )

    def minutes(
        self, count: int = 1, *, requests: int | None = None, meanwhile: Callable[[], None] | None = None
    ) -> None:
        """Traffic for so many minutes, each to its end. meanwhile: done at the end of each, beside what that starts."""
        for _ in range(count):
            self.send(self.rate if requests is None else requests)
            self._next_minute(meanwhile)

    def until(self, holds: Callable[[], bool], most: int = LONGEST_MINUTES, *, requests: int | None = None) -> bool:
        """Minutes of traffic until something holds; whether it did within `most`."""
        for _ in range(most):
            if holds():
                return True
            self.minutes(requests=requests)
        return holds()

    def send(self, requests: int, rows: npt.NDArray[np.float32] | None = None, rows_each: int = 1) -> Replayed | None:
        """Requests of the next flights, or of these rows."""
        if not requests:
            return None
        if rows is None and self.requests:
            sent = [self.requests[place % len(self.requests)] for place in range(self._sent, self._sent + requests)]
            self._sent += requests
            return replay_requests(self.runtime, self.endpoint, sent, threads=1)
        if rows is None:
            places = np.arange(self._sent, self._sent + requests * rows_each) % len(self.rows)
            rows = self.rows[places]
            self._sent += requests * rows_each
        # One thread: which variant answers is drawn in the order of the requests.
        return replay(self.runtime, self.endpoint, rows, rows_per_request=rows_each, threads=1, requests=requests)

    def pass_to(self, moment: datetime) -> None:
        """Moves the clock without traffic, in one jump."""
        self.control.advance_to(moment)
        self._settled()

    def break_it(self, kind: str, *, label: str, **options: Any) -> int:
        """Injects a fault, from now on seen as the beginning of what is bad; one of a variant is of this endpoint's."""
        if "variant" in options:
            options.setdefault("endpoint", self.endpoint)
        number = self.control.inject(kind, **options)
        self.mark("fault", label)
        return number

    def mend(self, number: int, label: str) -> None:
        """Takes a fault back."""
        self.control.clear(number)
        self.mark("note", label)

    def mark(self, kind: Kind, label: str, at: datetime | None = None) -> None:
        moment = self.elapsed if at is None else (at - self.began).total_seconds()
        self.marks.append(Mark(moment, label, kind))

    def live(self) -> dict[str, float]:
        """The live shares by slot."""
        split = self.traffic().state().split
        return dict(split.shares) if split else {}

    def traffic(self) -> TrafficController:
        clients = Clients(self.client("sagemaker"), self.client("dynamodb"), self.client("cloudwatch"))
        return TrafficController(clients, Place(self.outputs["key"], self.endpoint, self.outputs["ledger"], ""))

    def incidents(self) -> list[Incident]:
        return [one for one in self.traffic().incidents() if one.opened_at >= self.began]

    def document(self, incident: str) -> dict[str, Any]:
        """The incident's document, empty where it was not written."""
        s3, bucket = self.client("s3"), self.outputs["buckets"]["monitoring"]
        try:
            return json.load(s3.get_object(Bucket=bucket, Key=f"incidents/{incident}.json")["Body"])
        except s3.exceptions.NoSuchKey:
            return {}

    def entries(self) -> list[Entry]:
        """What the ledger says of this scene."""
        return [one for one in self.traffic().entries() if one.at >= self.began]

    def alarms(self) -> dict[str, str]:
        """The states of all alarms by key and slot."""
        keys = {name: key for key, name in self.outputs["alarms"]["names"].items()}
        every = every_alarm(self.client("cloudwatch"))
        return {keys[one["AlarmName"]]: one["StateValue"] for one in every if one["AlarmName"] in keys}

    def alarm_name(self, key: str) -> str:
        """The physical name of an alarm by its key and slot."""
        return str(self.outputs["alarms"]["names"][key])

    def control_table(self) -> str:
        """The name of the control table, which no output tells, as the rollback function is told it."""
        function = self.client("lambda").get_function_configuration(FunctionName=self.outputs["rollback"]["function"])
        return str(function["Environment"]["Variables"]["CONTROL"])

    def own_alarms(self) -> Iterator[dict[str, Any]]:
        """All alarms of the scene's stack as they are described, by the tag that says whose they are."""
        cloudwatch = self.client("cloudwatch")
        tag = {"Key": "tidewatch:stack", "Value": self.outputs["key"].rpartition("/")[0]}
        for one in every_alarm(cloudwatch):
            if one["AlarmName"] not in self._own:
                tags = cloudwatch.list_tags_for_resource(ResourceARN=one["AlarmArn"])["Tags"]
                self._own[one["AlarmName"]] = tag in tags
            if self._own[one["AlarmName"]]:
                yield one

    def alarm_changes(self) -> Iterator[Change]:
        """How all alarms of the account changed since the scene began."""
        return changes(self.client("cloudwatch"), self.began, self.control.clock() + timedelta(seconds=1))

    def in_alarm(self, *keys: str) -> bool:
        """Whether all of these are in ALARM."""
        states = self.alarms()
        return all(states.get(key) == "ALARM" for key in keys)

    def heard(self) -> Counter[str]:
        """How often each topic spoke since the scene began: P1, P2, P3, escalation."""
        return Counter(one["topic"] for one in self.messages())

    def messages(self) -> list[dict[str, Any]]:
        """What people were told: topic, subject, text, when. Nothing where nobody listens."""
        if not self.pages:
            return []
        sqs = self.client("sqs")
        while got := sqs.receive_message(QueueUrl=self.pages, MaxNumberOfMessages=10).get("Messages", ()):
            for one in got:
                body = json.loads(one["Body"])
                topic = body["TopicArn"].rpartition(":")[2].split("-")[-2]
                subject, at = body.get("Subject", ""), datetime.fromisoformat(body["Timestamp"])
                self._heard.append({"topic": topic, "subject": subject, "text": body["Message"], "at": at})
                sqs.delete_message(QueueUrl=self.pages, ReceiptHandle=one["ReceiptHandle"])
        return self._heard

    def expect(self, text: str, met: bool) -> None:
        """What must be so, and whether it is; text: told where it is not."""
        self.expectations.append(Expectation(text, met))

    def say(self, text: str) -> None:
        """A part of what was seen."""
        self.seen.append(text)

    def _next_minute(self, meanwhile: Callable[[], None] | None = None) -> None:
        now = self.control.clock()
        self.starved = self.starved or now - self._asked > LONGEST_GAP
        self._asked = now
        for one in self.neighbours:
            replay(
                self.runtime, one["endpoint"]["name"], self._next_door(now),
                rows_per_request=1, threads=1, requests=NEXT_DOOR,
            )  # fmt: skip
        self.control.advance_to(now.replace(second=0, microsecond=0) + timedelta(seconds=MINUTE))
        if meanwhile:
            meanwhile()
        self._settled()

    def _next_door(self, now: datetime) -> npt.NDArray[np.float32]:
        """What a neighbour is asked in this minute: other flights than in the last, for the same few again and again
        are drift indeed."""
        first = int(now.timestamp()) // MINUTE * NEXT_DOOR
        return self.rows.take(range(first, first + NEXT_DOOR), axis=0, mode="wrap")

    def _settled(self) -> None:
        self.finish()
        self._note_shares()

    def _note_shares(self) -> None:
        live = self.live()
        if not self.shares or self.shares[-1][1] != live:
            self.shares.append((self.elapsed, live))
