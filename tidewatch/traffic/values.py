"""The values that the traffic code speaks in: what a slot holds, where things are, how an endpoint stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

from tidewatch.naming import model_in
from tidewatch.traffic.split import Split

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sns import SNSClient


@dataclass(frozen=True)
class Held:
    """What a slot holds: a registry version, by what it consists of."""

    version: str
    artifact: str
    """sha256 of model.tar.gz, hex."""
    image: str
    """Digest of the container image, `sha256:...`."""
    content: str
    """Content hash of the slot's model as declared."""
    floor: int = 1
    """Instances below which the slot takes no traffic."""

    def same_model(self, other: Held | None) -> bool:
        """Whether both are the same model: artifact and image, however they are run."""
        return other is not None and self.pair == other.pair

    def same_declared(self, other: Held | None) -> bool:
        """Whether both are the same model, run in the same way; the floor is no part of it."""
        return self.same_model(other) and other is not None and self.content == other.content

    @property
    def pair(self) -> tuple[str, str]:
        """What a rollback latches: artifact and image, wherever they are put."""
        return (self.artifact, self.image)

    def to_json(self) -> dict[str, str | int]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> Held:
        texts = {key: str(document[key]) for key in ("version", "artifact", "image", "content")}
        return cls(**texts, floor=int(str(document.get("floor", 1)).split(".")[0]))


@dataclass(frozen=True)
class Clients:
    """boto3 clients. The optional ones are needed for what they are named after, and only then."""

    sagemaker: SageMakerClient
    dynamodb: DynamoDBClient
    cloudwatch: CloudWatchClient
    s3: S3Client | None = None
    sns: SNSClient | None = None
    autoscaling: ApplicationAutoScalingClient | None = None


@dataclass(frozen=True)
class Place:
    """Names: the stack's key, under which both tables know it, the physical endpoint, the two tables.

    A name is "" while the thing does not exist, as in the first preview.
    """

    key: str
    endpoint: str
    ledger: str
    control: str

    @property
    def model(self) -> str:
        """The model's name, as people say it."""
        return model_in(self.key)


@dataclass(frozen=True)
class SlotState:
    """A slot as the endpoint describes it."""

    weight: float
    desired_weight: float
    instances: int
    desired_instances: int


@dataclass(frozen=True)
class EndpointState:
    """An endpoint at one moment."""

    name: str
    status: str
    config: str
    slots: Mapping[str, SlotState]
    failure_reason: str = ""
    deploying: str | None = None
    """The configuration of a deployment in progress."""
    deploying_slots: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def split(self) -> Split | None:
        """The split in force; None while no slot has a weight."""
        return _split({slot: state.weight for slot, state in self.slots.items()})

    @property
    def desired(self) -> Split | None:
        """The split that the endpoint is on its way to; the same as `split` when nothing is in progress."""
        return _split({slot: state.desired_weight for slot, state in self.slots.items()})

    @property
    def serving(self) -> frozenset[str]:
        """The slots that serve or are about to."""
        return frozenset(slot for slot, state in self.slots.items() if state.weight > 0 or state.desired_weight > 0)

    @property
    def in_service(self) -> bool:
        return self.status == "InService"

    def is_all_on(self, slot: str) -> bool:
        """Whether the slot has all traffic, and nothing on its way says otherwise."""
        wanted = Split.only(slot)
        return wanted.close_to(self.split) and wanted.close_to(self.desired)


def _split(weights: Mapping[str, float]) -> Split | None:
    return Split.of(weights).rounded() if any(weight > 0 for weight in weights.values()) else None


@dataclass(frozen=True)
class Receipt:
    """How long a change took, in seconds from the moment it was asked for; None: not observed."""

    api_accepted_s: float | None = None
    weights_observed_s: float | None = None
    traffic_observed_s: float | None = None

    def to_json(self) -> dict[str, float | None]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, float | None]) -> Receipt:
        return cls(**{key: document.get(key) for key in cls.__dataclass_fields__})


NO_RECEIPT = Receipt()


@dataclass(frozen=True)
class DeploymentPolicy:
    """How the new fleet takes over, as SageMaker's blue/green update policy has it."""

    type: Literal["ALL_AT_ONCE", "CANARY", "LINEAR"] = "ALL_AT_ONCE"
    size_percent: int | None = None
    """Canary: at most 50; linear step: 10 to 50."""
    wait_seconds: int = 0
    """Bake time after each step, 0 to 3600."""
    termination_wait_seconds: int = 0
    alarms: tuple[str, ...] = ()
    """Alarms that stop the deployment, besides the abort alarm; ten in all."""


@dataclass(frozen=True)
class DeploymentRecord:
    """What a deployment did."""

    config: str
    changed: bool
    """False: the configuration was live already."""
    before: Split | None
    """The split before its drain."""
    after: Split | None
    """The split it ended on."""
    seconds: float
    reasons: tuple[str, ...] = ()
    """FailureReasons seen on the way, also of a deployment that succeeded."""
    notes: tuple[str, ...] = ()
    """What is left to people, as sentences."""
