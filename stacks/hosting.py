"""What SageMaker hosts on, read from botocore's own model of the service: it moves with the locked dependency."""

from __future__ import annotations

import functools
import gzip
import json
import re
from collections.abc import Mapping
from pathlib import Path

import botocore

CONTENT_TYPE = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*/[a-zA-Z0-9](-*[a-zA-Z0-9.])*")
"""CsvContentType and JsonContentType in SageMaker's model: no `+` and no `;`."""

_SHAPE = re.compile(r'"ProductionVariantInstanceType":\s*\{\s*"type":\s*"string",\s*"enum":\s*(\[[^\]]*\])')

_LOCAL_STORAGE = re.compile(r"ml\.(g4dn|g5|g6|g6e|gr6|p3dn|p4d|p4de|p5\w*|p6[\w-]*|trn\d\w*|[cmr]\d[a-z]*d[a-z]*)\.")

_DEVICES: Mapping[str, Mapping[str, int]] = {
    "p2": {"xlarge": 1, "8xlarge": 8, "16xlarge": 16},
    "p3": {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8},
    "p5": {"4xlarge": 1, "48xlarge": 8},
    "g4dn": {"12xlarge": 4, "": 1},
    "g5": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8, "": 1},
    "g6": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8, "": 1},
    "g6e": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8, "": 1},
    "g7e": {"12xlarge": 2, "24xlarge": 4, "48xlarge": 8, "": 1},
    "gr6": {"": 1},
    "p6-b200": {"": 8},
}
"""NVIDIA devices by family and size; "" is any other size. Families of p that are not here have eight a host.
Source: EC2 instance types guide, "Accelerated computing"."""


@functools.cache
def instance_types() -> frozenset[str]:
    """Every instance type that a production variant can ask for.

    The whole model is 2.5 MB and takes 60 ms to parse; the one list cut out of its text takes six.
    """
    model = Path(botocore.__file__).parent / "data/sagemaker/2017-07-24/service-2.json.gz"
    return cut_instance_types(gzip.decompress(model.read_bytes()).decode()) or parsed_instance_types()


def cut_instance_types(model: str) -> frozenset[str]:
    """The list in a model's text; empty where botocore writes its models differently."""
    found = _SHAPE.search(model)
    return frozenset(json.loads(found.group(1))) if found else frozenset()


def parsed_instance_types() -> frozenset[str]:
    """The same list through botocore."""
    import botocore.loaders

    model = botocore.loaders.create_loader().load_service_model("sagemaker", "service-2")
    return frozenset(model["shapes"]["ProductionVariantInstanceType"]["enum"])


def keeps_local_storage(instance_type: str) -> bool:
    """Whether the hosts carry NVMe disks of their own, which a volume key does not encrypt."""
    return _LOCAL_STORAGE.match(instance_type) is not None


def devices(instance_type: str) -> int:
    """Graphics processors of a host; their metrics go up to 100 for each. Hosts without one, or with Inferentia: 0."""
    _, family, size = instance_type.split(".")
    if family in _DEVICES:
        sizes = _DEVICES[family]
        return sizes.get(size, sizes.get("", 1))
    return 8 if re.match(r"p\d", family) else 0
