"""Parses the address of a container image in ECR.

Source: ECR user guide, "Amazon ECR private registry", and AWS General Reference, "Amazon ECR endpoints and quotas":
{account}.dkr.ecr.{region}.{suffix}, its FIPS form dkr.ecr-fips, and {account}.dkr-ecr.{region}.on.aws for both kinds of
addresses. The suffix is the partition's: amazonaws.com, amazonaws.com.cn, amazonaws.eu and others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ADDRESS = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+/(?P<repository>[^@:]+)@(?P<digest>.+)"
)


@dataclass(frozen=True)
class EcrImage:
    """An image in a private registry of ECR, by its digest, `sha256:...`."""

    account: str
    region: str
    repository: str
    digest: str


def parse_image(address: str) -> EcrImage | None:
    """Returns the image of an address with a digest, or None if it is not in ECR."""
    found = _ADDRESS.fullmatch(address)
    return EcrImage(**found.groupdict()) if found else None


def is_in_repositories(address: str, repositories: Sequence[str]) -> bool:
    """Whether an address with a digest is in one of these repositories: HOST/REPOSITORY or HOST/PREFIX/*.

    They are compared as texts with the host, so another name of the same registry must be listed too, and a similar
    name does not match. A tag before the digest is ignored.
    """
    host, _, path = address.partition("@")[0].partition("/")
    repository = path.partition(":")[0]
    if any(part in ("", ".", "..") for part in repository.split("/")):
        return False
    return any(_is_covered(entry, f"{host}/{repository}") for entry in repositories)


def _is_covered(entry: str, repository: str) -> bool:
    return repository.startswith(entry[:-1]) if entry.endswith("/*") else repository == entry
