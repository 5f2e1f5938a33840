"""Reads the manifests of the versions that the config names, before the first resource.

It reads with boto3, because a resource that reads them would be unknown in a preview and fail in the middle of an `up`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from components.sagemaker.gate import explain_model_rename
from stacks.config.governance import SignatureSettings
from stacks.config.schema import StackSettings
from stacks.missing_registry import explain_missing_registry
from tidewatch.aws import ecr, sessions
from tidewatch.aws.errors import get_error_code
from tidewatch.permissions.trust_policy import is_trusted_caller
from tidewatch.registry import (
    ModelRegistry,
    RegistryError,
    RegistryLocation,
    ResolvedVersion,
    TaggingClient,
    find_registry,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient


class PreflightError(Exception):
    """The reasons why a config cannot be deployed, one on each line."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True)
class PreflightClients:
    """The clients that the preflight reads with."""

    ssm: SSMClient
    s3: S3Client
    tagging: TaggingClient

    @classmethod
    def of(cls, settings: StackSettings) -> PreflightClients:
        """Returns clients that connect to AWS as the stack's AWS provider does."""
        client = partial(sessions.create_client, settings.connection)
        return cls(client("ssm"), client("s3"), client("resourcegroupstaggingapi"))


@dataclass(frozen=True)
class PreflightResult:
    """What the preflight found."""

    versions: Mapping[str, ResolvedVersion]
    """The resolved version of each variant."""
    locked: bool
    """Whether the registry's bucket has an object lock."""
    bucket: str = ""
    """The registry's bucket; "" if there is none yet."""


def resolve(
    settings: StackSettings, project: str, stack: str, clients: PreflightClients | None = None
) -> PreflightResult:
    """Returns the version of each variant, found in the registry and unchanged since it was published.

    Raises PreflightError, naming every variant whose version cannot be deployed, and if the stack belongs to another
    model.
    """
    model = settings.model.name
    with _convert_errors():
        preflight_clients = clients or PreflightClients.of(settings)
        location = find_registry(preflight_clients.ssm, preflight_clients.s3, preflight_clients.tagging, project, stack)
        locked = _has_object_lock(preflight_clients.s3, location)
    if location and location.model != model:
        raise PreflightError((explain_model_rename(location.model, model),))
    if not settings.variants:
        return PreflightResult({}, locked, location.bucket if location else "")
    if location is None:
        with _convert_errors():
            advice = explain_missing_registry(
                preflight_clients.ssm, preflight_clients.s3, preflight_clients.tagging, (project, stack), model
            )
        raise PreflightError((advice,))
    registry = ModelRegistry(preflight_clients.s3, location.bucket, model)
    resolved: dict[str, ResolvedVersion] = {}
    mistakes: list[str] = []
    for name, variant in sorted(settings.variants.items()):
        try:
            resolved[name] = registry.verify(variant.version)
        except RegistryError as error:
            mistakes.append(f"tidewatch:variants.{name}.version: {error}")
        else:
            path = f"tidewatch:variants.{name}.version"
            if settings.governance.signatures.required:
                mistakes += _find_signature_fault(registry, resolved[name], settings.governance.signatures, path)
            mistakes += _find_unreachable_image(resolved[name], settings.region, path)
            mistakes += _find_unlisted_image(resolved[name], settings.image.repositories, path)
    if mistakes:
        raise PreflightError(tuple(mistakes))
    return PreflightResult(resolved, locked, location.bucket)


def require_deployer(settings: StackSettings) -> None:
    """Raises PreflightError if the config names the deployers and the caller is none of them.

    Only an `up` calls this: a preview changes nothing, and anyone with read access may run it. Without this check, the
    first `up` of somebody else would give the registry a policy that the same person's next `up` could not change.
    """
    people = settings.access.deployers
    if not people:
        return
    with _convert_errors("The identity of the caller cannot be read"):
        caller = str(sessions.create_client(settings.connection, "sts").get_caller_identity()["Arn"])
    if not is_trusted_caller(people, caller):
        raise PreflightError(
            (
                f"tidewatch:access.deployers: names {', '.join(people)}, but this runs as {caller}, and the "
                f"registry's policy would not let {caller} change the bucket again. Run it as one of them; to let "
                "somebody else deploy, add them there and run `pulumi up` once as a deployer who is already named.",
            )
        )


@contextmanager
def _convert_errors(prefix: str = "The registry cannot be found") -> Generator[None]:
    """Converts a refusal by AWS or the registry into PreflightError."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise PreflightError((f"{prefix}: {error}",)) from None
    except RegistryError as error:
        raise PreflightError((str(error),)) from None
    except sessions.AccountNotAllowed as error:
        raise PreflightError((str(error),)) from None


def _find_signature_fault(
    registry: ModelRegistry, version: ResolvedVersion, signatures: SignatureSettings, path: str
) -> Iterator[str]:
    """Yields a mistake unless a pinned key, which counted when the version was created, signed its files as they are.

    It reads the pinned keys from the config and asks no KMS, so that a deployment does not depend on the key.
    """
    # Imported only here, because it loads cryptography, which a stack without required signatures does not need.
    from tidewatch.signatures import trust_checksums, verify_version

    label = f"{version.manifest.name}/{version.version}"
    read_digest = trust_checksums(registry, version.version, version.manifest)
    try:
        report = verify_version(registry, version.version, signatures.pinned_keys, read_digest)
    except RegistryError as error:
        yield f"{path}: {error}"
        return
    if report.faults:
        yield (
            f"{path}: {label} has no valid signature, which tidewatch:governance.signatures requires: "
            f"{'; '.join(report.faults)}. Publish the model under another version, from a stack that signs, or pin the "
            "key that signed it; if files changed, find out who wrote them"
        )


def _find_unreachable_image(version: ResolvedVersion, region: str, path: str) -> Iterator[str]:
    """Yields a mistake if SageMaker cannot pull the image: it pulls from ECR in the endpoint's own region only.

    Source: ContainerDefinition, "Image".
    """
    image = ecr.parse_image(version.image)
    if image is not None and image.region != region:
        yield (
            f"{path}: the image of {version.manifest.name}/{version.version} is in {image.region}, but SageMaker "
            f"pulls images only from the endpoint's region, {region}; publish a version with an image there "
            "(`--image`)"
        )


def _find_unlisted_image(version: ResolvedVersion, repositories: Sequence[str], path: str) -> Iterator[str]:
    """Yields a mistake if the image is from none of the listed repositories.

    An image runs with the serving role and reads what callers send, and its publisher does not show whose image it is.
    """
    if repositories and not ecr.is_in_repositories(version.image, repositories):
        yield (
            f"{path}: the image of {version.manifest.name}/{version.version}, {version.image}, is in none of the "
            f"repositories of tidewatch:image.repositories, {', '.join(repositories)}; publish a version with an "
            "image from one of them (`--image`), or have its repository added there"
        )


def _has_object_lock(s3: S3Client, location: RegistryLocation | None) -> bool:
    """Whether the registry's bucket has an object lock, which S3 never removes."""
    if location is None:
        return False
    try:
        return "ObjectLockConfiguration" in s3.get_object_lock_configuration(Bucket=location.bucket)
    except ClientError as error:
        if get_error_code(error) in ("ObjectLockConfigurationNotFoundError", "NoSuchBucket"):
            return False
        raise
