"""The hosts of an endpoint: how many, of which kind, with which keys, and at what cost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import PolicyResource, ResourceValidationArgs, Severity

from policies.definition import Metadata, Settings, StackFinding, define_resource_policy, define_stack_policy
from policies.model_containers import list_containers, starts_with_any
from policies.resource_types import ENDPOINT_CONFIGURATION, MODEL, SCALABLE_TARGET, VARIANT_CAPACITY, read_list
from policies.stack_view import StackView, read_known
from tidewatch.aws.instance_types import count_gpus, has_local_nvme

_GPU_SERVER = re.compile(r"triton|vllm|tensorrt|djl-inference|-gpu\b|[-.]cu1\d\d", re.IGNORECASE)


def _check_instances(stack: StackView, settings: Settings) -> Iterator[StackFinding]:
    for owner, variant, count in _list_minimum_counts(stack):
        if count < settings["minInstances"]:
            yield StackFinding(
                f"{variant} may run on {count:g} instances; {settings['minInstances']:g} are asked for.", owner.urn
            )


def _list_minimum_counts(stack: StackView) -> Iterator[tuple[PolicyResource, str, float]]:
    """Yields each variant with the least instances that it may have, and the resource that owns their number."""
    owned: set[object] = set()
    for each in stack.of_type(VARIANT_CAPACITY):
        owned.add(each.props.get("variant"))
        yield each, str(each.props.get("variant")), each.props.get("instances") or 0
    for each in stack.of_type(SCALABLE_TARGET):
        if each.props.get("scalableDimension") == "sagemaker:variant:DesiredInstanceCount":
            owned.add(variant := _get_scaled_variant(each))
            yield each, variant, each.props.get("minCapacity") or 0
    for configuration in stack.of_type(ENDPOINT_CONFIGURATION):
        for variant in read_list(configuration.props, "productionVariants"):
            if variant.get("variantName") not in owned and not variant.get("serverlessConfig"):
                name = variant.get("variantName") or "a variant"
                yield configuration, name, variant.get("initialInstanceCount") or 0


def _get_scaled_variant(target: PolicyResource) -> str:
    """Returns the variant in a resource id such as endpoint/NAME/variant/blue."""
    return str(target.props.get("resourceId")).rpartition("/")[2]


variant_instances = define_stack_policy(
    Metadata(
        "variant-instances",
        "Each variant has at least two instances, so that one zone's outage leaves one.",
        Severity.MEDIUM,
        "Set instances of the variant, and rollback.floor, to at least two.",
        ("SageMaker.4",),
        {
            "minInstances": {
                "type": "integer",
                "minimum": 1,
                "default": 2,
                "description": "the least number of instances",
            }
        },
    ),
    _check_instances,
)


def _check_volumes(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    del settings
    types = [each.get("instanceType") for each in read_list(args.props, "productionVariants")]
    if all(each is None or has_local_nvme(each) for each in types):
        args.not_applicable("These hosts keep data on their own NVMe disks, which are encrypted with keys of the host.")
    if not args.props.get("kmsKeyArn"):
        yield "The hosts' volumes are not encrypted with a key of yours."


volume_key = define_resource_policy(
    Metadata(
        "volume-key",
        "The volumes of an endpoint's hosts are encrypted with a customer key.",
        Severity.LOW,
        "Set endpoint.volumeKey, or kmsKeyArn of the endpoint configuration.",
        ("CKV_AWS_98",),
    ),
    {ENDPOINT_CONFIGURATION},
    _check_volumes,
)


def _list_variants(stack: StackView) -> Iterator[tuple[PolicyResource, Mapping[str, Any]]]:
    for configuration in stack.of_type(ENDPOINT_CONFIGURATION):
        for variant in read_list(configuration.props, "productionVariants"):
            if variant.get("instanceType"):
                yield configuration, variant


def _check_hosts(stack: StackView, settings: Settings) -> Iterator[StackFinding]:
    models = {read_known(model, "name"): model for model in stack.of_type(MODEL)}
    for configuration, variant in _list_variants(stack):
        model = models.get(variant.get("modelName"))
        if model is None or count_gpus(variant["instanceType"]):
            continue
        for container in list_containers(model.props):
            image = container.get("image") or ""
            if _GPU_SERVER.search(image) and not starts_with_any(image, settings["cpuImages"]):
                yield StackFinding(
                    f"{variant.get('variantName')} runs the GPU server {image} on {variant['instanceType']}, which has "
                    "no GPU.",
                    configuration.urn,
                )


gpu_host = define_stack_policy(
    Metadata(
        "gpu-host",
        "A server that needs GPUs runs on hosts that have some.",
        Severity.MEDIUM,
        "Choose an instance type with GPUs, such as ml.g5.xlarge, or name the image in cpuImages.",
        settings={
            "cpuImages": {
                "type": "array", "items": {"type": "string"}, "default": [],
                "description": "beginnings of images that do without a GPU",
            }
        },
    ),
    _check_hosts,
)  # fmt: skip


def _count_hosts(stack: StackView) -> Iterator[tuple[PolicyResource, str, float]]:
    """Yields each variant's configuration, instance type and number of hosts, as another resource may set it."""
    counts = {each.props.get("variant"): each.props.get("instances") for each in stack.of_type(VARIANT_CAPACITY)}
    for each in stack.of_type(SCALABLE_TARGET):
        counts[_get_scaled_variant(each)] = each.props.get("maxCapacity")
    for configuration, variant in _list_variants(stack):
        declared = counts.get(variant.get("variantName")) or variant.get("initialInstanceCount") or 0
        yield configuration, variant["instanceType"], declared


def _check_budget(stack: StackView, settings: Settings) -> Iterator[StackFinding]:
    gpus, cost, urn = 0.0, 0.0, ""
    prices: Mapping[str, float] = settings["hourlyPrices"]
    for configuration, instance_type, count in _count_hosts(stack):
        urn, gpus = configuration.urn, gpus + count * count_gpus(instance_type)
        if settings["maxHourlyCost"] is None:
            continue
        if instance_type not in prices:
            yield StackFinding(f"hourlyPrices has no price of {instance_type}, so that its cost is unknown.", urn)
        cost += count * prices.get(instance_type, 0)
    if settings["maxGpus"] is not None and gpus > settings["maxGpus"]:
        yield StackFinding(f"Its hosts have {gpus:g} GPUs; the budget is {settings['maxGpus']:g}.", urn)
    if settings["maxHourlyCost"] is not None and cost > settings["maxHourlyCost"]:
        yield StackFinding(f"Its hosts cost {cost:.2f} an hour; the budget is {settings['maxHourlyCost']:.2f}.", urn)


host_budget = define_stack_policy(
    Metadata(
        "host-budget",
        "The GPUs and the hourly cost of a stack's hosts are within its budget.",
        Severity.MEDIUM,
        "Use fewer or smaller hosts, or raise the budget.",
        settings={
            "maxGpus": {
                "type": ["number", "null"], "minimum": 0, "default": None,
                "description": "the most GPUs of all hosts; by default any number",
            },
            "maxHourlyCost": {
                "type": ["number", "null"], "minimum": 0, "default": None,
                "description": "the most that all hosts may cost an hour, at hourlyPrices; by default any sum",
            },
            "hourlyPrices": {
                "type": "object", "additionalProperties": {"type": "number"}, "default": {},
                "description": "the price of a host an hour by instance type, as your contract has it",
            },
        },
    ),
    _check_budget,
)  # fmt: skip

POLICIES = (variant_instances, volume_key, gpu_host, host_budget)
