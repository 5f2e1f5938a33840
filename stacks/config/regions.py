"""Regions, partitions and ARNs as AWS knows them, from botocore's own list: it moves with the locked dependency."""

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
    """The parts of an ARN; region and account are "" where the service has none in it."""

    partition: str
    service: str
    region: str
    account: str
    resource: str


_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]*):(\d{12}|):(\S+)")


def parse_arn(text: str) -> Arn | None:
    """The parts of an ARN; None where the text is none."""
    found = _ARN.fullmatch(text)
    return Arn(*found.groups()) if found else None


@functools.cache
def partitions() -> Mapping[str, str]:
    """The partition of each region, without the places that stand for a whole partition, like aws-global."""
    path = Path(botocore.__file__).parent / "data/partitions.json"
    document = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
    return {
        region: str(partition["id"])
        for partition in document["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")
    }


def find_nearest_region(text: str) -> str:
    """The region that a text is most like."""
    return (difflib.get_close_matches(text, sorted(partitions()), 1) or ["us-east-1"])[0]


def describe_mismatch(arn: Arn, region: str) -> str | None:
    """Where an ARN lies if not in the partition and region of the stack, as the end of a sentence; else None.

    An ARN without a region, of IAM say, lies in all regions of its partition.
    """
    partition = partitions().get(region)
    if partition is not None and arn.partition != partition:
        return f"is in the partition {arn.partition}, and {region} is in {partition}"
    if arn.region and arn.region != region:
        return f"is in {arn.region}, and the stack in {region}"
    return None
