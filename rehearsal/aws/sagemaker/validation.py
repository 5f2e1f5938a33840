"""SageMaker's rules beyond the shapes of its requests. Each rule names its source.

"Model docs" are the documentation strings in botocore/data/sagemaker/2017-07-24/service-2.json.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rehearsal.aws.sagemaker.errors import ValidationException
from rehearsal.aws.sagemaker.fleet import EndpointConfiguration, Fleet

MAX_VARIANTS = 10
MAX_CANARY_PERCENT = 50
LINEAR_PERCENT = (10, 50)
ROLLING_PERCENT = (5, 50)


def check_endpoint_configuration(fields: Mapping[str, Any]) -> None:
    """Checks the rules of CreateEndpointConfig across members. Raises ValidationException for the first violation."""
    production = fields["ProductionVariants"]
    shadows = fields.get("ShadowProductionVariants") or ()
    _check_variant_count(production, shadows)
    _require_distinct_names([*production, *shadows])
    _check_shadow_count(production, shadows)
    _require_positive_weight(float(variant.get("InitialVariantWeight", 1.0)) for variant in production)
    for variant in (*production, *shadows):
        _require_host(variant)
    _check_serverless(production, fields)


def _check_variant_count(production: Sequence[object], shadows: Sequence[object]) -> None:
    """Allows at most 10 variants. Source: model docs, ProductionVariantList max 10."""
    if len(production) + len(shadows) > MAX_VARIANTS:
        raise ValidationException(
            f"An endpoint configuration has at most {MAX_VARIANTS} variants, not {len(production) + len(shadows)}."
        )


def _require_distinct_names(variants: Iterable[Mapping[str, Any]]) -> None:
    """Requires distinct variant names, which are the routing key and a metric dimension.

    Source: model docs, UpdateEndpointWeightsAndCapacities and InvokeEndpoint's TargetVariant address a variant by name
    alone.
    """
    names = [variant["VariantName"] for variant in variants]
    if duplicates := sorted({name for name in names if names.count(name) > 1}):
        raise ValidationException(f'The variant name "{duplicates[0]}" was non-unique within the request.')


def _check_shadow_count(production: Sequence[object], shadows: Sequence[object]) -> None:
    """Requires exactly one production variant beside one shadow variant.

    Source: model docs, CreateEndpointConfigInput.ShadowProductionVariants.
    """
    if shadows and (len(production) != 1 or len(shadows) != 1):
        raise ValidationException(
            "If you use ShadowProductionVariants, you can only specify one variant for ProductionVariants "
            "and one variant for ShadowProductionVariants."
        )


def _require_positive_weight(weights: Iterable[float]) -> None:
    """Requires a positive sum of the weights.

    Source: model docs, ProductionVariant.InitialVariantWeight: a variant's traffic is the ratio of its weight to the
    sum of all weights, which is undefined if that sum is 0.
    """
    if sum(weights) <= 0:
        raise ValidationException("The sum of the weights of all production variants must be greater than 0.")


def _require_host(variant: Mapping[str, Any]) -> None:
    """Requires instances or a serverless configuration.

    Source: model docs, ProductionVariant.ServerlessConfig ("instead of an instance-based endpoint configuration").
    """
    if sum(key in variant for key in ("InstanceType", "ServerlessConfig", "InstancePools")) != 1:
        raise ValidationException(
            f'Production variant "{variant["VariantName"]}" must have exactly one of InstanceType, InstancePools '
            "and ServerlessConfig."
        )


def _check_serverless(production: Sequence[Mapping[str, Any]], fields: Mapping[str, Any]) -> None:
    """Allows for a serverless endpoint one variant, no data capture and no VPC.

    Source: SageMaker developer guide, "Serverless Inference", feature exclusions.
    """
    if not any("ServerlessConfig" in variant for variant in production):
        return
    capture = fields.get("DataCaptureConfig") or {}
    if len(production) > 1 or capture.get("EnableCapture") or fields.get("VpcConfig"):
        raise ValidationException(
            "A serverless endpoint takes a single production variant and supports neither data capture nor a VPC."
        )


def check_weights_and_capacities(fleet: Fleet, changes: Sequence[Mapping[str, Any]]) -> None:
    """Allows weights of one or more variants, or the capacity of one.

    Source: model docs, UpdateEndpointWeightsAndCapacities. Both in one call are undocumented and accepted for one
    variant.
    """
    _require_distinct_names(changes)
    for change in changes:
        if fleet.find_variant(change["VariantName"]) is None:
            raise ValidationException(
                f'The variant name(s) "{change["VariantName"]}" is/are not present within endpoint configuration '
                f'"{fleet.configuration.endpoint_config_name}".'
            )
    if sum("DesiredInstanceCount" in change for change in changes) > 1:
        raise ValidationException("The capacity of only one variant can be changed in one request.")
    changed = {change["VariantName"]: change["DesiredWeight"] for change in changes if "DesiredWeight" in change}
    _require_positive_weight(float(changed.get(variant.name, variant.weight)) for variant in fleet.variants)


def check_deployment(fleet: Fleet, target: EndpointConfiguration, config: Mapping[str, Any] | None) -> None:
    """Checks the rules of a DeploymentConfig.

    Source: model docs, BlueGreenUpdatePolicy, TrafficRoutingConfig, CapacitySize, RollingUpdatePolicy; developer guide,
    "Deployment guardrails", on equal variant names.
    """
    if not config:
        return
    blue_green, rolling = config.get("BlueGreenUpdatePolicy"), config.get("RollingUpdatePolicy")
    if blue_green and rolling:
        raise ValidationException("Only one update policy should be used in the deployment configuration.")
    if rolling:
        _check_rolling(fleet, target, rolling)
    if blue_green or config.get("AutoRollbackConfiguration"):
        _require_same_names(fleet, target)
    if not blue_green:
        return
    routing = blue_green["TrafficRoutingConfiguration"]
    _check_execution_time(blue_green, count_traffic_shifts(routing) * routing["WaitIntervalInSeconds"])
    if routing["Type"] == "ALL_AT_ONCE":
        return
    for variant in fleet.variants:
        _check_step_size(variant.instances or 1, routing, variant.name)


def check_excluded_properties(kinds: frozenset[str]) -> None:
    """Refuses DataCaptureConfig. Source: model docs, VariantProperty: it is not currently supported."""
    if "DataCaptureConfig" in kinds:
        raise ValidationException(
            "ExcludeRetainedVariantProperties takes DesiredInstanceCount and DesiredWeight; DataCaptureConfig is not "
            "currently supported."
        )


def _require_same_names(fleet: Fleet, target: EndpointConfiguration) -> None:
    old, new = {variant.name for variant in fleet.variants}, set(target.variants)
    if old != new:
        raise ValidationException(
            "Deployment guardrails need the same variant names in the old and the new endpoint configuration; "
            f"the old one has {', '.join(sorted(old))}, the new one {', '.join(sorted(new))}."
        )


def _check_step_size(instances: int, routing: Mapping[str, Any], variant: str) -> None:
    if routing["Type"] == "CANARY":
        if instances < 2:
            raise ValidationException(f'A canary shift needs at least 2 instances; "{variant}" has {instances}.')
        _check_percent("CanarySize", routing.get("CanarySize"), instances, (0, MAX_CANARY_PERCENT))
    else:
        _check_percent("LinearStepSize", routing.get("LinearStepSize"), instances, LINEAR_PERCENT)


def _check_percent(member: str, size: Mapping[str, Any] | None, instances: int, bounds: tuple[int, int]) -> None:
    if size is None:
        raise ValidationException(f"{member} is required for this type of traffic routing.")
    share = size["Value"] if size["Type"] == "CAPACITY_PERCENT" else 100 * size["Value"] / instances
    if not bounds[0] <= share <= bounds[1]:
        allowed = f"at most {bounds[1]}%" if bounds[0] == 0 else f"{bounds[0]}-{bounds[1]}%"
        raise ValidationException(f"{member} must be {allowed} of the variant's total instance count, not {share:g}%.")


def _check_rolling(fleet: Fleet, target: EndpointConfiguration, policy: Mapping[str, Any]) -> None:
    if len(fleet.variants) > 1 or len(target.variants) > 1:
        raise ValidationException("Rolling deployments do not support endpoints with multiple production variants.")
    for variant in fleet.variants:
        _check_percent("MaximumBatchSize", policy["MaximumBatchSize"], variant.instances or 1, ROLLING_PERCENT)


def _check_execution_time(policy: Mapping[str, Any], waits: float) -> None:
    limit = policy.get("MaximumExecutionTimeoutInSeconds")
    total = waits + policy.get("TerminationWaitInSeconds", 0)
    if limit is not None and limit <= total:
        raise ValidationException(
            f"MaximumExecutionTimeoutInSeconds ({limit}) should be larger than the total waiting time of "
            f"TerminationWaitInSeconds and WaitIntervalInSeconds ({total:g})."
        )


def count_traffic_shifts(routing: Mapping[str, Any]) -> int:
    """The number of traffic shifts, each followed by a wait. Source: model docs, TrafficRoutingConfigType."""
    if routing["Type"] == "ALL_AT_ONCE":
        return 1
    if routing["Type"] == "CANARY":
        return 2
    size = routing.get("LinearStepSize") or {}
    percent = size.get("Value", 100) if size.get("Type") == "CAPACITY_PERCENT" else 50
    return -(-100 // int(percent))


def check_scaled_variants(endpoint: str, fleet: Fleet, target: EndpointConfiguration, scaled: Iterable[str]) -> None:
    """Requires that an update keeps a scalable variant and its instance type.

    Source: developer guide, "Update or delete endpoints that use automatic scaling".
    """
    for name in scaled:
        live, declared = fleet.find_variant(name), target.variants.get(name)
        if live is None or (declared is not None and declared.get("InstanceType") == live.instance_type):
            continue
        what = "be removed" if declared is None else f"change its instance type from {live.instance_type}"
        raise ValidationException(
            f'Variant "{name}" of endpoint "{endpoint}" is registered as a scalable target with Application Auto '
            f"Scaling, so it cannot {what}: deregister it first."
        )
