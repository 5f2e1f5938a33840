"""SageMaker as a platform: one real-time endpoint with its production variants.

Source: the SageMaker API reference (DescribeEndpoint, UpdateEndpointWeightsAndCapacities) and the CloudWatch metrics of
endpoint invocations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidewatch import metrics
from tidewatch.aws.cloudwatch import MetricSeries, build_metric_query, read_metric_data
from tidewatch.aws.errors import get_error_code, get_error_message
from tidewatch.traffic.errors import EndpointBusy, EndpointMissing, NoCapacity, TrafficError
from tidewatch.traffic.models import EndpointState, EndpointStatus, VariantState
from tidewatch.traffic.split import Split

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef
    from mypy_boto3_sagemaker import SageMakerClient

MINUTE_SECONDS = 60


class SageMakerEndpoint:
    """One endpoint, by its physical name."""

    def __init__(self, sagemaker: SageMakerClient, cloudwatch: CloudWatchClient, name: str) -> None:
        self._sagemaker = sagemaker
        self._cloudwatch = cloudwatch
        self._name = name

    def state(self) -> EndpointState:
        """Returns the state that DescribeEndpoint reports. Raises EndpointMissing."""
        if not self._name:
            raise EndpointMissing(
                "There is no endpoint yet; `pulumi up` with a variant in the stack config creates it."
            )
        try:
            found = self._sagemaker.describe_endpoint(EndpointName=self._name)
        except Exception as error:
            raise map_error(error, self._name) from error
        pending = found.get("PendingDeploymentSummary")
        return EndpointState(
            self._name,
            EndpointStatus(found["EndpointStatus"]),
            found.get("EndpointConfigName", ""),
            {variant["VariantName"]: _parse_variant_state(variant) for variant in found.get("ProductionVariants", ())},
            found.get("FailureReason", ""),
            pending["EndpointConfigName"] if pending else None,
            frozenset(variant["VariantName"] for variant in pending.get("ProductionVariants", ()))
            if pending
            else frozenset(),
        )

    def set_weights(self, split: Split) -> None:
        weights = [{"VariantName": variant, "DesiredWeight": share} for variant, share in split.shares.items()]
        self._update(weights)

    def set_capacity(self, variant: str, instances: int) -> None:
        self._update([{"VariantName": variant, "DesiredInstanceCount": instances}])

    def delete(self) -> None:
        """Calls DeleteEndpoint, which also deregisters the variants from Application Auto Scaling."""
        try:
            self._sagemaker.delete_endpoint(EndpointName=self._name)
        except Exception as error:
            raise map_error(error, self._name) from error

    def _update(self, changes: list[Any]) -> None:
        try:
            self._sagemaker.update_endpoint_weights_and_capacities(
                EndpointName=self._name, DesiredWeightsAndCapacities=changes
            )
        except Exception as error:
            raise map_error(error, self._name) from error

    def read_invocations(
        self, variants: Iterable[str], since: datetime, until: datetime
    ) -> Mapping[str, Mapping[datetime, float]]:
        names = list(variants)
        queries = [self._build_invocations_query(position, variant) for position, variant in enumerate(names)]
        series = read_metric_data(self._cloudwatch, queries, since, until)
        return {
            variant: {
                moment.replace(second=0, microsecond=0): count
                for moment, count in series.get(f"m{position}", MetricSeries()).values.items()
            }
            for position, variant in enumerate(names)
        }

    def _build_invocations_query(self, position: int, variant: str) -> MetricDataQueryTypeDef:
        dimensions = metrics.INVOCATIONS.build_dimensions(EndpointName=self._name, VariantName=variant)
        return build_metric_query(f"m{position}", metrics.INVOCATIONS, dimensions, MINUTE_SECONDS, "Sum")


def is_config_complete(sagemaker: SageMakerClient, config: str) -> bool:
    """Whether an endpoint configuration and every model that it names exist. Scaling an endpoint needs all of them."""
    try:
        variants = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
        for variant in variants:
            sagemaker.describe_model(ModelName=variant.get("ModelName", ""))
    except Exception as error:
        if get_error_code(error) == "ValidationException" and "could not find" in get_error_message(error).lower():
            return False
        raise
    return True


def _parse_variant_state(variant: Mapping[str, Any]) -> VariantState:
    weight, instances = float(variant.get("CurrentWeight", 0.0)), int(variant.get("CurrentInstanceCount", 0))
    return VariantState(
        weight,
        float(variant.get("DesiredWeight", weight)),
        instances,
        int(variant.get("DesiredInstanceCount", instances)),
    )


def map_error(error: Exception, endpoint: str) -> Exception:
    """Returns SageMaker's refusal as an error of ours, and any other error unchanged.

    SageMaker uses one code, ValidationException, for nearly everything, so the words of the message decide.
    """
    code, message = get_error_code(error), get_error_message(error)
    if code not in ("ValidationException", "ResourceLimitExceeded", "ResourceInUse", "ConflictException"):
        return error
    lower = message.lower()
    if "could not find endpoint configuration" in lower:
        return TrafficError(
            f"The endpoint configuration is missing: {message} Somebody may have deleted it; publish it again."
        )
    if "could not find" in lower:
        return EndpointMissing(
            f"The endpoint {endpoint} does not exist in this account and region ({message}); check the region; if it "
            "was deleted, `pulumi up --refresh` creates it again; if a `pulumi destroy` was interrupted, run it "
            "again."
        )
    if "in-progress" in lower or "in progress" in lower or code == "ResourceInUse":
        return EndpointBusy(f"The endpoint {endpoint} is being changed: {message}")
    if code == "ResourceLimitExceeded" or is_capacity_error(message):
        return NoCapacity(format_capacity_error(endpoint, message))
    return TrafficError(f"SageMaker refused a change of the endpoint {endpoint}: {message}")


def is_capacity_error(reason: str) -> bool:
    """Whether a FailureReason says that AWS had no instances."""
    compact = reason.lower().replace(" ", "")
    return any(
        word in compact for word in ("insufficientinstancecapacity", "unabletoprovision", "insufficientcapacity")
    )


def format_capacity_error(endpoint: str, reason: str) -> str:
    return (
        f"AWS has no instances for the endpoint {endpoint} at the moment ({reason}). The old fleet still serves. Try "
        "again later, use another instance type (tidewatch:endpoint.instanceType), ask for fewer instances, or raise "
        "the quota."
    )
