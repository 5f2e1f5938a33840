"""Traffic: the declared split, applied when its declaration changes and never because the live one differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from components.sagemaker.declaration import Declaration, briefly
from components.sagemaker.provider import (
    Props,
    TrafficProvider,
    changed,
    differs,
    elsewhere,
    gone,
    held,
    known,
    live,
    moved,
    same_models,
    same_split,
    split,
    told,
)
from tidewatch.traffic import EndpointMissing, Split, TrafficController


class VariantWeightsProvider(TrafficProvider):
    """Applies a split through the controller, whose ledger says who changed what and why."""

    @told
    def check(self, _olds: Props, news: Props) -> CheckResult:
        return self.judged(_olds, news)

    def asks(self, olds: Mapping[str, Any], news: Props) -> bool:
        """Also where the split comes back after a deployment."""
        return super().asks(olds, news) or differs(olds, news, "deployment") or self._owes(news)

    def ask(self, olds: Mapping[str, Any], news: Props, *, settles: bool = False) -> None:
        super().ask(olds, news, settles=settles or not same_models(olds, news))
        self.controller(news).refuse_missing()

    def wanted(self, news: Props) -> str | None:
        return known(news.get("deployment"), "")

    @told
    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return changed(
            not same_split(_olds, _news),
            differs(_olds, _news, "deployment"),
            moved(_olds, _news),
            self._owes(_news),
        )

    @told
    def create(self, props: Props) -> CreateResult:
        return CreateResult(props["place"]["key"], self._applied({}, props))

    @told
    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(self._applied(_olds, _news))

    @told
    def read(self, id_: str, props: Props) -> ReadResult:
        """Brings `live` and `in_sync` up to date; writes nothing, as a preview may ask for it."""
        try:
            return ReadResult(id_, {**props, **_outputs(self.controller(props), split(props))})
        except EndpointMissing:
            return gone()

    def _owes(self, news: Props) -> bool:
        """Whether a slot waits for its share that an incident kept from it, or that a deployment which died drained.

        The control table says so, to a preview as to an `up`: no output does, which a refresh may have written.
        """
        return self.controller(news).owes(news.get("acknowledged") or None)

    def _applied(self, olds: Props, news: Props) -> Props:
        declared, controller = split(news), self.controller(news)
        if declared is None:
            raise ValueError("a split without a slot was declared: name at least one variant")
        self.acknowledge(olds, news)
        if not same_split(olds, news) or elsewhere(olds, news):
            why = f"declared {declared}" if olds else f"first declared {declared}"
            controller.apply(declared, who="pulumi", why=why, held=held(news))
        elif not same_models(olds, news):
            controller.settle_after_deployment(declared, held(news))
        elif controller.owes():
            controller.settle_owed(declared, held(news))
        return {**news, **_outputs(controller, declared)}


def _outputs(controller: TrafficController, declared: Split | None) -> Props:
    """What is live, and which declared slot gets nothing because an incident is open; raises EndpointMissing."""
    return {**live(controller, declared), "held_back": controller.held_back(declared) if declared else ""}


class VariantWeights(Resource, module="tidewatch", name="VariantWeights"):
    """The declared split of one endpoint. After a deployment the split comes back: its configuration is an input."""

    live: pulumi.Output[Mapping[str, float]]
    in_sync: pulumi.Output[bool]
    held_back: pulumi.Output[str]

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
        super().__init__(
            VariantWeightsProvider(),
            name,
            {**inputs, "live": None, "in_sync": None, "held_back": None},
            briefly(opts, "counts", "configuration"),
        )
