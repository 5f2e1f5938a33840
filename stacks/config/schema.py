"""The stack config as frozen values, one class a section; its keys are these names in camelCase."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, InstanceOf

from stacks.config import aws_types as a
from stacks.config import types as t
from stacks.config.alarm_settings import AlarmSettings
from stacks.config.governance import GovernanceSettings
from stacks.config.monitoring import NotificationSettings, SloSettings
from stacks.config.types import Section
from tidewatch.aws import instance_types
from tidewatch.aws.connection import Connection
from tidewatch.naming import VariantName
from tidewatch.traffic import Split


class ModelSettings(Section):
    """Whose model is served, and who answers for it."""

    name: t.Name = Field(
        description="the model's and the endpoint's name: letters, digits and hyphens, at most 63 characters"
    )
    owner: a.Owner = Field(
        description="who is responsible for the model; a tag of every resource: letters, digits, spaces and `_.:/=+-@`"
    )
    oncall: a.Contact = Field(description="who is on call: runbooks name them; who gets messages is in `notify`")
    escalation: a.Contact = Field(
        description="who is called if on-call does not answer: runbooks name them; who gets messages is in `notify`"
    )
    approvers: tuple[a.Contact, ...] = Field(
        default=(), description="who must approve versions: recorded, not checked yet"
    )


class RolloutSettings(Section):
    """How SageMaker moves an unchanged set of variants to a new configuration (its deployment guardrails)."""

    strategy: Literal["allAtOnce", "canary", "linear"] = Field(
        default="allAtOnce",
        description="how a new fleet takes over: `canary` and `linear` need two instances per variant",
    )
    step_percent: t.StepPercent = Field(
        default=10, description="capacity of a step: `canary` up to 50, `linear` 10 to 50"
    )
    wait_seconds: t.WaitSeconds = Field(
        default=300,
        description="wait between the steps, and before a deployment counts as done; all waits of a rollout must fit "
        "into four hours",
    )
    termination_wait_seconds: t.WaitSeconds = Field(default=300, description="how long the old fleet stays afterwards")


class EndpointSettings(Section):
    """The hosts of the endpoint and what it captures. Durations in days and seconds, sampling in percent."""

    platform: t.Platform = Field(default="sagemaker", description="the platform that serves the model")
    instance_type: t.InstanceType = Field(description="an instance type that SageMaker offers for hosting")
    inference_ami_version: a.Ami = Field(
        default="",
        description="the machine image of the hosts, which sets the drivers, see below; default: SageMaker's choice",
    )
    environment: a.Environment = Field(
        default_factory=dict[str, str],
        description="environment variables of the container besides Triton's own: at most 100, each name and value "
        "at most 1,024 bytes",
    )
    volume_key: str = Field(
        default="",
        description="the ARN of a KMS key, in the stack's region, for the hosts' volumes; not for families with "
        "local NVMe disks",
    )
    hourly_price: t.Price | None = Field(
        default=None, description="the price of a host per hour: the executive dashboard then shows cost besides hours"
    )
    startup_seconds: Annotated[int, Field(ge=60, le=3600), BeforeValidator(t.parse_int)] = Field(
        default=600, description="how long a container may take to become healthy (60 to 3600)"
    )
    download_seconds: Annotated[int, Field(ge=60, le=3600), BeforeValidator(t.parse_int)] = Field(
        default=900, description="how long the download of the artifact to a host may take (60 to 3600)"
    )
    capture_sampling: t.Percent = Field(default=100, description="percent of the requests captured")
    capture_retention_days: t.Days = Field(default=30, description="after which captured records expire")
    capture_prefix: t.Prefix = Field(default="capture", description="the prefix of captured records in their bucket")
    csv_content_types: a.ContentTypes = Field(default=("text/csv",), description="content types captured as CSV")
    json_content_types: a.ContentTypes = Field(
        default=("application/json",), description="content types captured as JSON; all others are captured as BASE64"
    )
    rollout: RolloutSettings = Field(
        default=RolloutSettings(), description="how SageMaker moves an unchanged set of variants to a new configuration"
    )

    @property
    def gpu_count(self) -> int:
        """The GPUs of one host."""
        return instance_types.count_gpus(self.instance_type)


class VariantSettings(Section):
    """What one variant holds: a version of the registry, its share of the traffic, its instances, and variables of its
    container that extend or replace those of all variants."""

    version: t.Version = Field(
        description="a version in the registry, never `latest`; the variants are `blue` and `green`"
    )
    weight: t.Weight = Field(description="its share of the traffic is its weight divided by the sum of the weights")
    instances: t.Count = Field(default=1, description="number of hosts")
    environment: a.Environment = Field(
        default_factory=dict[str, str],
        description="variables of this variant's container, which override `endpoint.environment`: the challenger "
        "can try a setting first",
    )


class RollbackSettings(Section):
    """Whether alarms roll back automatically, which production must set, and the instances that the champion never goes
    below."""

    automatic: bool = Field(
        default=True,
        description="whether a challenger's guardrail calls the rollback function; `false` sends the command to "
        "people instead. Required in production",
    )
    floor: t.Count | None = Field(
        default=None, description="minimum number of the champion's instances; default: its own count"
    )


class DriftSettings(Section):
    """Whether and how strictly production is compared with training. A pair is the limit of a warning and of drift."""

    enabled: bool = Field(default=True, description="whether captured records are compared with the training data")
    lag_minutes: t.LagMinutes = Field(
        default=20, description="how long after its end an hour is read, as captured files arrive late (5 to 1440)"
    )
    look_back_hours: t.LookBackHours = Field(
        default=72, description="how far back hours that were missed, or whose files changed, are processed (1 to 336)"
    )
    psi: t.PsiThresholds = Field(
        default=(0.1, 0.2),
        description=(
            "population stability index of numbers, categories and scores: the values from which it is a warning and "
            "drift"
        ),
    )
    share: t.PercentagePoints = Field(
        default=(5, 10),
        description="points by which the share of a category or of one number moved; of all values, if the numbers "
        "besides a most common one moved",
    )
    rate: t.PercentagePoints = Field(
        default=(2, 5), description="points by which the rate of missing, or of unseen, values moved"
    )
    false_discovery_rate: t.Fraction = Field(
        default=0.001,
        description=(
            "significance level for all tests of a model's features together: a p-value below it is evidence of a "
            "change"
        ),
    )
    ticket_share: t.PositivePercent = Field(
        default=10, description="percent of the features with lasting drift, from which it is a ticket"
    )
    page_share: t.PositivePercent = Field(
        default=30, description="percent of the features with lasting drift, from which it is a page"
    )


class RegistrySettings(Section):
    """How long a published version cannot be deleted, in days of object lock (governance mode), 0 is no lock; and
    whether `tidewatch publish` signs versions, and with which key."""

    object_lock_days: Annotated[int, Field(ge=0, le=36500), BeforeValidator(t.parse_int)] = Field(
        default=0,
        description="days for which a published version cannot be deleted (governance mode); the bucket is changed "
        "in place, and 0 ends it for new versions",
    )
    signing: bool = Field(
        default=False,
        description="whether `tidewatch publish` signs versions with a key of KMS, which the stack creates "
        "(docs/governance.md)",
    )
    signing_key: str = Field(
        default="",
        description="the ARN of a key to sign with instead: ECC_NIST_P256, P384 or P521 with the usage SIGN_VERIFY",
    )


class ImageSettings(Section):
    """Which container images may be served: repositories of ECR, or all below a prefix that ends in /*; empty: any."""

    repositories: a.Repositories = Field(
        default=(),
        description="the repositories of images that may be served, as `HOST/REPOSITORY`, or `HOST/PREFIX/*` for all "
        "below; the preview refuses a version with another image. Empty: any",
    )


class LogSettings(Section):
    """How long access logs and the functions' logs are kept, in days that CloudWatch offers."""

    retention_days: t.LogDays = Field(
        default=30,
        description="retention of access logs and of functions' and containers' logs, in days that CloudWatch offers",
    )


class VpcSettings(Section):
    """The network of the containers. Without it they run in SageMaker's network, isolated as well.

    Ids, or ARNs of what another account shares with this one.
    """

    subnets: a.Subnets = Field(
        description="subnets of the containers' network: at most 16, by their ids, or by their ARNs if another "
        "account shares them"
    )
    security_groups: a.SecurityGroups = Field(
        description="security groups of the containers' network: at most 5, by their ids, or by their ARNs if "
        "another account shares them"
    )


class AccessSettings(Section):
    """Who may take the roles for people, and who runs `pulumi up`: IAM principals by their ARNs, or permission sets of
    IAM Identity Center.

    Empty: whoever IAM lets in this account; to take a role, with a second factor. Deployers
    are beside break-glass the only ones who may change the settings of the registry's bucket.
    """

    break_glass: a.Principals = Field(
        default=(),
        description="who may assume the role that deletes from the registry, see below; empty: anybody in the "
        "account whom IAM allows, with MFA",
    )
    capture_readers: a.Principals = Field(
        default=(), description="who may assume the role that reads captured records; empty: the same"
    )
    deployers: a.Deployers = Field(
        default=(),
        description="who runs `pulumi up`: besides break-glass, only these may change the settings of the registry's "
        "bucket. Empty: anybody whom IAM allows; `tidewatch doctor` warns about that in production",
    )


class AutoscalingSettings(Section):
    """Target tracking on invocations per instance and minute; the minimum is the variant's own count, or the floor."""

    maximum: t.Count = Field(
        description=(
            "maximum number of a variant's instances; the minimum is its own count, for the champion at least the floor"
        )
    )
    invocations_per_instance: t.Positive = Field(
        description="the target number of invocations, per instance and minute"
    )
    scale_in_seconds: t.WaitSeconds = Field(
        default=300,
        description="the cooldown before instances are removed. SageMaker requires that a variant's scaling is "
        "deregistered while its instance type changes: everything attached to it, suspension, tags and "
        "scheduled actions included, is registered again afterwards under another ARN, so run the next "
        "edit of `tags` with `--refresh`",
    )
    scale_out_seconds: t.WaitSeconds = Field(default=60, description="the cooldown before instances are added")


class StackSettings(Section):
    """One stack, as its config declares it."""

    region: str = Field(description="the region of all resources: one that botocore knows")
    connection: InstanceOf[Connection] = Connection()
    secret: frozenset[str] = frozenset()
    """The top-level keys under `tidewatch:` that contain a secret."""
    model: ModelSettings = Field(description="the model, and who is responsible for it")
    endpoint: EndpointSettings = Field(description="the hosts of the endpoint, and what it captures")
    variants: dict[VariantName, VariantSettings] = Field(
        default_factory=dict[VariantName, VariantSettings], description="the served versions, by variant"
    )
    rollback_to: VariantName | None = Field(
        default=None,
        description="the champion: the variant that a rollback sends all traffic to; required with variants",
    )
    rollback: RollbackSettings = Field(default=RollbackSettings(), description="whether alarms roll back by themselves")
    drift: DriftSettings = Field(
        default=DriftSettings(), description="how strictly requests are compared with the training data"
    )
    alarms: AlarmSettings = Field(default=AlarmSettings(), description="the thresholds of alarms")
    slo: SloSettings = Field(default=SloSettings(), description="the objectives of the endpoint")
    notify: NotificationSettings = Field(
        default=NotificationSettings(), description="who is notified, and the location of the runbooks"
    )
    acknowledged_incident: str = Field(
        default="", description="the acknowledged incident; written by `tidewatch acknowledge`"
    )
    registry: RegistrySettings = Field(default=RegistrySettings(), description="the bucket of the versions")
    governance: GovernanceSettings = Field(
        default=GovernanceSettings(), description="what a version must bring to be served"
    )
    image: ImageSettings = Field(default=ImageSettings(), description="the container images that may be served")
    logs: LogSettings = Field(default=LogSettings(), description="how long logs are kept")
    vpc: VpcSettings | None = Field(
        default=None,
        description="the network of the containers; without it they run in SageMaker's network, also isolated",
    )
    access: AccessSettings = Field(
        default=AccessSettings(), description="who may assume the roles for people, and who deploys"
    )
    autoscaling: AutoscalingSettings | None = Field(
        default=None, description="target tracking on invocations; off unless declared"
    )
    policies: dict[str, Any] = Field(
        default_factory=dict[str, Any],
        description="how strictly the policy pack is enforced: by policy, and for `all`, `mandatory`, `advisory` or "
        "`disabled`, or an object with `enforcementLevel` and the policy's settings (docs/policies.md)",
    )
    retire: bool = Field(
        default=False,
        description="`true` lets `up` delete the endpoint of a serving stack once `variants` and `rollbackTo` are "
        "removed",
    )
    protect: bool = Field(
        default=False,
        description="whether the endpoint, its rollback, the buckets and the tables are protected from deletion",
    )
    force_destroy: bool = Field(
        default=False,
        description="whether `destroy` deletes the data too; otherwise buckets, their keys and tables stay",
    )
    tags: dict[a.TagKey, a.TagValue] = Field(
        default_factory=dict[str, str],
        description="tags of every resource, besides those that begin with `tidewatch:` and `aws:defaultTags`: at "
        "most 50 together, and at most 10 in `aws:defaultTags`, since S3 objects get them too",
    )

    @property
    def champion(self) -> VariantName:
        """The variant that a rollback goes back to; raises ValueError for a stack without variants."""
        if self.rollback_to is None:
            raise ValueError("a stack without variants has no champion")
        return self.rollback_to

    @property
    def floor(self) -> int:
        """The number of instances that the champion never goes below."""
        return self.rollback.floor or self.variants[self.champion].instances

    @property
    def shares(self) -> dict[str, float]:
        """The declared weights as shares of the traffic."""
        shares = Split.of({name: variant.weight for name, variant in self.variants.items()}).shares
        return {name: round(share, 6) for name, share in shares.items()}
