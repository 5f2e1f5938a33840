"""Fleet: which configuration is live. Neither aws.sagemaker.Endpoint nor aws-native keeps the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, ReadResult, Resource, UpdateResult

from components.sagemaker.provider import (
    Props,
    TrafficProvider,
    build_diff,
    has_changed,
    has_moved,
    is_other_endpoint,
    missing_result,
    print_note,
    read_deployed_models,
    reject,
    report_as_sentence,
    resolve_or_default,
)
from components.sagemaker.traffic_inputs import TrafficInputs, hide_input_diffs
from tidewatch.traffic import DeploymentPolicy, EndpointMissing, EndpointStatus


class EndpointDeploymentProvider(TrafficProvider):
    """Moves the endpoint to a configuration through the controller, which drains, waits and compares."""

    @report_as_sentence
    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Refuses a deployment that the endpoint's rules forbid.

        For example, the champion's model must not change while another variant serves, because no rollback target would
        be left. If a configuration was created again and declares the same as the deployed one, the deployed one stays.
        This happens after a failed deployment whose edit was taken back.
        """
        actual, declared = resolve_or_default(news.get("content"), news["configuration"]), news["configuration"]
        if actual != declared:
            return reject(news, explain_content_mismatch(actual, declared))
        if self._is_recreated(_olds, news):
            news = {**news, "config": _olds["config"]}
        return self.check_declaration(_olds, news)

    def _is_recreated(self, olds: Props, news: Props) -> bool:
        same = not any(has_changed(olds, news, key) for key in ("content", "physical_names"))
        if not same or not has_changed(olds, news, "config") or is_other_endpoint(olds, news):
            return False
        return self.create_controller(news).is_config_complete(olds["config"])

    def needs_check(self, olds: Mapping[str, Any], news: Props) -> bool:
        """Whether rules apply: also if hosts or capture changed, or if an unfinished deployment must be ended."""
        return super().needs_check(olds, news) or has_changed(olds, news, "config") or self._is_unfinished(news)

    def require_allowed(self, olds: Mapping[str, Any], news: Props, *, settles: bool = False) -> None:
        super().require_allowed(olds, news, settles=settles)
        self.create_controller(news).require_endpoint()

    def find_target_configuration(self, news: Props) -> str | None:
        return resolve_or_default(news.get("config"), "")

    def _is_unfinished(self, news: Props) -> bool:
        """Whether the endpoint is not as a deployment of this declaration leaves it, and an update can repair that.

        Either the endpoint ended Failed before it ever served, or another configuration was requested last, whether or
        not it went live: a request is void once the config no longer declares it. Raises EndpointMissing if an endpoint
        that has served is gone; otherwise an `up` with nothing to do would report that it serves.
        """
        controller = self.create_controller(news)
        try:
            status = controller.state().status
            if status == EndpointStatus.FAILED:
                return controller.has_never_served()
            if status == EndpointStatus.DELETING:
                controller.require_endpoint()
        except EndpointMissing:
            controller.require_endpoint()
            return False
        return controller.has_unfinished_deployment(resolve_or_default(news.get("config"), ""))

    @report_as_sentence
    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return build_diff(has_changed(_olds, _news, "config"), has_moved(_olds, _news), self._is_unfinished(_news))

    @report_as_sentence
    def create(self, props: Props) -> CreateResult:
        return CreateResult(props["resource_names"]["key"], self._deploy({}, props))

    @report_as_sentence
    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(self._deploy(_olds, _news))

    @report_as_sentence
    def read(self, id_: str, props: Props) -> ReadResult:
        """Updates `live_config` and `in_sync`, because SageMaker may have gone back to an earlier configuration."""
        try:
            config = self.create_controller(props).state().config
        except EndpointMissing:
            return missing_result()
        return ReadResult(id_, {**props, "live_config": config, "in_sync": config == props["config"]})

    def _deploy(self, olds: Props, news: Props) -> Props:
        before, after = read_deployed_models(olds), read_deployed_models(news)
        self.acknowledge(olds, news)
        record = self.create_controller(news).deploy(
            news["config"],
            models=after,
            content=news["configuration"],
            changed_variants=frozenset(
                variant for variant in after if variant in before and not after[variant].is_same_model(before[variant])
            ),
            abort_alarm=resolve_or_default(news.get("abort_alarm"), None),
            instances={variant: int(count) for variant, count in news["instances"].items()},
            policy=_parse_policy(news["policy"]),
            tags=news.get("tags") or {},
        )
        for note in record.notes:
            print_note(note)
        return {**news, "live_config": record.config, "in_sync": True}


def explain_content_mismatch(actual: str, declared: str) -> str:
    """Explains why a configuration is not deployed whose content differs from what the config declares."""
    return (
        f"The tag of the endpoint configuration says that it holds {actual or 'unknown models'}, but the config "
        f"declares {declared}: deploying it would record wrong models. This happens if --target left out the models "
        "or the configuration: run `pulumi up` without --target."
    )


def _parse_policy(document: Mapping[str, Any]) -> DeploymentPolicy:
    size = document.get("size_percent")
    return DeploymentPolicy(
        type=document["type"],
        size_percent=int(size) if size is not None else None,
        wait_seconds=int(document["wait_seconds"]),
        termination_wait_seconds=int(document["termination_wait_seconds"]),
    )


class EndpointDeployment(Resource, module="tidewatch", name="EndpointDeployment"):
    """The configuration that the endpoint is on.

    Of the inputs, `content` is what the configuration was created from; an `up` with targets may leave it behind the
    declaration. `physical_names` are names in the configuration that no content covers: the capture bucket, its key,
    the models' roles. `tags` are all tags of the endpoint: a first endpoint that failed is created again with them.
    """

    config: pulumi.Output[str]
    """The physical name of the configuration; after a deployment, the live one."""
    live_config: pulumi.Output[str]
    in_sync: pulumi.Output[bool]

    def __init__(
        self,
        name: str,
        traffic_inputs: TrafficInputs,
        *,
        endpoint: pulumi.Input[str],
        acknowledged: str,
        config: pulumi.Input[str],
        content: pulumi.Input[str],
        physical_names: Mapping[str, pulumi.Input[str]],
        instances: Mapping[str, int],
        abort_alarm: pulumi.Input[str],
        policy: DeploymentPolicy,
        tags: pulumi.Input[Mapping[str, str]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = {
            **traffic_inputs.to_inputs(endpoint=endpoint),
            "acknowledged": acknowledged,
            "config": config,
            "content": content,
            "physical_names": dict(physical_names),
            "instances": dict(instances),
            "abort_alarm": abort_alarm,
            "policy": {k: v for k, v in asdict(policy).items() if k != "alarms"},
            "tags": tags,
            "live_config": None,
            "in_sync": None,
        }
        super().__init__(
            EndpointDeploymentProvider(), name, inputs, hide_input_diffs(opts, "split", "instance_counts", "content")
        )
