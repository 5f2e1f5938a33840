"""AWS's regions, partitions and ARNs, from botocore's list, so that it is updated with the locked dependency."""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import botocore


@dataclass(frozen=True)
class Arn:
    """The parts of an ARN."""

    partition: str
    service: str
    region: str
    """"" if the service has no region in its ARNs."""
    account: str
    """"" if the service has no account in its ARNs."""
    resource: str


_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]*):(\d{12}|):(\S+)")


def parse_arn(text: str) -> Arn | None:
    """Returns the parts of an ARN; None if the text is no ARN."""
    found = _ARN.fullmatch(text)
    return Arn(*found.groups()) if found else None


@functools.cache
def partitions() -> Mapping[str, str]:
    """Returns the partition of each region, without entries for a whole partition, such as aws-global."""
    path = Path(botocore.__file__).parent / "data/partitions.json"
    document = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
    return {
        region: str(partition["id"])
        for partition in document["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")
    }


def find_nearest_region(text: str) -> str:
    """Returns the region that is most similar to a text."""
    return (difflib.get_close_matches(text, sorted(partitions()), 1) or ["us-east-1"])[0]


def describe_mismatch(arn: Arn, region: str) -> str | None:
    """Returns where an ARN is if not in the stack's partition and region, as the end of a sentence; else None.

    An ARN without a region, such as IAM's, is in all regions of its partition.
    """
    partition = partitions().get(region)
    if partition is not None and arn.partition != partition:
        return f"is in the partition {arn.partition}, and {region} is in {partition}"
    if arn.region and arn.region != region:
        return f"is in {arn.region}, and the stack in {region}"
    return None
