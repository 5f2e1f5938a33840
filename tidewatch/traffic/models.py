"""The values of the traffic code: models, resource names, the endpoint's state, deployments and rollback runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, get_args

from tidewatch.aws.dynamodb import require_plausible_time, require_text_fields
from tidewatch.naming import extract_model_name
from tidewatch.traffic.errors import EndpointUnusable
from tidewatch.traffic.split import Split

if TYPE_CHECKING:
    from mypy_boto3_application_autoscaling import ApplicationAutoScalingClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sns import SNSClient


@dataclass(frozen=True)
class DeployedModel:
    """What a variant holds: a registry version, by its parts."""

    version: str
    artifact: str
    """sha256 of model.tar.gz, hex."""
    image: str
    """Digest of the container image, `sha256:...`."""
    content: str
    """Content hash of the variant's model as declared."""
    floor: int = 1
    """The number of instances below which the variant gets no traffic."""

    def is_same_model(self, other: DeployedModel | None) -> bool:
        """Whether both have the same artifact and image, however they run."""
        return other is not None and self.identity == other.identity

    def is_same_declaration(self, other: DeployedModel | None) -> bool:
        """Whether both are the same model and run in the same way. The floor does not count."""
        return self.is_same_model(other) and other is not None and self.content == other.content

    @property
    def identity(self) -> tuple[str, str]:
        """The artifact and image, which a rollback quarantines in every variant."""
        return (self.artifact, self.image)

    def to_json(self) -> dict[str, str | int]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> DeployedModel:
        texts = {key: str(document[key]) for key in ("version", "artifact", "image", "content")}
        return cls(**texts, floor=int(str(document.get("floor", 1)).split(".")[0]))


@dataclass(frozen=True)
class Clients:
    """The boto3 clients. Each optional one is needed only for the work of its service."""

    sagemaker: SageMakerClient
    dynamodb: DynamoDBClient
    cloudwatch: CloudWatchClient
    s3: S3Client | None = None
    sns: SNSClient | None = None
    autoscaling: ApplicationAutoScalingClient | None = None


@dataclass(frozen=True)
class ResourceNames:
    """The names of a stack's resources. A name is "" while the resource does not exist, as in the first preview."""

    key: str
    """The stack's key, under which both tables store its items."""
    endpoint: str
    """The physical endpoint."""
    ledger: str
    """The ledger's table."""
    control: str
    """The control table."""

    @property
    def model(self) -> str:
        """The model's short name."""
        return extract_model_name(self.key)


@dataclass(frozen=True)
class VariantState:
    """A variant as DescribeEndpoint reports it."""

    weight: float
    desired_weight: float
    instances: int
    desired_instances: int


class EndpointStatus(StrEnum):
    """The status of an endpoint. Source: SageMaker API reference, DescribeEndpoint, EndpointStatus."""

    IN_SERVICE = "InService"
    UPDATING = "Updating"
    SYSTEM_UPDATING = "SystemUpdating"
    ROLLING_BACK = "RollingBack"
    CREATING = "Creating"
    DELETING = "Deleting"
    FAILED = "Failed"
    OUT_OF_SERVICE = "OutOfService"
    UPDATE_ROLLBACK_FAILED = "UpdateRollbackFailed"

    @classmethod
    def _missing_(cls, value: object) -> EndpointStatus:
        """Returns a member for a status that SageMaker added later.

        The code waits for its end, and messages name it.
        """
        member = str.__new__(cls, value)
        member._name_, member._value_ = str(value), str(value)
        return member

    @property
    def is_unusable(self) -> bool:
        """Whether an endpoint never leaves this status by itself."""
        return self in (
            EndpointStatus.DELETING,
            EndpointStatus.FAILED,
            EndpointStatus.OUT_OF_SERVICE,
            EndpointStatus.UPDATE_ROLLBACK_FAILED,
        )

    @property
    def is_not_serving(self) -> bool:
        """Whether an endpoint in this status has no traffic to move."""
        return self.is_unusable or self == EndpointStatus.CREATING


@dataclass(frozen=True)
class EndpointState:
    """An endpoint at one moment."""

    name: str
    status: EndpointStatus
    config: str
    variants: Mapping[str, VariantState]
    failure_reason: str = ""
    deploying_config: str | None = None
    """The configuration of a deployment in progress."""
    deploying_variants: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def split(self) -> Split | None:
        """The live split, or None while no variant has a weight."""
        return _build_split({variant: state.weight for variant, state in self.variants.items()})

    @property
    def desired_split(self) -> Split | None:
        """The split that the endpoint is changing to; the same as `split` if no change is in progress."""
        return _build_split({variant: state.desired_weight for variant, state in self.variants.items()})

    @property
    def serving(self) -> frozenset[str]:
        """The variants that serve or are about to."""
        return frozenset(
            variant for variant, state in self.variants.items() if state.weight > 0 or state.desired_weight > 0
        )

    @property
    def is_in_service(self) -> bool:
        return self.status == EndpointStatus.IN_SERVICE

    def require_usable(self) -> None:
        """Raises EndpointUnusable for a status that waiting does not change."""
        if self.status.is_unusable:
            reason = f": {self.failure_reason}" if self.failure_reason else ""
            raise EndpointUnusable(
                f"The endpoint {self.name} is {self.status}{reason}. It cannot leave this status by itself: read the "
                "runbook, replace the endpoint or deploy a configuration that starts."
            )

    def require_updatable(self) -> None:
        """Raises EndpointUnusable if the endpoint cannot take a new configuration, which repairs a failed update."""
        if self.status != EndpointStatus.UPDATE_ROLLBACK_FAILED:
            self.require_usable()

    def is_all_on(self, variant: str) -> bool:
        """Whether the variant has all traffic and no pending change takes it away."""
        target = Split.from_single_variant(variant)
        return target.is_close_to(self.split) and target.is_close_to(self.desired_split)


def _build_split(weights: Mapping[str, float]) -> Split | None:
    return Split.of(weights).round_shares() if any(weight > 0 for weight in weights.values()) else None


@dataclass(frozen=True)
class Receipt:
    """How long a change took, in seconds since its request. None means not observed."""

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
    """How the new fleet takes over. Source: SageMaker's blue/green update policy."""

    type: Literal["ALL_AT_ONCE", "CANARY", "LINEAR"] = "ALL_AT_ONCE"
    size_percent: int | None = None
    """Canary: at most 50; linear step: 10 to 50."""
    wait_seconds: int = 0
    """Bake time after each step, 0 to 3600."""
    termination_wait_seconds: int = 0
    alarms: tuple[str, ...] = ()
    """Alarms that stop the deployment, besides the abort alarm. At most ten in all."""


@dataclass(frozen=True)
class DeploymentRecord:
    """What a deployment did."""

    config: str
    changed: bool
    """False if the configuration was live already."""
    before: Split | None
    """The split before the drain."""
    after: Split | None
    """The split at the end."""
    seconds: float
    reasons: tuple[str, ...] = ()
    """FailureReasons seen during the deployment, even if it succeeded."""
    notes: tuple[str, ...] = ()
    """What people still have to do, as sentences."""


RECENT_PERIOD = timedelta(minutes=30)
"""For how long an alarm counts a record of the tables that no code of ours writes."""
RunState = Literal["pending", "flipping", "rolled_back", "closed", "blocked"]


@dataclass(frozen=True)
class RollbackRun:
    """The progress of an incident's rollback."""

    incident: str
    state: RunState
    target: str
    requested_at: datetime
    trigger: str = ""
    who: str = "rollback"
    requested_by: str = ""
    reason: str = ""
    alarm_arn: str = ""
    alarm_at: str = ""
    before: Split | None = None
    """The split when the incident was claimed."""
    rolled_back_variants: tuple[str, ...] = ()
    """The variants that lost their traffic."""
    accepted_at: datetime | None = None
    observed_at: datetime | None = None
    traffic_at: datetime | None = None
    abort_tripped: bool = False
    message: str = ""
    notes: tuple[str, ...] = ()
    last_notified: str = ""
    """The last state that was documented and notified."""
    revision: int = 0
    """The number of its writes. Each write is conditional on the one before."""

    def validate(self) -> RollbackRun:
        """Returns the run if it is valid. Raises ValueError or TypeError otherwise."""
        if self.state not in get_args(RunState) or not self.incident or not self.target or self.revision < 1:
            raise ValueError("Its state is unknown, or it lacks an incident, target or revision.")
        require_text_fields(self, "incident", "target")
        if type(self.abort_tripped) is not bool:
            raise TypeError("Its abort_tripped is neither true nor false.")
        for moment in (self.requested_at, self.accepted_at, self.observed_at, self.traffic_at):
            if moment is not None:
                require_plausible_time(moment)
        return self

    @property
    def is_active(self) -> bool:
        """Whether the rollback is not finished."""
        return self.state != "closed"

    @property
    def receipt(self) -> Receipt:
        def measure_elapsed(moment: datetime | None) -> float | None:
            return round((moment - self.requested_at).total_seconds(), 3) if moment else None

        return Receipt(
            measure_elapsed(self.accepted_at), measure_elapsed(self.observed_at), measure_elapsed(self.traffic_at)
        )

    def to_json(self) -> dict[str, object]:
        document: dict[str, object] = {key: value for key, value in asdict(self).items() if value is not None}
        document["before"] = self.before.to_json() if self.before else None
        return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in document.items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RollbackRun:
        names = [member.name for member in fields(cls)]
        values: dict[str, Any] = {name: document[name] for name in names if document.get(name) is not None}
        for key in ("requested_at", "accepted_at", "observed_at", "traffic_at"):
            if key in values:
                values[key] = datetime.fromisoformat(values[key])
        for key in ("rolled_back_variants", "notes"):
            values[key] = tuple(values.get(key, ()))
            if not all(isinstance(value, str) for value in values[key]):
                raise TypeError(f"{key} must hold texts.")
        if "before" in values:
            values["before"] = Split.of(values["before"])
        return cls(**values)
