"""SageMaker's endpoints in place of moto's, and InvokeEndpoint."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.responses import SageMakerResponse
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

from simulator.aws import durations, hosting, sagemaker_rules
from simulator.aws.endpoint import Endpoint, deployment_seconds, desired
from simulator.aws.errors import ValidationException
from simulator.aws.fleet import Fleet, fleet_of
from simulator.aws.journal import Operation
from simulator.aws.routing import Invocation, invoke
from simulator.aws.sagemaker_declarations import (
    arn_of,
    configuration_named,
    create_endpoint_config,
    create_model,
    delete_endpoint_config,
    describe_endpoint_config,
    describe_model,
    images_of,
)
from simulator.aws.scaling import forget_endpoint, scaled_variants
from simulator.aws.state_events import status_changed
from simulator.aws.world import ACCOUNT, World, world

CAPACITY_REASON = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. "
    "Please retry using a different ML instance type or after some time."
)
HEALTH_REASON = (
    "The primary container for production variant did not pass the ping health check. "
    "Please check CloudWatch logs for this endpoint."
)
REASONS = {"capacity": CAPACITY_REASON, "health_check": HEALTH_REASON}
"""Short names of the reasons a fault can give; any other text is taken as it is."""


def install() -> None:
    """Sets the hosting API on moto's response classes."""
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
        setattr(SageMakerResponse, operation.__name__, _settled(operation))
    SageMakerRuntimeResponse.invoke_endpoint = invoke_endpoint  # type: ignore[method-assign]
    SageMakerRuntimeResponse.use_raw_body = True


def _settled(operation: Any) -> Any:
    def settled(self: SageMakerResponse) -> ActionResult:
        world().settle()
        with world().lock:
            answer = operation(self)
        world().settle()
        return answer

    settled.__name__ = operation.__name__
    settled.__doc__ = operation.__doc__
    return settled


def create_endpoint(self: SageMakerResponse) -> ActionResult:
    """CreateEndpoint: Creating, then InService or Failed."""
    given, here = self.params, world()
    name = given["EndpointName"]
    arn = arn_of(self, "endpoint", name)
    # The name is case-insensitive in CreateEndpoint (model docs, CreateEndpointInput.EndpointName).
    if name.lower() in {other.lower() for region, other in here.endpoints if region == self.region}:
        raise ValidationException(f'Cannot create already existing endpoint "{arn}".')
    configuration = configuration_named(self, given["EndpointConfigName"])
    fleet = fleet_of(configuration, images_of(self, configuration))
    endpoint = _endpoint(self, here, name, arn, fleet)
    endpoint.tags = list(given.get("Tags") or [])
    endpoint.deployment_config = given.get("DeploymentConfig")
    here.endpoints[self.region, name] = endpoint
    by_name: dict[str, Any] = self.sagemaker_backend.endpoints
    by_name[name] = endpoint
    operation = _operation(here, name, "create", durations.CREATE_SECONDS)
    fault = here.faults.take("create_fails", endpoint=name)
    if fault:
        operation.failure = _reason(fault.text("reason", "capacity"))
        operation.seconds = durations.FAILURE_SECONDS
    endpoint.begin(operation, "Creating", fleet)
    return ActionResult({"EndpointArn": arn})


def _endpoint(self: SageMakerResponse, here: World, name: str, arn: str, fleet: Fleet) -> Endpoint:
    region, backend = self.region, self.sagemaker_backend

    def changed(endpoint: Endpoint) -> None:
        status_changed(here, endpoint)

    return Endpoint(
        name,
        arn,
        region,
        fleet,
        here.now(),
        changed,
        lambda target: hosting.health_check(here, region, name, target),
        lambda configuration: configuration in backend.endpoint_configs,
    )


def describe_endpoint(self: SageMakerResponse) -> ActionResult:
    """DescribeEndpoint."""
    return ActionResult(_found(self).description())


def update_endpoint(self: SageMakerResponse) -> ActionResult:
    """UpdateEndpoint: Updating on a new fleet, then InService on the new configuration or, silently, on the old one."""
    given, here, endpoint = self.params, world(), _found(self)
    # OutOfService and UpdateRollbackFailed are left by another update (model docs, EndpointStatus).
    _ready(endpoint, "InService", "OutOfService", "UpdateRollbackFailed")
    # An endpoint whose own configuration was deleted cannot be updated any more (observed behaviour, not documented:
    # hashicorp/terraform-provider-aws issues 40048, 48997; the model docs of DeleteEndpointConfig warn of it).
    configuration_named(self, endpoint.endpoint_config_name)
    configuration = configuration_named(self, given["EndpointConfigName"])
    config = given.get("DeploymentConfig")
    if config is None and given.get("RetainDeploymentConfig"):
        config = endpoint.deployment_config
    sagemaker_rules.deployment(endpoint.fleet, configuration, config)
    scaled = scaled_variants(self.region, endpoint.endpoint_name)
    sagemaker_rules.scaled_variants(endpoint.endpoint_name, endpoint.fleet, configuration, scaled)
    target = fleet_of(configuration, images_of(self, configuration))
    if given.get("RetainAllVariantProperties"):
        excluded = given.get("ExcludeRetainedVariantProperties") or ()
        kinds = frozenset(one["VariantPropertyType"] for one in excluded)
        sagemaker_rules.excluded_properties(kinds)
        target = target.retaining(endpoint.fleet, kinds)
    endpoint.deployment_config = config
    endpoint.failure_reason = None
    operation = _operation(here, endpoint.endpoint_name, "update", deployment_seconds(config))
    _fail_where_injected(here, operation, "deployment_fails", "capacity")
    endpoint.begin(operation, "Updating", target)
    _trip_standing_alarms(self, endpoint)
    return ActionResult({"EndpointArn": endpoint.arn})


def _trip_standing_alarms(self: SageMakerResponse, endpoint: Endpoint) -> None:
    """An alarm that is in ALARM when the deployment starts stops it too. Source: developer guide, "Auto-Rollback
    Configuration and Monitoring": the alarms guard the whole deployment."""
    from moto.cloudwatch.models import cloudwatch_backends

    alarms = cloudwatch_backends[ACCOUNT][self.region].alarms
    for name in sorted(endpoint.rollback_alarms()):
        if name in alarms and alarms[name].state_value == "ALARM":
            endpoint.trip(name, world().now())


def update_endpoint_weights_and_capacities(self: SageMakerResponse) -> ActionResult:
    """UpdateEndpointWeightsAndCapacities: Updating, then InService, or RollingBack to what was before."""
    here, endpoint = world(), _found(self)
    changes = self.params["DesiredWeightsAndCapacities"]
    _ready(endpoint, "InService")
    sagemaker_rules.weights_and_capacities(endpoint.fleet, changes)
    resized = any("DesiredInstanceCount" in change for change in changes)
    kind, seconds = ("capacity", durations.CAPACITY_SECONDS) if resized else ("weights", durations.WEIGHTS_SECONDS)
    operation = _operation(here, endpoint.endpoint_name, kind, seconds)
    _fail_where_injected(here, operation, "change_rolls_back", "capacity")
    endpoint.fleet = desired(endpoint.fleet, changes)
    endpoint.failure_reason = None
    endpoint.begin(operation, "Updating")
    return ActionResult({"EndpointArn": endpoint.arn})


def delete_endpoint(self: SageMakerResponse) -> EmptyResult:
    """DeleteEndpoint: Deleting, then gone."""
    here, endpoint = world(), _found(self)
    _ready(endpoint, "InService", "OutOfService", "Failed", "UpdateRollbackFailed")
    forget_endpoint(self.region, endpoint.endpoint_name)
    endpoint.begin(_operation(here, endpoint.endpoint_name, "delete", durations.DELETE_SECONDS), "Deleting")
    return EmptyResult()


def list_endpoints(self: SageMakerResponse) -> ActionResult:
    """ListEndpoints, by name and status; never paged."""
    part, status = self.params.get("NameContains", ""), self.params.get("StatusEquals")
    found = [endpoint for (region, _), endpoint in world().endpoints.items() if region == self.region]
    wanted = [one for one in found if part in one.endpoint_name and status in (None, one.endpoint_status)]
    return ActionResult({"Endpoints": [endpoint.summary() for endpoint in wanted]})


def invoke_endpoint(self: SageMakerRuntimeResponse) -> Any:
    """InvokeEndpoint through moto's dispatcher; the server answers the same request without it."""
    header = self.headers.get
    reply = invoke(
        world(),
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


def _found(self: SageMakerResponse) -> Endpoint:
    name = self.params["EndpointName"]
    endpoint = world().endpoints.get((self.region, name))
    if endpoint is None:
        raise ValidationException(f'Could not find endpoint "{arn_of(self, "endpoint", name)}".')
    return endpoint


def _ready(endpoint: Endpoint, *statuses: str) -> None:
    if endpoint.endpoint_status not in statuses:
        raise ValidationException(f'Cannot update in-progress endpoint "{endpoint.arn}".')


def _operation(here: World, endpoint: str, kind: str, seconds: float) -> Operation:
    return Operation(endpoint, kind, here.now(), seconds, here.operations.append)


def _fail_where_injected(here: World, operation: Operation, kind: str, default: str) -> None:
    fault = here.faults.take(kind, endpoint=operation.endpoint)
    if fault is None:
        return
    operation.failure = _reason(fault.text("reason", default))
    operation.keeps_reason = bool(fault.options.get("keep_reason"))
    if operation.kind == "update":
        operation.seconds = min(operation.seconds, durations.FAILURE_SECONDS)


def _reason(text: str) -> str:
    return REASONS.get(text, text)
