"""What serves: capture, weights, isolation, images and pinned versions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs, Severity

from policies.definition import Metadata, Settings, define_resource_policy
from policies.model_containers import list_containers, read_artifact, starts_with_any
from policies.resource_types import ENDPOINT_CONFIGURATION, MODEL, read_list, read_object

_PRIVATE_IMAGE = re.compile(r"\d{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9-]+\.(amazonaws\.com(\.cn)?|on\.aws)/")
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_LATEST = re.compile(r"(^|[/:])latest($|[/:.])")


def _check_capture(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    capture = read_object(args.props, "dataCaptureConfig")
    if not capture.get("enableCapture"):
        yield "It captures nothing."
        return
    sampling = capture.get("initialSamplingPercentage") or 0
    if sampling < settings["minSampling"]:
        yield f"It captures {sampling:g} % of the requests; at least {settings['minSampling']:g} % are asked for."
    modes = {option.get("captureMode") for option in read_list(capture, "captureOptions")}
    for mode in ("Input", "Output"):
        if mode not in modes and "InputAndOutput" not in modes:
            yield f"It does not capture {mode}."


capture_enabled = define_resource_policy(
    Metadata(
        "capture-enabled",
        "An endpoint captures requests and answers, without which nobody sees drift.",
        Severity.HIGH,
        "Set endpoint.captureSampling, or dataCaptureConfig of the endpoint configuration with both capture modes.",
        settings={
            "minSampling": {
                "type": "number", "minimum": 0, "maximum": 100, "default": 10,
                "description": "the least share of the requests, in percent",
            }
        },
    ),
    {ENDPOINT_CONFIGURATION},
    _check_capture,
)  # fmt: skip


def _check_weights(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    del settings
    variants = read_list(args.props, "productionVariants")
    # SageMaker's default weight is 1.
    if variants and not any(1 if (weight := each.get("initialVariantWeight")) is None else weight for each in variants):
        yield "Every weight is 0, so no variant gets a request."


traffic_weights = define_resource_policy(
    Metadata(
        "traffic-weights",
        "The weights of an endpoint's variants sum to more than 0.",
        Severity.CRITICAL,
        "Give one variant a weight above 0.",
    ),
    {ENDPOINT_CONFIGURATION},
    _check_weights,
)


def _check_isolation(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    allowed = [container.get("image") for container in list_containers(args.props)]
    if allowed and all(starts_with_any(image, settings["networkedImages"]) for image in allowed):
        args.not_applicable("Its server reads from the network by its nature, as the configuration says.")
    if not args.props.get("enableNetworkIsolation"):
        yield "Its container may open connections to the network."


network_isolation = define_resource_policy(
    Metadata(
        "network-isolation",
        "A model's container has no network, so that a poisoned artifact cannot send data away.",
        Severity.HIGH,
        "Set enableNetworkIsolation of the model.",
        ("SageMaker.5", "CKV_AWS_370"),
        {
            "networkedImages": {
                "type": "array", "items": {"type": "string"}, "default": [],
                "description": "beginnings of images whose servers fetch their model themselves",
            }
        },
    ),
    {MODEL},
    _check_isolation,
)  # fmt: skip


def _check_images(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    del settings
    for container in list_containers(args.props):
        image = container.get("image") or ""
        if image and not _PRIVATE_IMAGE.match(image):
            yield f"{image} is not from a private registry."
        if image and not _DIGEST.search(image):
            yield f"{image} names no digest, so that what it means can change."


image_digest = define_resource_policy(
    Metadata(
        "image-digest",
        "A model's image comes from a private registry and is named by its digest.",
        Severity.HIGH,
        "Push the image to ECR and name it REPOSITORY@sha256:DIGEST.",
        ("SageMaker.16",),
    ),
    {MODEL},
    _check_images,
)


def _check_latest(args: ResourceValidationArgs, settings: Settings) -> Iterator[str]:
    del settings
    for container in list_containers(args.props):
        for location in (container.get("image") or "", read_artifact(container)):
            if _LATEST.search(location):
                yield f"{location} is whatever is newest, so that what serves changes without a deployment."


pinned_version = define_resource_policy(
    Metadata(
        "pinned-version",
        'No variant serves "latest": its image and its artifact are pinned.',
        Severity.HIGH,
        "Name a version of the registry, and the image by its digest.",
    ),
    {MODEL},
    _check_latest,
)

POLICIES = (capture_enabled, traffic_weights, network_isolation, image_digest, pinned_version)
