"""A simulated account with an endpoint of two slots and the two tables, as the traffic tests use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from simulator.aws import REGION
from simulator.clock import ManualClock
from simulator.control import Control
from tidewatch.content import content_hash
from tidewatch.traffic import (
    Clients,
    Held,
    Place,
    RollbackPlan,
    RollbackRequest,
    RollbackResult,
    Split,
    TrafficController,
    drive,
    replay,
)

ENDPOINT = "flights-4b53caf"
PLACE = Place("tidewatch/dev/flights", ENDPOINT, "ledger", "control")
GUARDRAIL, OTHER_GUARDRAIL = "green-errors", "green-latency"
ALARM_ARN = f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{GUARDRAIL}"
TABLE_KEYS = {"ledger": ("sequence", "N"), "control": ("key", "S")}


def held(version: str, artifact: str = "", floor: int = 1) -> Held:
    """What a slot holds: an artifact of its own per version, unless it is named."""
    artifact = artifact or f"artifact-{version}"
    return Held(version, artifact, "sha256:image", content_hash([version, artifact]), floor)


def stamp(moment: datetime) -> str:
    """As CloudWatch writes a state's timestamp."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


@dataclass
class Flights:
    """The endpoint `flights` in a simulated account."""

    clock: ManualClock
    control: Control
    clients: Clients
    place: Place = PLACE
    holds: dict[str, Held] = field(default_factory=dict)
    configs: int = 0

    def controller(self, **options: Any) -> TrafficController:
        """A fresh one, as every process has; `clients` and `place` may be others."""
        given = {"clients": self.clients, "place": self.place, "clock": self.clock, **options}
        return TrafficController(**given)

    def plan(self, **options: Any) -> RollbackPlan:
        return RollbackPlan(
            **{"target": "blue", "guardrails": (GUARDRAIL, OTHER_GUARDRAIL), "abort_alarm": "abort", **options}
        )

    def request(self, trigger: Any = "operator", **options: Any) -> RollbackRequest:
        return RollbackRequest(trigger, **{"reason": "errors", "requested_at": self.clock.now(), **options})

    def alarm(self, at: datetime | None = None, name: str = GUARDRAIL) -> RollbackRequest:
        """The call of a guardrail, which is in ALARM from now on."""
        self.put_alarm(name, "ALARM")
        arn = ALARM_ARN.replace(GUARDRAIL, name)
        return self.request("alarm", alarm_arn=arn, alarm_at=stamp(at or self.clock.now()))

    def roll_back(self, request: RollbackRequest | None = None, wait: float = 50, **plan: Any) -> RollbackResult:
        """A call of an operator or alarm."""
        deadline = self.clock.now() + timedelta(seconds=wait)
        return drive(request or self.request(), self.controller(), self.plan(**plan), deadline)

    def sweep(self, **plan: Any) -> RollbackResult:
        return drive(self.request("sweep"), self.controller(), self.plan(**plan))

    def sweeps(self, count: int, **plan: Any) -> RollbackResult:
        """One a minute."""
        for _ in range(count):
            self.clock.advance(60)
            result = self.sweep(**plan)
        return result

    def make_config(self, slots: Mapping[str, float], instances: int = 2, instance_type: str = "ml.g5.xlarge") -> str:
        """A new endpoint configuration with these initial weights."""
        self.configs += 1
        name = f"{self.place.model}-cfg-{self.configs}"
        variants = [
            {
                "VariantName": slot,
                "ModelName": "model",
                "InstanceType": instance_type,
                "InitialInstanceCount": instances,
                "InitialVariantWeight": weight,
            }
            for slot, weight in slots.items()
        ]
        self.clients.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
        return name

    def create(self, slots: Mapping[str, float] | None = None, instances: int = 2) -> None:
        """The endpoint, in service, its first deployment written down."""
        weights = slots or {"blue": 1.0, "green": 0.0}
        config = self.make_config(weights, instances)
        self.clients.sagemaker.create_endpoint(EndpointName=self.place.endpoint, EndpointConfigName=config)
        self.clock.advance(300)
        self.holds = {slot: held(str(number)) for number, slot in enumerate(sorted(weights), start=3)}
        self.controller().deploy(config, held=self.holds, content="", changed=frozenset())

    def split(self, **weights: float) -> None:
        """Through the front door."""
        self.controller().apply(Split.of(weights), who="pulumi", why="declared", held=self.holds)

    def flip_behind(self, **weights: float) -> None:
        """Past everybody."""
        self.ask_weights(**weights)
        self.clock.advance(30)

    def ask_weights(self, **weights: float) -> None:
        self.clients.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=self.place.endpoint,
            DesiredWeightsAndCapacities=[{"VariantName": s, "DesiredWeight": w} for s, w in weights.items()],
        )

    def deploy(self, slot: str, content: Held, **options: Any) -> Any:
        """Other content into a slot."""
        config = self.make_config(dict.fromkeys(self.holds, 0.0) | {"blue": 1.0})
        after = {**self.holds, slot: content}
        record = self.controller().deploy(
            config, held=after, content="", changed=frozenset({slot}), **{"abort_alarm": "abort", **options}
        )
        self.holds = after
        return record

    def live(self) -> dict[str, float]:
        split = self.controller().split
        return {} if split is None else split.to_json()

    def status(self) -> str:
        return self.controller().state().status

    def told(self) -> Split | None:
        """The live split as the ledger tells it."""
        return replay(self.controller().entries(), self.place.endpoint)

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.controller().entries()]

    def requests(self, slot: str, count: int) -> None:
        """Requests that the platform counted at this moment."""
        dimensions = [{"Name": "EndpointName", "Value": self.place.endpoint}, {"Name": "VariantName", "Value": slot}]
        self.clients.cloudwatch.put_metric_data(
            Namespace="AWS/SageMaker",
            MetricData=[
                {
                    "MetricName": "Invocations",
                    "Dimensions": dimensions,
                    "Timestamp": self.clock.now(),
                    "Value": count,
                    "Unit": "Count",
                }
            ],
        )

    def put_alarm(self, name: str, state: str = "OK") -> None:
        self.clients.cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="Tidewatch",
            MetricName="Never",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",
        )
        self.clients.cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="as the test has it")

    def alarm_state(self, name: str) -> str:
        return self.clients.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]


def make_tables(clients: Clients, suffix: str = "") -> None:
    """The ledger and the control table."""
    for table, (key, kind) in TABLE_KEYS.items():
        clients.dynamodb.create_table(
            TableName=table + suffix,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "endpoint", "KeyType": "HASH"},
                {"AttributeName": key, "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "endpoint", "AttributeType": "S"},
                {"AttributeName": key, "AttributeType": kind},
            ],
        )


def flights(clock: ManualClock, control: Control) -> Flights:
    """The tables, a model, a bucket, a topic and the abort alarm; no endpoint yet."""

    def client(service: str) -> Any:
        return boto3.client(service, region_name=REGION)

    names = ("sagemaker", "dynamodb", "cloudwatch", "s3", "sns")
    clients = Clients(*map(client, names), autoscaling=client("application-autoscaling"))
    make_tables(clients)
    container: Any = {"Image": "example@sha256:1"}
    role = "arn:aws:iam::123456789012:role/flights"
    clients.sagemaker.create_model(ModelName="model", ExecutionRoleArn=role, PrimaryContainer=container)
    assert clients.s3 is not None
    assert clients.sns is not None
    clients.s3.create_bucket(Bucket="flights-monitoring")
    clients.sns.create_topic(Name="P1")
    found = Flights(clock, control, clients)
    found.put_alarm("abort")
    return found
