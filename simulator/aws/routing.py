"""InvokeEndpoint: a request is routed by the live weights to the real model, measured, and captured."""

from __future__ import annotations

import json
import time
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from simulator.aws import durations, hosting, hosts, v2
from simulator.aws.capture import Exchange
from simulator.aws.endpoint import Endpoint
from simulator.aws.fleet import Fleet, LiveVariant
from simulator.aws.metrics import Series
from simulator.aws.triton import ServedModel
from simulator.aws.world import ACCOUNT, World

NAMESPACE = "AWS/SageMaker"
SERVING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed", "Deleting"})
"""Statuses in which a fleet answers. Source: model docs, DescribeEndpointOutput.EndpointStatus."""


@dataclass(frozen=True)
class Invocation:
    """A request of InvokeEndpoint."""

    region: str
    endpoint: str
    body: bytes
    content_type: str
    target_variant: str | None = None
    inference_id: str | None = None
    custom_attributes: str | None = None


@dataclass(frozen=True)
class Reply:
    """An HTTP answer of the runtime."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class _Meters:
    """The metrics of one variant, looked up once."""

    invocations: Series
    per_instance: Series
    errors_4xx: Series
    errors_5xx: Series
    model_errors: Series
    model_latency: Series
    overhead_latency: Series


@dataclass(frozen=True)
class Route:
    """One fleet's routing table: variants, their cumulative weights, their models and meters."""

    fleet: Fleet
    variants: tuple[LiveVariant, ...]
    cumulative: tuple[float, ...]
    models: tuple[ServedModel | None, ...]
    meters: tuple[_Meters, ...]

    def pick(self, chance: float) -> int:
        """The variant for a uniform number from [0, 1): none whose weight is 0."""
        return min(bisect(self.cumulative, chance * self.cumulative[-1]), len(self.variants) - 1)


_METERS = (
    "Invocations",
    "InvocationsPerInstance",
    "Invocation4XXErrors",
    "Invocation5XXErrors",
    "InvocationModelErrors",
    "ModelLatency",
    "OverheadLatency",
)
_LATENCIES = frozenset({"ModelLatency", "OverheadLatency"})


LONGEST_INFERENCE_ID = 64
"""Characters. Source: model docs of sagemaker-runtime, InferenceId."""


def invoke(world: World, request: Invocation) -> Reply:
    """The answer of the endpoint, or the runtime's error."""
    began = time.perf_counter()
    if len(request.inference_id or "") > LONGEST_INFERENCE_ID:
        return _refusal(
            "Value at 'inferenceId' failed to satisfy constraint: Member must have length less than or equal to "
            f"{LONGEST_INFERENCE_ID}"
        )
    endpoint = world.endpoints.get((request.region, request.endpoint))
    if endpoint is not None and endpoint.operation is not None and world.now() >= endpoint.operation.ends:
        world.settle()
    if endpoint is None or endpoint.gone or endpoint.endpoint_status not in SERVING:
        return _refusal(f"Endpoint {request.endpoint} of account {ACCOUNT} not found.")
    route = _route(world, endpoint)
    chosen = _choose(world, route, request.target_variant)
    if chosen is None:
        return _refusal(
            f"Variant {request.target_variant} not found for Request. Please check the variant name and try again."
        )
    return _answer(world, endpoint, route, chosen, request, began)


def _choose(world: World, route: Route, target: str | None) -> int | None:
    if target is None:
        return route.pick(world.random.random())
    return next((place for place, variant in enumerate(route.variants) if variant.name == target), None)


def _answer(world: World, endpoint: Endpoint, route: Route, chosen: int, request: Invocation, began: float) -> Reply:
    variant, model = route.variants[chosen], route.models[chosen]
    status, content_type, body, added, around = 200, "application/json", b"", 0.0, 0.0
    model_began = time.perf_counter()
    fault = world.faults.take("variant_errors", endpoint=request.endpoint, variant=variant.name)
    if fault and fault.strikes(world.random):
        status, body = int(fault.number("code", 500)), b'{"error":"injected by the rehearsal"}'
    elif model is None:
        status, body = 500, b'{"error":"the simulator has no model for this container: it has no ModelDataUrl"}'
    else:
        try:
            reply = v2.answer(model, request.content_type, request.body)
            content_type, body = reply.content_type, reply.body
        except v2.BadRequest as wrong:
            status, body = 400, json.dumps({"error": str(wrong)}).encode()
        except v2.InferenceFailed as failed:
            status, body = 500, json.dumps({"error": str(failed)}).encode()
    slow = world.faults.take("variant_latency", endpoint=request.endpoint, variant=variant.name)
    if slow:
        around = slow.number("overhead", 0.0)
        added = slow.number("seconds", 0.0 if around else 1.0)
    ended = time.perf_counter()
    spent = ended - model_began
    _measure(world, route.meters[chosen], variant, status, spent + added, (model_began - began) + around)
    hosts.charge(world, request.endpoint, variant)
    headers = {"Content-Type": content_type, "x-Amzn-Invoked-Production-Variant": variant.name}
    if status >= 400:
        return _model_error(status, body, headers)
    _capture(world, endpoint, variant, request, content_type, body)
    return Reply(200, headers, body)


def _measure(
    world: World, meters: _Meters, variant: LiveVariant, status: int, model_seconds: float, overhead_seconds: float
) -> None:
    now = world.clock.timestamp()
    values = (
        (meters.invocations, 1.0),
        (meters.per_instance, 1.0 / (variant.instances or 1)),
        (meters.errors_4xx, float(400 <= status < 500)),
        (meters.errors_5xx, float(status >= 500)),
        (meters.model_errors, float(status >= 400)),
        (meters.model_latency, float(round(model_seconds * 1e6))),
        (meters.overhead_latency, float(round(overhead_seconds * 1e6))),
    )
    with world.metrics.lock:
        for series, value in values:
            series.at(now).add(value)


def _capture(
    world: World, endpoint: Endpoint, variant: LiveVariant, request: Invocation, content_type: str, body: bytes
) -> None:
    config: Mapping[str, Any] = endpoint.fleet.configuration.fields.get("DataCaptureConfig") or {}
    if world.faults.take("capture_stops", endpoint=request.endpoint, variant=variant.name) is not None:
        return
    if not config.get("EnableCapture") or world.random.random() * 100 >= config["InitialSamplingPercentage"]:
        return
    world.capture.add(
        config,
        Exchange(
            request.endpoint,
            variant.name,
            world.now(),
            request.content_type,
            request.body,
            content_type,
            body,
            request.inference_id,
            request.custom_attributes,
            hosting.role_of(endpoint.region, variant.model),
        ),
    )


def _route(world: World, endpoint: Endpoint) -> Route:
    key = (endpoint.region, endpoint.endpoint_name)
    known, fleet = world.routes.get(key), endpoint.fleet
    if known is not None and known.fleet is fleet:
        return known
    name = fleet.configuration.endpoint_config_name
    route = Route(
        fleet,
        fleet.variants,
        tuple(accumulate(variant.weight for variant in fleet.variants)),
        tuple(world.served.get((endpoint.region, name, variant.name)) for variant in fleet.variants),
        tuple(_meters(world, endpoint, variant.name) for variant in fleet.variants),
    )
    world.routes[key] = route
    return route


def _meters(world: World, endpoint: Endpoint, variant: str) -> _Meters:
    dimensions = {"EndpointName": endpoint.endpoint_name, "VariantName": variant}
    found = [
        world.metrics.metric(endpoint.region, NAMESPACE, name, dimensions, durations.METRIC_DELAY_SECONDS)
        for name in _METERS
    ]
    for series in found:
        series.unit = "Microseconds" if series.name in _LATENCIES else "None"
    return _Meters(*found)


def _refusal(message: str) -> Reply:
    body = json.dumps({"message": message}).encode()
    return Reply(400, {"Content-Type": "application/json", "x-amzn-ErrorType": "ValidationError"}, body)


def _model_error(status: int, body: bytes, headers: Mapping[str, str]) -> Reply:
    original = body.decode(errors="replace")
    kind = "client" if status < 500 else "server"
    text = f'Received {kind} error ({status}) from primary with message "{original}".'
    answer = {
        "ErrorCode": f"{kind.upper()}_ERROR_FROM_MODEL",
        "Message": text,
        "OriginalMessage": original,
        "OriginalStatusCode": status,
    }
    typed = {**headers, "Content-Type": "application/json", "x-amzn-ErrorType": "ModelError"}
    return Reply(424, typed, json.dumps(answer).encode())
