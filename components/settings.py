"""The parts of a stack's settings that components read.

The settings are defined in stacks.config, which components do not import. Each class here lists the values that some
component's arguments are built from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from tidewatch.alarms import Alarm, AlarmThresholds, Severity
from tidewatch.naming import VariantName
from tidewatch.slo import Objective

Address = tuple[str, str]
"""An SNS protocol and the address that it delivers to."""


class ModelSpec(Protocol):
    name: str
    owner: str


class RolloutSpec(Protocol):
    strategy: Literal["allAtOnce", "canary", "linear"]
    step_percent: int
    wait_seconds: int
    termination_wait_seconds: int


class EndpointSpec(Protocol):
    instance_type: str
    inference_ami_version: str
    environment: dict[str, str]
    volume_key: str
    hourly_price: float | None
    startup_seconds: int
    download_seconds: int
    capture_sampling: int
    capture_retention_days: int
    capture_prefix: str
    csv_content_types: tuple[str, ...]
    json_content_types: tuple[str, ...]

    @property
    def rollout(self) -> RolloutSpec: ...
    @property
    def gpu_count(self) -> int: ...


class VariantSpec(Protocol):
    version: str
    weight: float
    instances: int
    environment: dict[str, str]


class RollbackSpec(Protocol):
    automatic: bool


class DriftSpec(Protocol):
    enabled: bool
    lag_minutes: int
    look_back_hours: int
    psi: tuple[float, float]
    share: tuple[float, float]
    rate: tuple[float, float]
    false_discovery_rate: float
    ticket_share: float
    page_share: float


class AlarmSpec(Protocol):
    @property
    def thresholds(self) -> AlarmThresholds: ...
    @property
    def custom_guardrails(self) -> Sequence[Alarm]: ...


class SloSpec(Protocol):
    def objectives(self) -> Sequence[Objective]: ...


class EscalationSpec(Protocol):
    after_minutes: int
    to: tuple[Address, ...]


class ChatSpec(Protocol):
    slack_team: str
    slack_channel: str
    severities: tuple[Severity, ...]


class NotificationSpec(Protocol):
    runbooks: str

    @property
    def recipients(self) -> Mapping[Severity, Sequence[Address]]: ...
    @property
    def escalation(self) -> EscalationSpec | None: ...
    @property
    def chat(self) -> ChatSpec | None: ...


class RegistrySpec(Protocol):
    object_lock_days: int
    signing: bool
    signing_key: str


class LogSpec(Protocol):
    @property
    def retention_days(self) -> int: ...


class VpcSpec(Protocol):
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]


class AccessSpec(Protocol):
    break_glass: tuple[str, ...]
    capture_readers: tuple[str, ...]
    deployers: tuple[str, ...]


class AutoscalingSpec(Protocol):
    maximum: int
    invocations_per_instance: float
    scale_in_seconds: int
    scale_out_seconds: int


class StackSpec(Protocol):
    """One stack, as its config declares it."""

    region: str
    secret: frozenset[str]
    rollback_to: VariantName | None
    acknowledged_incident: str
    retire: bool
    protect: bool
    force_destroy: bool
    tags: dict[str, str]

    @property
    def model(self) -> ModelSpec: ...
    @property
    def endpoint(self) -> EndpointSpec: ...
    @property
    def variants(self) -> Mapping[VariantName, VariantSpec]: ...
    @property
    def champion(self) -> VariantName: ...
    @property
    def floor(self) -> int: ...
    @property
    def rollback(self) -> RollbackSpec: ...
    @property
    def drift(self) -> DriftSpec: ...
    @property
    def alarms(self) -> AlarmSpec: ...
    @property
    def slo(self) -> SloSpec: ...
    @property
    def notify(self) -> NotificationSpec: ...
    @property
    def registry(self) -> RegistrySpec: ...
    @property
    def logs(self) -> LogSpec: ...
    @property
    def vpc(self) -> VpcSpec | None: ...
    @property
    def access(self) -> AccessSpec: ...
    @property
    def autoscaling(self) -> AutoscalingSpec | None: ...
