"""What is read before the first resource: the manifests of the versions that the config names.

Read with boto3, because a resource that reads them would be unknown in a preview and fail in the middle of an `up`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from components.sagemaker.gate import moving
from stacks.schema import Settings
from stacks.unfound import unfound
from tidewatch import ecr
from tidewatch.aws import sessions
from tidewatch.items import error_code
from tidewatch.people import is_one_of
from tidewatch.registry import Registry, RegistryError, ResolvedVersion
from tidewatch.registry.place import Place, Tagging, find

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient


class PreflightError(Exception):
    """What keeps a config from being deployed, a line each."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True)
class Readers:
    """The clients that the preflight reads with."""

    ssm: SSMClient
    s3: S3Client
    tagging: Tagging

    @classmethod
    def of(cls, settings: Settings) -> Readers:
        """Clients that speak to AWS as the stack's AWS provider does."""
        client = partial(sessions.client, settings.connection)
        return cls(client("ssm"), client("s3"), client("resourcegroupstaggingapi"))


@dataclass(frozen=True)
class Resolved:
    """What was found: the version of each slot, whether the registry's bucket has an object lock, and which bucket that
    is, "" where there is none yet."""

    versions: Mapping[str, ResolvedVersion]
    locked: bool
    bucket: str = ""


def resolve(settings: Settings, project: str, stack: str, readers: Readers | None = None) -> Resolved:
    """The version of each slot, found in the registry and unchanged since it was published.

    Raises PreflightError, naming every slot whose version cannot be deployed, and where the stack is another model's.
    """
    model = settings.model.name
    with _as_mistakes():
        found = readers or Readers.of(settings)
        place = find(found.ssm, found.s3, found.tagging, project, stack)
        locked = _locked(found.s3, place)
    if place and place.model != model:
        raise PreflightError((moving(place.model, model),))
    if not settings.variants:
        return Resolved({}, locked, place.bucket if place else "")
    if place is None:
        with _as_mistakes():
            advice = unfound(found.ssm, found.s3, found.tagging, (project, stack), model)
        raise PreflightError((advice,))
    registry = Registry(found.s3, place.bucket, model)
    resolved: dict[str, ResolvedVersion] = {}
    mistakes: list[str] = []
    for slot, variant in sorted(settings.variants.items()):
        try:
            resolved[slot] = registry.verify(variant.version)
        except RegistryError as error:
            mistakes.append(f"tidewatch:variants.{slot}.version: {error}")
        else:
            path = f"tidewatch:variants.{slot}.version"
            mistakes += _out_of_reach(resolved[slot], settings.region, path)
            mistakes += _not_listed(resolved[slot], settings.image.repositories, path)
    if mistakes:
        raise PreflightError(tuple(mistakes))
    return Resolved(resolved, locked, place.bucket)


def require_deployer(settings: Settings) -> None:
    """Raises PreflightError where the config names who deploys, and the caller is none of them.

    For an `up` alone: a preview changes nothing, and may run as whoever reads. Without this, the first `up` of somebody
    else would give the registry a policy that its next one could not change.
    """
    people = settings.access.deployers
    if not people:
        return
    with _as_mistakes("Who runs this cannot be told"):
        caller = str(sessions.client(settings.connection, "sts").get_caller_identity()["Arn"])
    if not is_one_of(people, caller):
        raise PreflightError(
            (
                f"tidewatch:access.deployers: names {', '.join(people)}, and this runs as {caller}, which the policy "
                "of the registry would keep from changing the bucket again. Run it as one of them; to let somebody "
                "else deploy, add them there, and run `pulumi up` once as one who was named before.",
            )
        )


@contextmanager
def _as_mistakes(what: str = "The registry cannot be looked up") -> Generator[None]:
    """Says what AWS or the registry refuses as what keeps the config from being deployed."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise PreflightError((f"{what}: {error}",)) from None
    except RegistryError as error:
        raise PreflightError((str(error),)) from None
    except sessions.ConnectionRefused as refused:
        raise PreflightError((str(refused),)) from None


def _out_of_reach(version: ResolvedVersion, region: str, path: str) -> Iterator[str]:
    """SageMaker pulls from ECR in the endpoint's own region only. Source: ContainerDefinition, "Image"."""
    image = ecr.image(version.image)
    if image is not None and image.region != region:
        yield (
            f"{path}: the image of {version.manifest.name}/{version.version} is in {image.region}, and SageMaker pulls "
            f"images from the endpoint's own region only, {region}; publish a version with an image there, by `--image`"
        )


def _not_listed(version: ResolvedVersion, repositories: Sequence[str], path: str) -> Iterator[str]:
    """An image runs with the serving role, beside what callers send: a publisher alone does not say whose."""
    if repositories and not ecr.is_listed(version.image, repositories):
        yield (
            f"{path}: the image of {version.manifest.name}/{version.version}, {version.image}, is in none of the "
            f"repositories of tidewatch:image.repositories, {', '.join(repositories)}; publish a version with an image "
            "from one of them, by `--image`, or let its repository be added there"
        )


def _locked(s3: S3Client, place: Place | None) -> bool:
    """Whether the registry's bucket has a lock, which is never taken off again."""
    if place is None:
        return False
    try:
        return "ObjectLockConfiguration" in s3.get_object_lock_configuration(Bucket=place.bucket)
    except ClientError as error:
        if error_code(error) in ("ObjectLockConfigurationNotFoundError", "NoSuchBucket"):
            return False
        raise
