"""Capacity where nothing scales it: the instances of one slot, as declared."""

from __future__ import annotations

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from components.sagemaker.declaration import Declaration
from components.sagemaker.provider import Props, TrafficProvider, changed, elsewhere, gone
from tidewatch.traffic import EndpointMissing


class VariantCapacityProvider(TrafficProvider):
    """Sets a slot's instance count, in a call of its own: weights and capacity are never changed together."""

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return changed(int(_olds["instances"]) != int(_news["instances"]), elsewhere(_olds, _news))

    def create(self, props: Props) -> CreateResult:
        return CreateResult(f"{props['place']['key']}/{props['slot']}", self._set(props))

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(self._set(_news))

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
            "place": declaration.inputs(endpoint=endpoint)["place"],
            "slot": slot,
            "instances": instances,
            "live_instances": None,
        }
        super().__init__(VariantCapacityProvider(), name, inputs, opts)
