"""A simulated account with an endpoint of two variants and the two tables, as the traffic tests use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from rehearsal.aws import REGION
from rehearsal.control_client import ControlClient
from rehearsal.simulated_clock import ManualClock
from tests.aws_clients import make_client
from tidewatch.content_hash import compute_content_hash
from tidewatch.incidents import IncidentSettings
from tidewatch.rollback import RollbackPlan, RollbackRequest, RollbackResult, run_rollback
from tidewatch.traffic import Clients, DeployedModel, ResourceNames, Split, TrafficController, replay_split

ENDPOINT = "flights-4b53caf"
PLACE = ResourceNames("tidewatch/dev/flights", ENDPOINT, "ledger", "control")
GUARDRAIL, OTHER_GUARDRAIL = "green-errors", "green-latency"
ALARM_ARN = f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{GUARDRAIL}"
TABLE_KEYS = {"ledger": ("sequence", "N"), "control": ("key", "S")}


def build_model(version: str, artifact: str = "", floor: int = 1) -> DeployedModel:
    """What a variant holds: an artifact of its own per version, unless it is named."""
    artifact = artifact or f"artifact-{version}"
    return DeployedModel(version, artifact, "sha256:image", compute_content_hash([version, artifact]), floor)


def stamp(moment: datetime) -> str:
    """As CloudWatch writes a state's timestamp."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


@dataclass
class Flights:
    """The endpoint `flights` in a simulated account."""

    clock: ManualClock
    control: ControlClient
    clients: Clients
    resource_names: ResourceNames = PLACE
    holds: dict[str, DeployedModel] = field(default_factory=dict)
    configs: int = 0

    def controller(self, **options: Any) -> TrafficController:
        """A fresh one, as every process has; `clients` and `place` may be others."""
        given = {"clients": self.clients, "resource_names": self.resource_names, "clock": self.clock, **options}
        return TrafficController(**given)

    def plan(self, **options: Any) -> RollbackPlan:
        names = {one.name for one in fields(IncidentSettings)}
        incidents = IncidentSettings(**{name: options.pop(name) for name in names & options.keys()})
        given = {"target": "blue", "guardrails": (GUARDRAIL, OTHER_GUARDRAIL), "abort_alarm": "abort"}
        return RollbackPlan(**{**given, "incidents": incidents, **options})

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
        return run_rollback(request or self.request(), self.controller(), self.plan(**plan), deadline)

    def sweep(self, **plan: Any) -> RollbackResult:
        return run_rollback(self.request("sweep"), self.controller(), self.plan(**plan))

    def sweeps(self, count: int, **plan: Any) -> RollbackResult:
        """One a minute; what the last one did."""
        for _ in range(count - 1):
            self.clock.advance(60)
            self.sweep(**plan)
        self.clock.advance(60)
        return self.sweep(**plan)

    def make_config(
        self, variants: Mapping[str, float], instances: int = 2, instance_type: str = "ml.g5.xlarge"
    ) -> str:
        """A new endpoint configuration with these initial weights."""
        self.configs += 1
        name = f"{self.resource_names.model}-cfg-{self.configs}"
        listed: Any = [
            {
                "VariantName": variant,
                "ModelName": "model",
                "InstanceType": instance_type,
                "InitialInstanceCount": instances,
                "InitialVariantWeight": weight,
            }
            for variant, weight in variants.items()
        ]
        self.clients.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=listed)
        return name

    def create(self, variants: Mapping[str, float] | None = None, instances: int = 2) -> None:
        """The endpoint, in service, its first deployment written down."""
        weights = variants or {"blue": 1.0, "green": 0.0}
        config = self.make_config(weights, instances)
        self.clients.sagemaker.create_endpoint(EndpointName=self.resource_names.endpoint, EndpointConfigName=config)
        self.clock.advance(300)
        self.holds = {variant: build_model(str(number)) for number, variant in enumerate(sorted(weights), start=3)}
        self.controller().deploy(config, models=self.holds, content="", changed_variants=frozenset())

    def split(self, **weights: float) -> None:
        """Through the front door."""
        self.controller().apply(Split.of(weights), who="pulumi", why="declared", models=self.holds)

    def flip_behind(self, **weights: float) -> None:
        """Past everybody."""
        self.ask_weights(**weights)
        self.clock.advance(30)

    def ask_weights(self, **weights: float) -> None:
        self.clients.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=self.resource_names.endpoint,
            DesiredWeightsAndCapacities=[{"VariantName": s, "DesiredWeight": w} for s, w in weights.items()],
        )

    def deploy(self, variant: str, content: DeployedModel, **options: Any) -> Any:
        """Other content into a variant."""
        config = self.make_config(dict.fromkeys(self.holds, 0.0) | {"blue": 1.0})
        after = {**self.holds, variant: content}
        record = self.controller().deploy(
            config,
            models=after,
            content="",
            changed_variants=frozenset({variant}),
            **{"abort_alarm": "abort", **options},
        )
        self.holds = after
        return record

    def live(self) -> dict[str, float]:
        split = self.controller().split
        return {} if split is None else split.to_json()

    def status(self) -> str:
        return self.controller().state().status

    def replay_ledger(self) -> Split | None:
        """The live split as the ledger has it."""
        return replay_split(self.controller().entries(), self.resource_names.endpoint)

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.controller().entries()]

    def requests(self, variant: str, count: int) -> None:
        """Requests that the platform counted at this moment."""
        dimensions = [
            {"Name": "EndpointName", "Value": self.resource_names.endpoint},
            {"Name": "VariantName", "Value": variant},
        ]
        datum: Any = {
            "MetricName": "Invocations",
            "Dimensions": dimensions,
            "Timestamp": self.clock.now(),
            "Value": count,
            "Unit": "Count",
        }
        self.clients.cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=[datum])

    def put_alarm(self, name: str, state: str = "OK") -> None:
        cloudwatch: Any = self.clients.cloudwatch
        cloudwatch.put_metric_alarm(
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
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="as the test has it")

    def alarm_state(self, name: str) -> str:
        return self.clients.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]


def make_tables(clients: Clients, suffix: str = "") -> None:
    """The ledger and the control table."""
    for table, (key, kind) in TABLE_KEYS.items():
        types: Any = [
            {"AttributeName": "stack", "AttributeType": "S"},
            {"AttributeName": key, "AttributeType": kind},
        ]
        clients.dynamodb.create_table(
            TableName=table + suffix,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "stack", "KeyType": "HASH"},
                {"AttributeName": key, "KeyType": "RANGE"},
            ],
            AttributeDefinitions=types,
        )


@contextmanager
def handle_event(client: Any, event: str, handler: Callable[..., None]) -> Iterator[None]:
    """A client calls the handler at an event of botocore's. Tests share clients, so the handler goes at the end."""
    client.meta.events.register(event, handler)
    try:
        yield
    finally:
        client.meta.events.unregister(event, handler)


@cache
def make_clients() -> Clients:
    """Once a process: to make the six of them takes as long as many a test."""

    def client(service: str) -> Any:
        return make_client(service, region_name=REGION)

    names = ("sagemaker", "dynamodb", "cloudwatch", "s3", "sns")
    return Clients(*map(client, names), autoscaling=client("application-autoscaling"))


def flights(clock: ManualClock, control: ControlClient) -> Flights:
    """The tables, a model, a bucket, a topic and the abort alarm; no endpoint yet."""
    clients = make_clients()
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
