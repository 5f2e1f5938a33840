"""Instances without autoscaling: the declared count of one variant."""

from __future__ import annotations

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from components.sagemaker.provider import (
    Props,
    TrafficProvider,
    accept,
    build_diff,
    describe_error,
    is_other_endpoint,
    missing_result,
    reject,
    report_as_sentence,
)
from components.sagemaker.traffic_inputs import TrafficInputs, hide_input_diffs
from tidewatch.traffic import EndpointMissing


class VariantCapacityProvider(TrafficProvider):
    """Sets a variant's instance count in a call of its own: weights and capacity are never changed together."""

    @report_as_sentence
    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Refuses a new count while the endpoint has a status that it does not leave by itself."""
        try:
            if _olds and int(_olds["instances"]) != int(news["instances"]):
                self.create_controller(news).state().require_updatable()
        except EndpointMissing:
            return accept(news)
        except Exception as error:
            if (message := describe_error(error)) is None:
                raise
            return reject(news, message)
        return accept(news)

    @report_as_sentence
    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return build_diff(int(_olds["instances"]) != int(_news["instances"]), is_other_endpoint(_olds, _news))

    @report_as_sentence
    def create(self, props: Props) -> CreateResult:
        return CreateResult(f"{props['resource_names']['key']}/{props['variant']}", self._set(props))

    @report_as_sentence
    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(self._set(_news))

    @report_as_sentence
    def read(self, id_: str, props: Props) -> ReadResult:
        """Updates `live_instances`, which is None while the variant is not on the endpoint."""
        try:
            variant = self.create_controller(props).state().variants.get(props["variant"])
        except EndpointMissing:
            return missing_result()
        return ReadResult(id_, {**props, "live_instances": variant.instances if variant else None})

    def _set(self, props: Props) -> Props:
        self.create_controller(props).set_capacity(props["variant"], int(props["instances"]))
        return {**props, "live_instances": int(props["instances"])}


class VariantCapacity(Resource, module="tidewatch", name="VariantCapacity"):
    """The declared instances of one variant.

    A rollback may raise the champion's to its floor, and `up` does not undo that.
    """

    live_instances: pulumi.Output[int]

    def __init__(
        self,
        name: str,
        traffic_inputs: TrafficInputs,
        *,
        endpoint: pulumi.Input[str],
        variant: str,
        instances: int,
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = {
            "resource_names": traffic_inputs.build_resource_names(endpoint),
            "variant": variant,
            "instances": instances,
            "live_instances": None,
        }
        super().__init__(VariantCapacityProvider(), name, inputs, hide_input_diffs(opts))
