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

INSTANCE_TYPES = "ProductionVariantInstanceType"
AMI_VERSIONS = "ProductionVariantInferenceAmiVersion"
"""The shapes of SageMaker's model whose values are read here."""

_LOCAL_STORAGE = re.compile(
    r"ml\.(dl1|g4dn|g5|g6|g6e|g7|g7e|gr6|p3dn|p4d|p4de|p5\w*|p6[\w-]*|trn\d\w*|[cmr]\d[a-z]*d[a-z]*)\."
)
_GPU = re.compile(r"ml\.(p|g|gr)\d")
_NEURON = re.compile(r"ml\.(inf|trn)\d")

_DEVICES: Mapping[str, Mapping[str, int]] = {
    "p2": {"xlarge": 1, "8xlarge": 8, "16xlarge": 16},
    "p3": {"2xlarge": 1, "8xlarge": 4, "16xlarge": 8},
    "p5": {"4xlarge": 1, "48xlarge": 8},
    "g4dn": {"12xlarge": 4, "": 1},
    "g5": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8, "": 1},
    "g6": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8, "": 1},
    "g6e": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8, "": 1},
    "g7": {"8xlarge": 2, "12xlarge": 4, "24xlarge": 4, "48xlarge": 8, "": 1},
    "g7e": {"12xlarge": 2, "24xlarge": 4, "48xlarge": 8, "": 1},
    "gr6": {"": 1},
    "p6-b200": {"": 8},
    "p6e-gb200": {"": 4},
}
"""NVIDIA devices by family and size; "" is any other size. Families of p that are not here have eight a host.
Source: EC2 instance types guide, "Accelerated computing"; for g7, observed by others: kubernetes/autoscaler issue
9854."""


@functools.cache
def instance_types() -> frozenset[str]:
    """Every instance type that a production variant can ask for."""
    return _values(INSTANCE_TYPES)


@functools.cache
def ami_versions() -> frozenset[str]:
    """Every machine image, with its drivers, that a production variant's hosts can be started from."""
    return _values(AMI_VERSIONS)


def _values(shape: str) -> frozenset[str]:
    return cut_values(_model(), shape) or parsed_values(shape)


@functools.cache
def _model() -> str:
    """SageMaker's model as text: it is 2.5 MB and takes 60 ms to parse; the lists cut out of its text take six."""
    model = Path(botocore.__file__).parent / "data/sagemaker/2017-07-24/service-2.json.gz"
    return gzip.decompress(model.read_bytes()).decode()


def cut_values(model: str, shape: str) -> frozenset[str]:
    """The values of a shape in a model's text; empty where botocore writes its models differently."""
    found = re.search(rf'"{shape}":\s*\{{\s*"type":\s*"string",\s*"enum":\s*(\[[^\]]*\])', model)
    return frozenset(json.loads(found.group(1))) if found else frozenset()


def parsed_values(shape: str) -> frozenset[str]:
    """The same values through botocore."""
    import botocore.loaders

    model = botocore.loaders.create_loader().load_service_model("sagemaker", "service-2")
    return frozenset(model["shapes"][shape]["enum"])


def drives(ami_version: str, instance_type: str) -> bool:
    """Whether a machine image has drivers for the accelerators of an instance type: its name says for which."""
    wanted = _GPU if "-gpu-" in ami_version else _NEURON if "-neuron-" in ami_version else None
    return wanted is None or wanted.match(instance_type) is not None


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
