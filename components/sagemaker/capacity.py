"""Capacity where nothing scales it: the instances of one slot, as declared."""

from __future__ import annotations

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from components.sagemaker.declaration import Declaration, briefly
from components.sagemaker.provider import (
    Props,
    TrafficProvider,
    accepted,
    changed,
    elsewhere,
    gone,
    refused,
    sentence,
    told,
)
from tidewatch.traffic import EndpointMissing
from tidewatch.traffic.deployment import refuse_unusable_for_update


class VariantCapacityProvider(TrafficProvider):
    """Sets a slot's instance count, in a call of its own: weights and capacity are never changed together."""

    @told
    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Refuses a count where the endpoint is in a status that it does not leave by itself."""
        try:
            if _olds and int(_olds["instances"]) != int(news["instances"]):
                refuse_unusable_for_update(self.controller(news).state())
        except EndpointMissing:
            return accepted(news)
        except Exception as error:
            if (said := sentence(error)) is None:
                raise
            return refused(news, said)
        return accepted(news)

    @told
    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return changed(int(_olds["instances"]) != int(_news["instances"]), elsewhere(_olds, _news))

    @told
    def create(self, props: Props) -> CreateResult:
        return CreateResult(f"{props['place']['key']}/{props['slot']}", self._set(props))

    @told
    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(self._set(_news))

    @told
    def read(self, id_: str, props: Props) -> ReadResult:
        """Brings `live_instances` up to date; None while the slot is not on the endpoint."""
        try:
            slot = self.controller(props).state().slots.get(props["slot"])
        except EndpointMissing:
            return gone()
        return ReadResult(id_, {**props, "live_instances": slot.instances if slot else None})

    def _set(self, props: Props) -> Props:
        self.controller(props).set_capacity(props["slot"], int(props["instances"]))
        return {**props, "live_instances": int(props["instances"])}


class VariantCapacity(Resource, module="tidewatch", name="VariantCapacity"):
    """The declared instances of one slot. A rollback may raise the champion's to its floor; that is not undone."""

    live_instances: pulumi.Output[int]

    def __init__(
        self,
        name: str,
        declaration: Declaration,
        *,
        endpoint: pulumi.Input[str],
        slot: str,
        instances: int,
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = {
            "place": declaration.place(endpoint),
            "slot": slot,
            "instances": instances,
            "live_instances": None,
        }
        super().__init__(VariantCapacityProvider(), name, inputs, briefly(opts))
