"""The gate before fleet and traffic: it refuses what the ledger forbids, and records acknowledgements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, Resource, UpdateResult

from components.sagemaker.provider import (
    Props,
    TrafficProvider,
    build_diff,
    has_changed,
    has_moved,
    has_same_declaration,
    reject,
    report_as_sentence,
)
from components.sagemaker.traffic_inputs import TrafficInputs, hide_input_diffs
from components.settings import StackSpec
from tidewatch.traffic import TrafficController


class GateProvider(TrafficProvider):
    """Refuses in check(), so in a preview too; create() and update() check again and append the acknowledgement."""

    def create_controller(self, props: Mapping[str, Any]) -> TrafficController:
        """Returns the controller of the endpoint that was requested last.

        The endpoint's name is no input, because the endpoint is created after this gate.
        """
        unnamed_controller = super().create_controller(props)
        names = {**props["resource_names"], "endpoint": unnamed_controller.requested_endpoint()}
        return (
            super().create_controller({**props, "resource_names": names}) if names["endpoint"] else unnamed_controller
        )

    @report_as_sentence
    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Refuses another model's name, or no variants while some serve; then applies the endpoint's rules."""
        if refusal := find_model_rename(_olds, news) or find_missing_retirement(_olds, news):
            return reject(news, refusal)
        return self.check_declaration(_olds, news)

    @report_as_sentence
    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return build_diff(
            not has_same_declaration(_olds, _news),
            has_moved(_olds, _news),
            *(has_changed(_olds, _news, key) for key in ("acknowledged", "name", "protect")),
        )

    @report_as_sentence
    def create(self, props: Props) -> CreateResult:
        self._admit({}, props)
        return CreateResult(props["resource_names"]["key"], props)

    @report_as_sentence
    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        self._admit(_olds, _news)
        return UpdateResult(_news)

    def _admit(self, olds: Props, news: Props) -> None:
        self.acknowledge(olds, news)
        if not has_same_declaration(olds, news):
            self.require_allowed(olds, news)


def find_model_rename(olds: Props, news: Props) -> str:
    """Returns why a stack keeps its model's name if the config changes it; "" if it does not."""
    before, now = olds.get("name"), news.get("name")
    if not before or before == now:
        return ""
    return explain_model_rename(str(before), str(now))


def explain_model_rename(before: str, now: str) -> str:
    """Explains how to give a model another name.

    Every resource carries the name, so an edit would delete all of them.
    """
    return (
        f"This stack is that of {before}: its registry, its endpoint and its ledger carry that name, and with {now} "
        f"as tidewatch:model.name they would be deleted. Put {before} back, and create a separate stack for {now}: "
        "run `pulumi stack init`, publish there, move the callers to its endpoint, then retire this stack "
        "(tidewatch:retire true, without tidewatch:variants and tidewatch:rollbackTo) and `pulumi destroy` it."
    )


def find_missing_retirement(olds: Props, news: Props) -> str:
    """Returns why a serving stack keeps its variants in the config; "" if the config has some or may drop them."""
    if not olds.get("split") or news.get("split"):
        return ""
    model = news["name"]
    if olds.get("protect"):
        return (
            f"This stack serves {model} and is protected, and without tidewatch:variants its endpoint would be "
            "deleted. Put the variants back; to retire the stack, set tidewatch:protect to false and run `pulumi up` "
            "first, then take out tidewatch:variants and tidewatch:rollbackTo together with tidewatch:retire true."
        )
    if news.get("retire"):
        return ""
    return (
        f"This stack serves {model}, and without tidewatch:variants its endpoint would be deleted. Put the variants "
        "back, or set tidewatch:retire to true if nothing is to serve any more."
    )


@dataclass(frozen=True)
class GateInputs:
    """What the config declares besides the traffic."""

    name: str
    """The model's name."""
    acknowledged: str
    """The incident that somebody has looked into, or ""."""
    retire: bool
    """Whether a stack that serves may lose its variants."""
    protect: bool
    """Whether the stack is protected."""

    @classmethod
    def from_settings(cls, settings: StackSpec) -> GateInputs:
        return cls(settings.model.name, settings.acknowledged_incident, settings.retire, settings.protect)


class Gate(Resource, module="tidewatch", name="Gate"):
    """Accepts only a declaration that the ledger allows.

    It exists on every `up`, also if nothing serves, and its name does not contain the model's. The state thus shows
    what the stack was until now, and the gate can refuse to turn it into something else.
    """

    def __init__(
        self,
        name: str,
        traffic_inputs: TrafficInputs,
        gate_inputs: GateInputs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        # Without the physical name, because the endpoint is created after this gate.
        inputs = {
            **traffic_inputs.to_inputs(endpoint=""),
            "name": gate_inputs.name,
            "acknowledged": gate_inputs.acknowledged,
            "retire": gate_inputs.retire,
            "protect": gate_inputs.protect,
        }
        super().__init__(GateProvider(), name, inputs, hide_input_diffs(opts))
        self.traffic_inputs = traffic_inputs
