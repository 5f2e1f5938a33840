"""Where a container image lies, read off its address.

Source: ECR user guide, "Amazon ECR private registry", and AWS General Reference, "Amazon ECR endpoints and quotas":
{account}.dkr.ecr.{region}.{suffix}, its FIPS form dkr.ecr-fips, and {account}.dkr-ecr.{region}.on.aws for both kinds of
addresses. The suffix is the partition's: amazonaws.com, amazonaws.com.cn, amazonaws.eu and others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ADDRESS = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+/(?P<repository>[^@:]+)@(?P<digest>.+)"
)


@dataclass(frozen=True)
class Image:
    """An image in a private registry of ECR, by its digest, `sha256:...`."""

    account: str
    region: str
    repository: str
    digest: str


def image(address: str) -> Image | None:
    """The image that an address by digest names; None where it is in another registry than ECR."""
    found = _ADDRESS.fullmatch(address)
    return Image(**found.groupdict()) if found else None
