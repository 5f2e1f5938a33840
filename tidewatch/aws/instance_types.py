"""What SageMaker hosts on, from botocore's model of the service, so that it is updated with the locked dependency."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

CONTENT_TYPE_PATTERN = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*/[a-zA-Z0-9](-*[a-zA-Z0-9.])*")
"""CsvContentType and JsonContentType in SageMaker's model: no `+` and no `;`."""

INSTANCE_TYPES = "ProductionVariantInstanceType"
AMI_VERSIONS = "ProductionVariantInferenceAmiVersion"
"""The shapes of SageMaker's model whose values this module reads."""

_LOCAL_NVME_PATTERN = re.compile(
    r"ml\.(dl1|g4dn|g5|g6|g6e|g7|g7e|gr6|p3dn|p4d|p4de|p5\w*|p6[\w-]*|trn\d\w*|[cmr]\d[a-z]*d[a-z]*)\."
)
_GPU_PATTERN = re.compile(r"ml\.(p|g|gr)\d")
_NEURON_PATTERN = re.compile(r"ml\.(inf|trn)\d")

_GPU_COUNTS: Mapping[str, Mapping[str, int]] = {
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
"""NVIDIA GPUs by family and size; "" is any other size. A family of p that is missing here has eight per host.

Source: EC2 instance types guide, "Accelerated computing"; for g7, observed by others: kubernetes/autoscaler issue 9854.
"""


@functools.cache
def list_instance_types() -> frozenset[str]:
    """Returns every instance type that a production variant can have."""
    return _read_enum(INSTANCE_TYPES)


@functools.cache
def list_ami_versions() -> frozenset[str]:
    """Returns every machine image, with its drivers, that a production variant's hosts can start from."""
    return _read_enum(AMI_VERSIONS)


def _read_enum(shape: str) -> frozenset[str]:
    return frozenset(_load_shapes()[shape]["enum"])


@functools.cache
def _load_shapes() -> Mapping[str, Any]:
    """Returns the shapes of SageMaker's model.

    A process's first validation takes 0.06 s of processor time with it; with the lists cut out of the model's text it
    took 0.02 s. The import is here because it takes 0.27 s where botocore is not loaded yet; the commands and the
    program have loaded it for their calls.
    """
    from botocore.loaders import Loader

    return Loader().load_service_model("sagemaker", "service-2")["shapes"]


def has_drivers(ami_version: str, instance_type: str) -> bool:
    """Whether a machine image has drivers for the accelerators of an instance type, according to the image's name."""
    family_pattern = _GPU_PATTERN if "-gpu-" in ami_version else _NEURON_PATTERN if "-neuron-" in ami_version else None
    return family_pattern is None or family_pattern.match(instance_type) is not None


def has_local_nvme(instance_type: str) -> bool:
    """Whether the hosts have their own NVMe disks, which a volume key does not encrypt."""
    return _LOCAL_NVME_PATTERN.match(instance_type) is not None


def count_gpus(instance_type: str) -> int:
    """Returns the GPUs of a host, 0 for hosts without any or with Inferentia.

    Their metrics go up to 100 for each GPU.
    """
    _, family, size = instance_type.split(".")
    if family in _GPU_COUNTS:
        sizes = _GPU_COUNTS[family]
        return sizes.get(size, sizes.get("", 1))
    return 8 if re.match(r"p\d", family) else 0
