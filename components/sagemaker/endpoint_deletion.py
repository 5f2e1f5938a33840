"""The end of the endpoint: owned once all that guards it is there, and before any traffic is moved on it.

It depends on everything that guards the endpoint, so a destroy comes to it before any of that, and what it does then is
to end the endpoint. It is not the declaration of the traffic that does: one that is cut off, or fails, in the middle
of its first change is not in the state, and a canary would lose its guards before it.
"""

from __future__ import annotations

import uuid

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, UpdateResult

from components.sagemaker.provider import Props, TrafficProvider, build_diff, has_changed, report_as_sentence
from components.sagemaker.traffic_inputs import TrafficInputs, hide_input_diffs


class EndpointEndProvider(TrafficProvider):
    """Owns the end of one endpoint, and brings it about when it is deleted."""

    @report_as_sentence
    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        """Also where another owns the end: it was to replace this one, and was killed before it was in the state."""
        return build_diff(has_changed(_olds, _news, "place"), not self.create_controller(_news).is_deletion_owner(_id))

    @report_as_sentence
    def create(self, props: Props) -> CreateResult:
        """Owns it under a name that no other creation has: one that was replaced ends nothing of its successor's."""
        id_ = f"{props['place']['key']}/{uuid.uuid4().hex[:8]}"
        self.create_controller(props).claim_deletion(id_)
        return CreateResult(id_, props)

    @report_as_sentence
    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        self.create_controller(_news).claim_deletion(_id)
        return UpdateResult(_news)

    @report_as_sentence
    def delete(self, _id: str, _props: Props) -> None:
        """Ends the endpoint, if its end is owned here, and waits until it is gone."""
        self.create_controller(_props).delete_endpoint(_id, who=self.describe_actor())


class EndpointEnd(Resource, module="tidewatch", name="EndpointEnd"):
    """What ends with the endpoint first, and everything that guards it after."""

    def __init__(
        self, name: str, traffic_inputs: TrafficInputs, *, endpoint: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__(
            EndpointEndProvider(),
            name,
            {"place": traffic_inputs.build_resource_names(endpoint)},
            hide_input_diffs(opts),
        )
