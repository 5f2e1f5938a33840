"""The stack config as frozen values, one class a section; its keys are these names in camelCase."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, InstanceOf

from stacks.config import aws_types as a
from stacks.config import types as t
from stacks.config.monitoring import AlarmSettings, NotificationSettings, SloSettings
from stacks.config.types import Section
from tidewatch.aws import Connection
from tidewatch.traffic.split import Split


class ModelSettings(Section):
    """Whose model is served, and who answers for it."""

    name: t.Name
    owner: a.Owner
    oncall: a.Contact
    escalation: a.Contact
    approvers: tuple[a.Contact, ...] = ()


class RolloutSettings(Section):
    """How SageMaker moves an unchanged set of variants to a new configuration (its deployment guardrails)."""

    strategy: Literal["allAtOnce", "canary", "linear"] = "allAtOnce"
    step_percent: t.StepPercent = 10
    wait_seconds: t.WaitSeconds = 300
    termination_wait_seconds: t.WaitSeconds = 300


class EndpointSettings(Section):
    """The hosts of the endpoint and what it captures. Durations in days and seconds, sampling in percent."""

    platform: t.Platform = "sagemaker"
    instance_type: t.InstanceType
    inference_ami_version: a.Ami = ""
    environment: a.Environment = Field(default_factory=dict[str, str])
    volume_key: str = ""
    hourly_price: t.Price | None = None
    startup_seconds: Annotated[int, Field(ge=60, le=3600), BeforeValidator(t.parse_int)] = 600
    download_seconds: Annotated[int, Field(ge=60, le=3600), BeforeValidator(t.parse_int)] = 900
    capture_sampling: t.Percent = 100
    capture_retention_days: t.Days = 30
    capture_prefix: t.Prefix = "capture"
    csv_content_types: a.ContentTypes = ("text/csv",)
    json_content_types: a.ContentTypes = ("application/json",)
    rollout: RolloutSettings = RolloutSettings()


class VariantSettings(Section):
    """What one variant holds: a registry version, its share of the traffic, its instances, and what its container reads
    besides, or instead of, what is said for all of them."""

    version: t.Version
    weight: t.Weight
    instances: t.Count = 1
    environment: a.Environment = Field(default_factory=dict[str, str])


class RollbackSettings(Section):
    """Whether alarms roll back by themselves, which production must say, and the instances the champion never goes
    below (default: its count)."""

    automatic: bool = True
    floor: t.Count | None = None


class DriftSettings(Section):
    """Whether and how strictly production is compared with training.

    An hour is read lag_minutes after its end; hours missed within look_back_hours are made up for. psi, share, rate:
    from when a change warns and from when it is drift, by population stability index, points of a category's share,
    points of the missing or unseen rate. false_discovery_rate: of all tests at once. ticket_share, page_share: percent
    of the features whose drift lasts.
    """

    enabled: bool = True
    lag_minutes: t.LagMinutes = 20
    look_back_hours: t.LookBackHours = 72
    psi: t.PsiThresholds = (0.1, 0.2)
    share: t.PercentagePoints = (5, 10)
    rate: t.PercentagePoints = (2, 5)
    false_discovery_rate: t.Fraction = 0.001
    ticket_share: t.PositivePercent = 10
    page_share: t.PositivePercent = 30


class RegistrySettings(Section):
    """How long a published version cannot be deleted, in days of object lock (governance mode); 0 is no lock."""

    object_lock_days: Annotated[int, Field(ge=0, le=36500), BeforeValidator(t.parse_int)] = 0


class ImageSettings(Section):
    """Which container images may be served: repositories of ECR, or all below a prefix that ends in /*; empty: any."""

    repositories: a.Repositories = ()


class LogSettings(Section):
    """How long access logs and the functions' logs are kept, in days that CloudWatch offers."""

    retention_days: t.LogDays = 30


class VpcSettings(Section):
    """The network the containers run in; without it they run in SageMaker's, isolated all the same.

    Ids, or ARNs of what another account shares with this one.
    """

    subnets: a.Subnets
    security_groups: a.SecurityGroups


class AccessSettings(Section):
    """Who may take the roles for people, and who runs `pulumi up`: IAM principals by their ARNs, or permission sets of
    IAM Identity Center.

    Empty: whoever IAM lets in this account; to take a role, with a second factor. Deployers
    are beside break-glass the only ones who may change the settings of the registry's bucket.
    """

    break_glass: a.Principals = ()
    capture_readers: a.Principals = ()
    deployers: a.Deployers = ()


class AutoscalingSettings(Section):
    """Target tracking on invocations per instance and minute; the minimum is the variant's own count, or the floor."""

    maximum: t.Count
    invocations_per_instance: t.Positive
    scale_in_seconds: t.WaitSeconds = 300
    scale_out_seconds: t.WaitSeconds = 60


class StackSettings(Section):
    """One stack, as its config declares it."""

    region: str
    connection: InstanceOf[Connection] = Connection()
    secret: frozenset[str] = frozenset()  # top-level keys under tidewatch: in which something is secret
    model: ModelSettings
    endpoint: EndpointSettings
    variants: dict[t.VariantName, VariantSettings] = Field(default_factory=dict[t.VariantName, VariantSettings])
    rollback_to: t.VariantName | None = None
    rollback: RollbackSettings = RollbackSettings()
    drift: DriftSettings = DriftSettings()
    alarms: InstanceOf[AlarmSettings] = AlarmSettings()
    slo: SloSettings = SloSettings()
    notify: NotificationSettings = NotificationSettings()
    acknowledged_incident: str = ""
    registry: RegistrySettings = RegistrySettings()
    image: ImageSettings = ImageSettings()
    logs: LogSettings = LogSettings()
    vpc: VpcSettings | None = None
    access: AccessSettings = AccessSettings()
    autoscaling: AutoscalingSettings | None = None
    retire: bool = False
    protect: bool = False
    force_destroy: bool = False
    tags: dict[a.TagKey, a.TagValue] = Field(default_factory=dict[str, str])

    @property
    def champion(self) -> t.VariantName:
        """The variant that a rollback goes back to; only asked for where there are variants."""
        if self.rollback_to is None:
            raise ValueError("a stack without variants has no champion")
        return self.rollback_to

    @property
    def floor(self) -> int:
        """Instances the champion never goes below."""
        return self.rollback.floor or self.variants[self.champion].instances

    @property
    def shares(self) -> dict[str, float]:
        """The declared weights as shares of the traffic."""
        shares = Split.of({name: variant.weight for name, variant in self.variants.items()}).shares
        return {name: round(share, 6) for name, share in shares.items()}
