"""InvokeEndpoint: routes a request by the live weights to the real model, measures it, and captures it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from rehearsal.aws import latencies
from rehearsal.aws.account import SimulatedAccount
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.inference import kserve_v2
from rehearsal.aws.inference.routing_table import RoutingTable, VariantMetrics
from rehearsal.aws.sagemaker import host_metrics, model_hosts
from rehearsal.aws.sagemaker.data_capture import Exchange
from rehearsal.aws.sagemaker.endpoint import SimulatedEndpoint
from rehearsal.aws.sagemaker.fleet import LiveVariant

NAMESPACE = "AWS/SageMaker"
SERVING_STATUSES = frozenset(
    {"InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed", "Deleting"}
)
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
    """An HTTP response of the runtime."""

    status: int
    headers: Mapping[str, str]
    body: bytes


_METRIC_NAMES = (
    "Invocations",
    "InvocationsPerInstance",
    "Invocation4XXErrors",
    "Invocation5XXErrors",
    "InvocationModelErrors",
    "ModelLatency",
    "OverheadLatency",
)
_LATENCY_METRICS = frozenset({"ModelLatency", "OverheadLatency"})


MAX_INFERENCE_ID_LENGTH = 64
"""Characters. Source: model docs of sagemaker-runtime, InferenceId."""


def handle_invocation(account: SimulatedAccount, request: Invocation) -> Reply:
    """The response of the endpoint, or the runtime's error."""
    started = time.perf_counter()
    if len(request.inference_id or "") > MAX_INFERENCE_ID_LENGTH:
        return _build_validation_error(
            "Value at 'inferenceId' failed to satisfy constraint: Member must have length less than or equal to "
            f"{MAX_INFERENCE_ID_LENGTH}"
        )
    endpoint = account.endpoints.get((request.region, request.endpoint))
    if endpoint is not None and endpoint.operation is not None and account.now() >= endpoint.operation.ends_at:
        account.settle()
    if endpoint is None or endpoint.is_deleted or endpoint.endpoint_status not in SERVING_STATUSES:
        return _build_validation_error(f"Endpoint {request.endpoint} of account {ACCOUNT} not found.")
    table = _get_routing_table(account, endpoint)
    index = _choose_variant(account, table, request.target_variant)
    if index is None:
        return _build_validation_error(
            f"Variant {request.target_variant} not found for Request. Please check the variant name and try again."
        )
    return _serve_variant(account, endpoint, table, index, request, started)


def _choose_variant(account: SimulatedAccount, table: RoutingTable, target: str | None) -> int | None:
    if target is None:
        return table.choose_variant(account.random.random())
    return next((index for index, variant in enumerate(table.variants) if variant.name == target), None)


def _serve_variant(
    account: SimulatedAccount,
    endpoint: SimulatedEndpoint,
    table: RoutingTable,
    index: int,
    request: Invocation,
    started: float,
) -> Reply:
    variant, model = table.variants[index], table.models[index]
    status, content_type, body, added_seconds, overhead_seconds = 200, "application/json", b"", 0.0, 0.0
    model_started = time.perf_counter()
    fault = account.faults.take("variant_errors", endpoint=request.endpoint, variant=variant.name)
    if fault and fault.should_strike(account.random):
        status, body = int(fault.get_number("code", 500)), b'{"error":"injected by the rehearsal"}'
    elif model is None:
        status, body = 500, b'{"error":"the simulator has no model for this container: it has no ModelDataUrl"}'
    else:
        try:
            reply = kserve_v2.infer(model, request.content_type, request.body)
            content_type, body = reply.content_type, reply.body
        except kserve_v2.InvalidInferenceRequest as error:
            status, body = 400, json.dumps({"error": str(error)}).encode()
        except kserve_v2.InferenceFailed as error:
            status, body = 500, json.dumps({"error": str(error)}).encode()
    latency_fault = account.faults.take("variant_latency", endpoint=request.endpoint, variant=variant.name)
    if latency_fault:
        overhead_seconds = latency_fault.get_number("overhead", 0.0)
        added_seconds = latency_fault.get_number("seconds", 0.0 if overhead_seconds else 1.0)
    ended = time.perf_counter()
    elapsed = ended - model_started
    _record_metrics(
        account,
        table.metrics[index],
        variant,
        status,
        elapsed + added_seconds,
        (model_started - started) + overhead_seconds,
    )
    host_metrics.record_load(account, request.endpoint, variant)
    headers = {"Content-Type": content_type, "x-Amzn-Invoked-Production-Variant": variant.name}
    if status >= 400:
        return _build_model_error(status, body, headers)
    _capture_exchange(account, endpoint, variant, request, content_type, body)
    return Reply(200, headers, body)


def _record_metrics(
    account: SimulatedAccount,
    metrics: VariantMetrics,
    variant: LiveVariant,
    status: int,
    model_seconds: float,
    overhead_seconds: float,
) -> None:
    now = account.clock.timestamp()
    values = (
        (metrics.invocations, 1.0),
        (metrics.per_instance, 1.0 / (variant.instances or 1)),
        (metrics.errors_4xx, float(400 <= status < 500)),
        (metrics.errors_5xx, float(status >= 500)),
        (metrics.model_errors, float(status >= 400)),
        (metrics.model_latency, float(round(model_seconds * 1e6))),
        (metrics.overhead_latency, float(round(overhead_seconds * 1e6))),
    )
    with account.metrics.lock:
        for series, value in values:
            series.get_minute(now).add(value)


def _capture_exchange(
    account: SimulatedAccount,
    endpoint: SimulatedEndpoint,
    variant: LiveVariant,
    request: Invocation,
    content_type: str,
    body: bytes,
) -> None:
    config: Mapping[str, Any] = endpoint.fleet.configuration.fields.get("DataCaptureConfig") or {}
    if account.faults.take("capture_stops", endpoint=request.endpoint, variant=variant.name) is not None:
        return
    if not config.get("EnableCapture") or account.random.random() * 100 >= config["InitialSamplingPercentage"]:
        return
    account.capture_files.add(
        config,
        Exchange(
            request.endpoint,
            variant.name,
            account.now(),
            request.content_type,
            request.body,
            content_type,
            body,
            request.inference_id,
            request.custom_attributes,
            model_hosts.get_model_role(endpoint.region, variant.model),
        ),
    )


def _get_routing_table(account: SimulatedAccount, endpoint: SimulatedEndpoint) -> RoutingTable:
    key = (endpoint.region, endpoint.endpoint_name)
    cached, fleet = account.routes.get(key), endpoint.fleet
    if cached is not None and cached.fleet is fleet:
        return cached
    name = fleet.configuration.endpoint_config_name
    table = RoutingTable(
        fleet,
        fleet.variants,
        tuple(accumulate(variant.weight for variant in fleet.variants)),
        tuple(account.loaded_models.get((endpoint.region, name, variant.name)) for variant in fleet.variants),
        tuple(_get_variant_metrics(account, endpoint, variant.name) for variant in fleet.variants),
    )
    account.routes[key] = table
    return table


def _get_variant_metrics(account: SimulatedAccount, endpoint: SimulatedEndpoint, variant: str) -> VariantMetrics:
    dimensions = {"EndpointName": endpoint.endpoint_name, "VariantName": variant}
    series_list = [
        account.metrics.get_series(endpoint.region, NAMESPACE, name, dimensions, latencies.METRIC_DELAY_SECONDS)
        for name in _METRIC_NAMES
    ]
    for series in series_list:
        series.unit = "Microseconds" if series.name in _LATENCY_METRICS else "None"
    return VariantMetrics(*series_list)


def _build_validation_error(message: str) -> Reply:
    body = json.dumps({"message": message}).encode()
    return Reply(400, {"Content-Type": "application/json", "x-amzn-ErrorType": "ValidationError"}, body)


def _build_model_error(status: int, body: bytes, headers: Mapping[str, str]) -> Reply:
    original = body.decode(errors="replace")
    kind = "client" if status < 500 else "server"
    text = f'Received {kind} error ({status}) from primary with message "{original}".'
    error_body = {
        "ErrorCode": f"{kind.upper()}_ERROR_FROM_MODEL",
        "Message": text,
        "OriginalMessage": original,
        "OriginalStatusCode": status,
    }
    error_headers = {**headers, "Content-Type": "application/json", "x-amzn-ErrorType": "ModelError"}
    return Reply(424, error_headers, json.dumps(error_body).encode())
