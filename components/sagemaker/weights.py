"""Traffic: the declared split, applied when its declaration changes and never because the live one differs.

The endpoint ends with it. It depends on everything that guards the endpoint, so it is the first to be deleted, and what
it does then is to end the endpoint: a destroy that is interrupted leaves no endpoint without its way back.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Mapping

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from components.sagemaker.declaration import Declaration
from components.sagemaker.provider import (
    Props,
    TrafficProvider,
    changed,
    differs,
    elsewhere,
    gone,
    held,
    live,
    place,
    same_split,
    split,
)
from tidewatch.operator import operator
from tidewatch.traffic import EndpointMissing


class VariantWeightsProvider(TrafficProvider):
    """Applies a split through the controller, whose ledger says who changed what and why."""

    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Looks at the live split first where the declared one changed: what nobody declared has to be asked about."""
        if _olds and not same_split(_olds, news) and place(news).endpoint:
            with contextlib.suppress(EndpointMissing):
                self.controller(news).observe()
        return self.judged(_olds, news)

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return changed(not same_split(_olds, _news), differs(_olds, _news, "deployment"), elsewhere(_olds, _news))

    def create(self, props: Props) -> CreateResult:
        """Owns the endpoint from now on, under a name of its own: replaced, it ends nothing of its successor's."""
        id_ = f"{props['place']['key']}/{uuid.uuid4().hex[:8]}"
        self.controller(props).own(id_)
        return CreateResult(id_, self._applied({}, props))

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(self._applied(_olds, _news))

    def delete(self, _id: str, _props: Props) -> None:
        """Ends the endpoint, if it is this declaration's, and waits until it is gone."""
        self.controller(_props).end(_id, who=f"pulumi ({operator()})")

    def read(self, id_: str, props: Props) -> ReadResult:
        """Brings `live` and `in_sync` up to date, and records a flip that no entry explains; declares nothing."""
        controller = self.controller(props)
        try:
            controller.observe()
            return ReadResult(id_, {**props, **live(controller, split(props))})
        except EndpointMissing:
            return gone()

    def _applied(self, olds: Props, news: Props) -> Props:
        declared, controller = split(news), self.controller(news)
        if declared is None:
            raise ValueError("a split without a slot was declared: name at least one variant")
        if olds and differs(olds, news, "deployment"):
            controller.settle_after_deployment(declared, held(news))
        else:
            why = f"declared {declared}" if olds else f"first declared {declared}"
            controller.apply(declared, who="pulumi", why=why, held=held(news))
        return {**news, **live(controller, declared)}


class VariantWeights(Resource, module="tidewatch", name="VariantWeights"):
    """The declared split of one endpoint. After a deployment the split comes back: its configuration is an input."""

    live: pulumi.Output[Mapping[str, float]]
    in_sync: pulumi.Output[bool]

    def __init__(
        self,
        name: str,
        declaration: Declaration,
        *,
        endpoint: pulumi.Input[str],
        deployment: pulumi.Input[str],
        acknowledged: str,
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = {**declaration.inputs(endpoint=endpoint), "deployment": deployment, "acknowledged": acknowledged}
        super().__init__(VariantWeightsProvider(), name, {**inputs, "live": None, "in_sync": None}, opts)
