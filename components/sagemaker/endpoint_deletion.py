"""The resource that deletes the endpoint: created after everything that guards it, and before its traffic moves.

It depends on everything that guards the endpoint, so `destroy` deletes it first, and with it the endpoint. The resource
of the weights cannot do this: if its first change is interrupted or fails, it is not in the state, and a canary would
lose its guards before it ends.
"""

from __future__ import annotations

import uuid

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, UpdateResult

from components.sagemaker.provider import Props, TrafficProvider, build_diff, has_changed, report_as_sentence
from components.sagemaker.traffic_inputs import TrafficInputs, hide_input_diffs


class EndpointEndProvider(TrafficProvider):
    """Owns the deletion of one endpoint, and deletes it when this resource is deleted."""

    @report_as_sentence
    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        """Reports a change also if another resource owns the deletion.

        That resource was to replace this one, but the update was killed before it was in the state.
        """
        return build_diff(
            has_changed(_olds, _news, "resource_names"), not self.create_controller(_news).is_deletion_owner(_id)
        )

    @report_as_sentence
    def create(self, props: Props) -> CreateResult:
        """Claims the deletion under a unique id: a replaced resource must not delete its successor's endpoint."""
        id_ = f"{props['resource_names']['key']}/{uuid.uuid4().hex[:8]}"
        self.create_controller(props).claim_deletion(id_)
        return CreateResult(id_, props)

    @report_as_sentence
    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        self.create_controller(_news).claim_deletion(_id)
        return UpdateResult(_news)

    @report_as_sentence
    def delete(self, _id: str, _props: Props) -> None:
        """Deletes the endpoint and waits until it is gone, if this resource owns its deletion."""
        self.create_controller(_props).delete_endpoint(_id, who=self.describe_actor())


class EndpointEnd(Resource, module="tidewatch", name="EndpointEnd"):
    """The resource whose deletion deletes the endpoint; everything that guards the endpoint is deleted after it."""

    def __init__(
        self, name: str, traffic_inputs: TrafficInputs, *, endpoint: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__(
            EndpointEndProvider(),
            name,
            {"resource_names": traffic_inputs.build_resource_names(endpoint)},
            hide_input_diffs(opts),
        )
