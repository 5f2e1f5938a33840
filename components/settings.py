"""The parts of a stack's settings that components read.

The settings are defined in stacks.config, which components do not import. Each class here lists the values that some
component's arguments are built from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from tidewatch.alarms import Alarm, AlarmThresholds
from tidewatch.slo import Objective

VariantName = Literal["blue", "green"]
SeverityName = Literal["P1", "P2", "P3"]
Address = tuple[str, str]
"""An SNS protocol and the address that it delivers to."""


class ModelSettings(Protocol):
    name: str
    owner: str


class RolloutSettings(Protocol):
    strategy: Literal["allAtOnce", "canary", "linear"]
    step_percent: int
    wait_seconds: int
    termination_wait_seconds: int


class EndpointSettings(Protocol):
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
    def rollout(self) -> RolloutSettings: ...
    @property
    def gpu_count(self) -> int: ...


class VariantSettings(Protocol):
    version: str
    weight: float
    instances: int
    environment: dict[str, str]


class RollbackSettings(Protocol):
    automatic: bool


class DriftSettings(Protocol):
    enabled: bool
    lag_minutes: int
    look_back_hours: int
    psi: tuple[float, float]
    share: tuple[float, float]
    rate: tuple[float, float]
    false_discovery_rate: float
    ticket_share: float
    page_share: float


class AlarmSettings(Protocol):
    @property
    def thresholds(self) -> AlarmThresholds: ...
    @property
    def custom_guardrails(self) -> Sequence[Alarm]: ...


class SloSettings(Protocol):
    def objectives(self) -> Sequence[Objective]: ...


class EscalationSettings(Protocol):
    after_minutes: int
    to: tuple[Address, ...]


class ChatSettings(Protocol):
    slack_team: str
    slack_channel: str
    severities: tuple[SeverityName, ...]


class NotificationSettings(Protocol):
    runbooks: str

    @property
    def recipients(self) -> Mapping[SeverityName, Sequence[Address]]: ...
    @property
    def escalation(self) -> EscalationSettings | None: ...
    @property
    def chat(self) -> ChatSettings | None: ...


class RegistrySettings(Protocol):
    object_lock_days: int


class LogSettings(Protocol):
    @property
    def retention_days(self) -> int: ...


class VpcSettings(Protocol):
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]


class AccessSettings(Protocol):
    break_glass: tuple[str, ...]
    capture_readers: tuple[str, ...]
    deployers: tuple[str, ...]


class AutoscalingSettings(Protocol):
    maximum: int
    invocations_per_instance: float
    scale_in_seconds: int
    scale_out_seconds: int


class StackSettings(Protocol):
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
    def model(self) -> ModelSettings: ...
    @property
    def endpoint(self) -> EndpointSettings: ...
    @property
    def variants(self) -> Mapping[VariantName, VariantSettings]: ...
    @property
    def champion(self) -> VariantName: ...
    @property
    def floor(self) -> int: ...
    @property
    def rollback(self) -> RollbackSettings: ...
    @property
    def drift(self) -> DriftSettings: ...
    @property
    def alarms(self) -> AlarmSettings: ...
    @property
    def slo(self) -> SloSettings: ...
    @property
    def notify(self) -> NotificationSettings: ...
    @property
    def registry(self) -> RegistrySettings: ...
    @property
    def logs(self) -> LogSettings: ...
    @property
    def vpc(self) -> VpcSettings | None: ...
    @property
    def access(self) -> AccessSettings: ...
    @property
    def autoscaling(self) -> AutoscalingSettings | None: ...
