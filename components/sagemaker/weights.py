"""Traffic: the declared split, applied when its declaration changes and never because the live split differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from components.sagemaker.provider import (
    Props,
    TrafficProvider,
    build_diff,
    has_changed,
    has_moved,
    has_same_models,
    has_same_split,
    is_other_endpoint,
    missing_result,
    read_deployed_models,
    read_live_outputs,
    read_split,
    report_as_sentence,
    resolve_or_default,
)
from components.sagemaker.traffic_inputs import TrafficInputs, hide_input_diffs
from tidewatch.traffic import EndpointMissing, Split, TrafficController


class VariantWeightsProvider(TrafficProvider):
    """Applies a split through the controller, whose ledger records who changed what and why."""

    @report_as_sentence
    def check(self, _olds: Props, news: Props) -> CheckResult:
        return self.check_declaration(_olds, news)

    def needs_check(self, olds: Mapping[str, Any], news: Props) -> bool:
        """Whether rules apply: also when the split comes back after a deployment."""
        return super().needs_check(olds, news) or has_changed(olds, news, "deployment") or self._has_owed_share(news)

    def require_allowed(self, olds: Mapping[str, Any], news: Props, *, settles: bool = False) -> None:
        super().require_allowed(olds, news, settles=settles or not has_same_models(olds, news))
        self.create_controller(news).require_endpoint()

    def find_target_configuration(self, news: Props) -> str | None:
        return resolve_or_default(news.get("deployment"), "")

    @report_as_sentence
    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return build_diff(
            not has_same_split(_olds, _news),
            has_changed(_olds, _news, "deployment"),
            has_moved(_olds, _news),
            self._has_owed_share(_news),
        )

    @report_as_sentence
    def create(self, props: Props) -> CreateResult:
        return CreateResult(props["resource_names"]["key"], self._apply({}, props))

    @report_as_sentence
    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(self._apply(_olds, _news))

    @report_as_sentence
    def read(self, id_: str, props: Props) -> ReadResult:
        """Updates `live` and `in_sync`; writes nothing, because a preview may call it."""
        try:
            return ReadResult(id_, {**props, **_read_outputs(self.create_controller(props), read_split(props))})
        except EndpointMissing:
            return missing_result()

    def _has_owed_share(self, news: Props) -> bool:
        """Whether a variant waits for the share that an incident withheld, or that a deployment drained and then died.

        The control table decides this in a preview as in an `up`. The outputs cannot, because a refresh may have
        written them.
        """
        return self.create_controller(news).has_pending_drain(news.get("acknowledged") or None)

    def _apply(self, olds: Props, news: Props) -> Props:
        declared, controller = read_split(news), self.create_controller(news)
        if declared is None:
            raise ValueError("a split without a variant was declared: name at least one variant")
        self.acknowledge(olds, news)
        if not has_same_split(olds, news) or is_other_endpoint(olds, news):
            why = f"declared {declared}" if olds else f"first declared {declared}"
            controller.apply(declared, who="pulumi", why=why, models=read_deployed_models(news))
        elif not has_same_models(olds, news):
            controller.apply_after_deployment(declared, read_deployed_models(news))
        elif controller.has_pending_drain():
            controller.finish_drain(declared, read_deployed_models(news))
        return {**news, **_read_outputs(controller, declared)}


def _read_outputs(controller: TrafficController, declared: Split | None) -> Props:
    """Returns what is live, and which variant gets nothing because an incident is open; raises EndpointMissing."""
    return {
        **read_live_outputs(controller, declared),
        "withheld": controller.describe_withheld_variants(declared) if declared else "",
    }


class VariantWeights(Resource, module="tidewatch", name="VariantWeights"):
    """The declared split of one endpoint.

    The deployment's configuration is an input, so that the split comes back after a deployment.
    """

    live: pulumi.Output[Mapping[str, float]]
    in_sync: pulumi.Output[bool]
    withheld: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        traffic_inputs: TrafficInputs,
        *,
        endpoint: pulumi.Input[str],
        deployment: pulumi.Input[str],
        acknowledged: str,
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = {**traffic_inputs.to_inputs(endpoint=endpoint), "deployment": deployment, "acknowledged": acknowledged}
        super().__init__(
            VariantWeightsProvider(),
            name,
            {**inputs, "live": None, "in_sync": None, "withheld": None},
            hide_input_diffs(opts, "instance_counts", "configuration"),
        )
