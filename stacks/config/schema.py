"""The stack config as frozen values, one class a section; its keys are these names in camelCase."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, InstanceOf

from stacks.config import aws_types as a
from stacks.config import instance_types
from stacks.config import types as t
from stacks.config.alarm_settings import AlarmSettings
from stacks.config.monitoring import NotificationSettings, SloSettings
from stacks.config.types import Section
from tidewatch.aws.connection import Connection
from tidewatch.traffic import Split


class ModelSettings(Section):
    """Whose model is served, and who answers for it."""

    name: t.Name = Field(
        description="the model's and the endpoint's name: letters, digits and hyphens, at most 63 characters"
    )
    owner: a.Owner = Field(
        description="who answers for the model; a tag of everything: letters, digits, spaces and `_.:/=+-@`"
    )
    oncall: a.Contact = Field(description="who is on call: runbooks name them; who gets messages is in `notify`")
    escalation: a.Contact = Field(
        description="who is called when others do not answer: runbooks name them; who gets messages is in `notify`"
    )
    approvers: tuple[a.Contact, ...] = Field(
        default=(), description="who is to approve versions: on record, not checked yet"
    )


class RolloutSettings(Section):
    """How SageMaker moves an unchanged set of variants to a new configuration (its deployment guardrails)."""

    strategy: Literal["allAtOnce", "canary", "linear"] = Field(
        default="allAtOnce",
        description="how a new fleet takes over: `canary` and `linear` need two instances a variant",
    )
    step_percent: t.StepPercent = Field(
        default=10, description="capacity of a step: `canary` up to 50, `linear` 10 to 50"
    )
    wait_seconds: t.WaitSeconds = Field(
        default=300,
        description="between the steps, and before a deployment counts as done; all waits of a rollout have to fit "
        "into four hours",
    )
    termination_wait_seconds: t.WaitSeconds = Field(default=300, description="how long the old fleet stays afterwards")


class EndpointSettings(Section):
    """The hosts of the endpoint and what it captures. Durations in days and seconds, sampling in percent."""

    platform: t.Platform = Field(default="sagemaker", description="what serves the model")
    instance_type: t.InstanceType = Field(description="one that SageMaker offers for hosting")
    inference_ami_version: a.Ami = Field(
        default="",
        description="the machine image of the hosts, by its drivers, see below; default: SageMaker's choice",
    )
    environment: a.Environment = Field(
        default_factory=dict[str, str],
        description="variables of the container beside Triton's own: at most 100, each name and value at most 1,024 "
        "bytes",
    )
    volume_key: str = Field(
        default="",
        description="the ARN of a KMS key, in the stack's region, for the hosts' volumes; not for families with "
        "local NVMe disks",
    )
    hourly_price: t.Price | None = Field(
        default=None, description="what a host costs an hour: the executive dashboard then shows money beside hours"
    )
    startup_seconds: Annotated[int, Field(ge=60, le=3600), BeforeValidator(t.parse_int)] = Field(
        default=600, description="how long a container may take to become healthy (60 to 3600)"
    )
    download_seconds: Annotated[int, Field(ge=60, le=3600), BeforeValidator(t.parse_int)] = Field(
        default=900, description="how long the artifact may take to arrive on a host (60 to 3600)"
    )
    capture_sampling: t.Percent = Field(default=100, description="percent of the requests captured")
    capture_retention_days: t.Days = Field(default=30, description="after which captured records expire")
    capture_prefix: t.Prefix = Field(default="capture", description="where captured records go in their bucket")
    csv_content_types: a.ContentTypes = Field(default=("text/csv",), description="captured as CSV")
    json_content_types: a.ContentTypes = Field(
        default=("application/json",), description="captured as JSON; all others as BASE64"
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
        description="a version of the registry, never `latest`; the variants are `blue` and `green`"
    )
    weight: t.Weight = Field(description="its part of the traffic is its weight divided by the sum")
    instances: t.Count = Field(default=1, description="hosts of the variant")
    environment: a.Environment = Field(
        default_factory=dict[str, str],
        description="variables of this variant's container, over `endpoint.environment`: the challenger tries a "
        "setting first",
    )


class RollbackSettings(Section):
    """Whether alarms roll back automatically, which production must set, and the instances that the champion never goes
    below."""

    automatic: bool = Field(
        default=True,
        description="whether a challenger's guardrail calls the rollback function; `false` notifies with the "
        "command. In production it must be set",
    )
    floor: t.Count | None = Field(
        default=None, description="instances the champion never goes below; default: its own count"
    )


class DriftSettings(Section):
    """Whether and how strictly production is compared with training. A pair is the limit of a warning and of drift."""

    enabled: bool = Field(
        default=True, description="whether what the endpoint captures is compared with the training data"
    )
    lag_minutes: t.LagMinutes = Field(
        default=20, description="how long after its end an hour is read: captured files arrive late (5 to 1440)"
    )
    look_back_hours: t.LookBackHours = Field(
        default=72, description="how far back hours that were missed, or whose files changed, are done (1 to 336)"
    )
    psi: t.PsiThresholds = Field(
        default=(0.1, 0.2),
        description="population stability index of numbers, categories and scores: a warning from, drift from",
    )
    share: t.PercentagePoints = Field(
        default=(5, 10),
        description="points by which the share of a category, or of one number, moved; or of all values, where "
        "numbers beside a most common one did",
    )
    rate: t.PercentagePoints = Field(
        default=(2, 5), description="points by which the rate of missing, or of unseen, values moved"
    )
    false_discovery_rate: t.Fraction = Field(
        default=0.001, description="of all tests of a model's features at once: evidence that a change is no chance"
    )
    ticket_share: t.PositivePercent = Field(
        default=10, description="percent of the features whose drift lasts, from which it is a ticket"
    )
    page_share: t.PositivePercent = Field(
        default=30, description="percent of the features whose drift lasts, from which it is a page"
    )


class RegistrySettings(Section):
    """How long a published version cannot be deleted, in days of object lock (governance mode); 0 is no lock."""

    object_lock_days: Annotated[int, Field(ge=0, le=36500), BeforeValidator(t.parse_int)] = Field(
        default=0,
        description="days a published version cannot be deleted (governance mode); put on the bucket in place, and "
        "back to 0 ends it for new versions",
    )


class ImageSettings(Section):
    """Which container images may be served: repositories of ECR, or all below a prefix that ends in /*; empty: any."""

    repositories: a.Repositories = Field(
        default=(),
        description="from where images may be served, as `HOST/REPOSITORY`, or `HOST/PREFIX/*` for all below; a "
        "version with another image is refused in the preview. Empty: any",
    )


class LogSettings(Section):
    """How long access logs and the functions' logs are kept, in days that CloudWatch offers."""

    retention_days: t.LogDays = Field(
        default=30, description="of access logs, and of functions' and containers' logs, in days that CloudWatch offers"
    )


class VpcSettings(Section):
    """The network of the containers. Without it they run in SageMaker's network, isolated as well.

    Ids, or ARNs of what another account shares with this one.
    """

    subnets: a.Subnets = Field(
        description="of the containers' network: at most 16, by their ids, or by their ARNs where another account "
        "shares them"
    )
    security_groups: a.SecurityGroups = Field(
        description="of the containers' network: at most 5, by their ids, or by their ARNs where another account "
        "shares them"
    )


class AccessSettings(Section):
    """Who may take the roles for people, and who runs `pulumi up`: IAM principals by their ARNs, or permission sets of
    IAM Identity Center.

    Empty: whoever IAM lets in this account; to take a role, with a second factor. Deployers
    are beside break-glass the only ones who may change the settings of the registry's bucket.
    """

    break_glass: a.Principals = Field(
        default=(),
        description="who may take the role that deletes from the registry, see below; empty: whoever IAM lets in the "
        "account, with a second factor",
    )
    capture_readers: a.Principals = Field(
        default=(), description="who may take the role that reads captured records; empty: the same"
    )
    deployers: a.Deployers = Field(
        default=(),
        description="who runs `pulumi up`: beside break-glass the only ones who may change the settings of the "
        "registry's bucket. Empty: whoever IAM lets; `tidewatch doctor` warns of that in production",
    )


class AutoscalingSettings(Section):
    """Target tracking on invocations per instance and minute; the minimum is the variant's own count, or the floor."""

    maximum: t.Count = Field(
        description="instances of a variant at most; the minimum is its own count, for the champion at least the floor"
    )
    invocations_per_instance: t.Positive = Field(description="the target, per instance and minute")
    scale_in_seconds: t.WaitSeconds = Field(
        default=300,
        description="the cooldown before instances go. SageMaker wants a variant's scaling deregistered while its "
        "instance type changes: what hung on it, suspension, tags and scheduled actions too, is registered again "
        "afterwards, under another ARN, so let the next edit of `tags` run with `--refresh`",
    )
    scale_out_seconds: t.WaitSeconds = Field(default=60, description="the cooldown before more instances come")


class StackSettings(Section):
    """One stack, as its config declares it."""

    region: str = Field(description="where everything lives: a region that botocore knows")
    connection: InstanceOf[Connection] = Connection()
    secret: frozenset[str] = frozenset()
    """The top-level keys under `tidewatch:` that contain a secret."""
    model: ModelSettings = Field(description="whose model is served, and who answers for it")
    endpoint: EndpointSettings = Field(description="the hosts of the endpoint, and what it captures")
    variants: dict[t.VariantName, VariantSettings] = Field(
        default_factory=dict[t.VariantName, VariantSettings], description="what serves, by variant"
    )
    rollback_to: t.VariantName | None = Field(
        default=None, description="the champion: the variant that a rollback goes to; required with variants"
    )
    rollback: RollbackSettings = Field(default=RollbackSettings(), description="whether alarms roll back by themselves")
    drift: DriftSettings = Field(
        default=DriftSettings(), description="how strictly production is compared with training"
    )
    alarms: AlarmSettings = Field(default=AlarmSettings(), description="from when something is wrong")
    slo: SloSettings = Field(default=SloSettings(), description="what is promised to the users of the endpoint")
    notify: NotificationSettings = Field(
        default=NotificationSettings(), description="who is notified, and where the runbooks are"
    )
    acknowledged_incident: str = Field(
        default="", description="the incident somebody took note of; written by `tidewatch acknowledge`"
    )
    registry: RegistrySettings = Field(default=RegistrySettings(), description="the bucket of the versions")
    image: ImageSettings = Field(default=ImageSettings(), description="the container images that may be served")
    logs: LogSettings = Field(default=LogSettings(), description="how long logs are kept")
    vpc: VpcSettings | None = Field(
        default=None,
        description="the network of the containers; without it they run in SageMaker's, isolated all the same",
    )
    access: AccessSettings = Field(
        default=AccessSettings(), description="who may take the roles for people, and who deploys"
    )
    autoscaling: AutoscalingSettings | None = Field(
        default=None, description="target tracking on invocations; off unless declared"
    )
    retire: bool = Field(
        default=False,
        description="`true` lets `up` end the endpoint of a stack that serves, once `variants` and `rollbackTo` are "
        "taken out",
    )
    protect: bool = Field(
        default=False,
        description="whether the endpoint, the way back from every change of its traffic, the buckets and the tables "
        "refuse to be deleted",
    )
    force_destroy: bool = Field(
        default=False,
        description="whether `destroy` takes the data too; without it buckets, their keys and tables stay",
    )
    tags: dict[a.TagKey, a.TagValue] = Field(
        default_factory=dict[str, str],
        description="on every resource, beside those that begin with `tidewatch:` and with `aws:defaultTags`: 50 "
        "together, and `aws:defaultTags` at most 10, since objects in S3 get them too",
    )

    @property
    def champion(self) -> t.VariantName:
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
