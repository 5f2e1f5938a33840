"""SageMaker's endpoints, in place of moto's, and InvokeEndpoint."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.responses import SageMakerResponse
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

from rehearsal.aws import latencies
from rehearsal.aws.account import SimulatedAccount, current_account
from rehearsal.aws.autoscaling.scalable_targets import deregister_endpoint, list_scaled_variants
from rehearsal.aws.constants import ACCOUNT
from rehearsal.aws.inference.routing import Invocation, handle_invocation
from rehearsal.aws.sagemaker import model_hosts, validation
from rehearsal.aws.sagemaker.config_api import (
    build_sagemaker_arn,
    create_endpoint_config,
    create_model,
    delete_endpoint_config,
    describe_endpoint_config,
    describe_model,
    find_configuration,
    list_images,
)
from rehearsal.aws.sagemaker.endpoint import SimulatedEndpoint, apply_desired, compute_deployment_seconds
from rehearsal.aws.sagemaker.errors import ValidationException
from rehearsal.aws.sagemaker.fleet import Fleet, build_fleet
from rehearsal.aws.sagemaker.operations import Operation
from rehearsal.aws.sagemaker.state_change_events import emit_status_change

CAPACITY_REASON = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. "
    "Please retry using a different ML instance type or after some time."
)
HEALTH_REASON = (
    "The primary container for production variant did not pass the ping health check. "
    "Please check CloudWatch logs for this endpoint."
)
REASONS = {"capacity": CAPACITY_REASON, "health_check": HEALTH_REASON}
"""Short names for a fault's reasons; any other text is used as it is."""


def install() -> None:
    """Patches the hosting API of moto's response classes."""
    for operation in (
        create_model,
        describe_model,
        create_endpoint_config,
        describe_endpoint_config,
        delete_endpoint_config,
        create_endpoint,
        describe_endpoint,
        update_endpoint,
        update_endpoint_weights_and_capacities,
        delete_endpoint,
        list_endpoints,
    ):
        setattr(SageMakerResponse, operation.__name__, _settle_around(operation))
    SageMakerRuntimeResponse.invoke_endpoint = invoke_endpoint  # type: ignore[method-assign]
    SageMakerRuntimeResponse.use_raw_body = True


def _settle_around(operation: Any) -> Any:
    def call_settled(self: SageMakerResponse) -> ActionResult:
        current_account().settle()
        with current_account().lock:
            response = operation(self)
        current_account().settle()
        return response

    call_settled.__name__ = operation.__name__
    call_settled.__doc__ = operation.__doc__
    return call_settled


def create_endpoint(self: SageMakerResponse) -> ActionResult:
    """CreateEndpoint: Creating, then InService or Failed."""
    params, account = self.params, current_account()
    name = params["EndpointName"]
    arn = build_sagemaker_arn(self, "endpoint", name)
    # The name is case-insensitive in CreateEndpoint (model docs, CreateEndpointInput.EndpointName).
    if name.lower() in {other.lower() for region, other in account.endpoints if region == self.region}:
        raise ValidationException(f'Cannot create already existing endpoint "{arn}".')
    configuration = find_configuration(self, params["EndpointConfigName"])
    fleet = build_fleet(configuration, list_images(self, configuration))
    endpoint = _create_simulated_endpoint(self, account, name, arn, fleet)
    endpoint.tags = list(params.get("Tags") or [])
    endpoint.deployment_config = params.get("DeploymentConfig")
    account.endpoints[self.region, name] = endpoint
    moto_endpoints: dict[str, Any] = self.sagemaker_backend.endpoints
    moto_endpoints[name] = endpoint
    operation = _create_operation(account, name, "create", latencies.CREATE_SECONDS)
    fault = account.faults.take("create_fails", endpoint=name)
    if fault:
        operation.failure = _expand_reason(fault.get_text("reason", "capacity"))
        operation.seconds = latencies.FAILURE_SECONDS
    endpoint.start_operation(operation, "Creating", fleet)
    return ActionResult({"EndpointArn": arn})


def _create_simulated_endpoint(
    self: SageMakerResponse, account: SimulatedAccount, name: str, arn: str, fleet: Fleet
) -> SimulatedEndpoint:
    region, backend = self.region, self.sagemaker_backend

    def notify_status_change(endpoint: SimulatedEndpoint) -> None:
        emit_status_change(account, endpoint)

    return SimulatedEndpoint(
        name,
        arn,
        region,
        fleet,
        account.now(),
        notify_status_change,
        lambda target: model_hosts.check_health(account, region, name, target),
        lambda configuration: configuration in backend.endpoint_configs,
    )


def describe_endpoint(self: SageMakerResponse) -> ActionResult:
    """DescribeEndpoint."""
    return ActionResult(_find_endpoint(self).description())


def update_endpoint(self: SageMakerResponse) -> ActionResult:
    """UpdateEndpoint: Updating on a new fleet, then InService on the new configuration or, silently, on the old one."""
    params, account, endpoint = self.params, current_account(), _find_endpoint(self)
    # OutOfService and UpdateRollbackFailed end with another update (model docs, EndpointStatus).
    _require_status(endpoint, "InService", "OutOfService", "UpdateRollbackFailed")
    # An endpoint whose own configuration was deleted cannot be updated (observed behaviour, not documented:
    # hashicorp/terraform-provider-aws issues 40048, 48997; the model docs of DeleteEndpointConfig warn of it).
    find_configuration(self, endpoint.endpoint_config_name)
    configuration = find_configuration(self, params["EndpointConfigName"])
    config = params.get("DeploymentConfig")
    if config is None and params.get("RetainDeploymentConfig"):
        config = endpoint.deployment_config
    validation.check_deployment(endpoint.fleet, configuration, config)
    scaled = list_scaled_variants(self.region, endpoint.endpoint_name)
    validation.check_scaled_variants(endpoint.endpoint_name, endpoint.fleet, configuration, scaled)
    target = build_fleet(configuration, list_images(self, configuration))
    if params.get("RetainAllVariantProperties"):
        excluded = params.get("ExcludeRetainedVariantProperties") or ()
        kinds = frozenset(excluded_property["VariantPropertyType"] for excluded_property in excluded)
        validation.check_excluded_properties(kinds)
        target = target.retain_properties(endpoint.fleet, kinds)
    endpoint.deployment_config = config
    endpoint.failure_reason = None
    operation = _create_operation(account, endpoint.endpoint_name, "update", compute_deployment_seconds(config))
    _apply_failure_fault(account, operation, "deployment_fails", "capacity")
    endpoint.start_operation(operation, "Updating", target)
    _trip_active_alarms(self, endpoint)
    return ActionResult({"EndpointArn": endpoint.arn})


def _trip_active_alarms(self: SageMakerResponse, endpoint: SimulatedEndpoint) -> None:
    """Stops a new deployment if one of its alarms is already in ALARM.

    Source: developer guide, "Auto-Rollback Configuration and Monitoring": the alarms guard the whole deployment.
    """
    from moto.cloudwatch.models import cloudwatch_backends

    alarms = cloudwatch_backends[ACCOUNT][self.region].alarms
    for name in sorted(endpoint.rollback_alarms()):
        if name in alarms and alarms[name].state_value == "ALARM":
            endpoint.trip(name, current_account().now())


def update_endpoint_weights_and_capacities(self: SageMakerResponse) -> ActionResult:
    """UpdateEndpointWeightsAndCapacities: Updating, then InService, or RollingBack to the previous values."""
    account, endpoint = current_account(), _find_endpoint(self)
    changes = self.params["DesiredWeightsAndCapacities"]
    _require_status(endpoint, "InService")
    validation.check_weights_and_capacities(endpoint.fleet, changes)
    is_resize = any("DesiredInstanceCount" in change for change in changes)
    kind, seconds = ("capacity", latencies.CAPACITY_SECONDS) if is_resize else ("weights", latencies.WEIGHTS_SECONDS)
    operation = _create_operation(account, endpoint.endpoint_name, kind, seconds)
    _apply_failure_fault(account, operation, "change_rolls_back", "capacity")
    endpoint.fleet = apply_desired(endpoint.fleet, changes)
    endpoint.failure_reason = None
    endpoint.start_operation(operation, "Updating")
    return ActionResult({"EndpointArn": endpoint.arn})


def delete_endpoint(self: SageMakerResponse) -> EmptyResult:
    """DeleteEndpoint: Deleting, then deleted."""
    account, endpoint = current_account(), _find_endpoint(self)
    _require_status(endpoint, "InService", "OutOfService", "Failed", "UpdateRollbackFailed")
    deregister_endpoint(self.region, endpoint.endpoint_name)
    endpoint.start_operation(
        _create_operation(account, endpoint.endpoint_name, "delete", latencies.DELETE_SECONDS), "Deleting"
    )
    return EmptyResult()


def list_endpoints(self: SageMakerResponse) -> ActionResult:
    """ListEndpoints, by name and status; never paged."""
    name_part, status = self.params.get("NameContains", ""), self.params.get("StatusEquals")
    found = [endpoint for (region, _), endpoint in current_account().endpoints.items() if region == self.region]
    matching = [
        candidate
        for candidate in found
        if name_part in candidate.endpoint_name and status in (None, candidate.endpoint_status)
    ]
    return ActionResult({"Endpoints": [endpoint.summary() for endpoint in matching]})


def invoke_endpoint(self: SageMakerRuntimeResponse) -> Any:
    """InvokeEndpoint through moto's dispatcher; the server answers the same request without it."""
    header = self.headers.get
    reply = handle_invocation(
        current_account(),
        Invocation(
            self.region,
            self.path.split("/")[2],
            self.raw_body,
            header("Content-Type") or "",
            header("X-Amzn-SageMaker-Target-Variant"),
            header("X-Amzn-SageMaker-Inference-Id"),
            header("X-Amzn-SageMaker-Custom-Attributes"),
        ),
    )
    return reply.status, {**reply.headers, "status": reply.status}, reply.body


def _find_endpoint(self: SageMakerResponse) -> SimulatedEndpoint:
    name = self.params["EndpointName"]
    endpoint = current_account().endpoints.get((self.region, name))
    if endpoint is None:
        raise ValidationException(f'Could not find endpoint "{build_sagemaker_arn(self, "endpoint", name)}".')
    return endpoint


def _require_status(endpoint: SimulatedEndpoint, *statuses: str) -> None:
    if endpoint.endpoint_status not in statuses:
        raise ValidationException(f'Cannot update in-progress endpoint "{endpoint.arn}".')


def _create_operation(account: SimulatedAccount, endpoint: str, kind: str, seconds: float) -> Operation:
    return Operation(endpoint, kind, account.now(), seconds, account.operations.append)


def _apply_failure_fault(account: SimulatedAccount, operation: Operation, kind: str, default: str) -> None:
    fault = account.faults.take(kind, endpoint=operation.endpoint)
    if fault is None:
        return
    operation.failure = _expand_reason(fault.get_text("reason", default))
    operation.keeps_reason = bool(fault.options.get("keep_reason"))
    if operation.kind == "update":
        operation.seconds = min(operation.seconds, latencies.FAILURE_SECONDS)


def _expand_reason(text: str) -> str:
    return REASONS.get(text, text)
