"""Fleet: which configuration is live. Neither aws.sagemaker.Endpoint nor aws-native keeps the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
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
    moved,
    refused,
    say,
    told,
)
from tidewatch.traffic import DeploymentPolicy, EndpointMissing


class EndpointDeploymentProvider(TrafficProvider):
    """Moves the endpoint to a configuration through the controller, which drains, waits and compares."""

    @told
    def check(self, _olds: Props, news: Props) -> CheckResult:
        """Refuses, among others, to change the model under the champion while another slot serves: no way back.

        A configuration that was made anew and declares what the deployed one does, as after a deployment that failed
        and was taken out of the config again, is no other: the deployed one stays.
        """
        made, declared = known(news.get("content"), news["configuration"]), news["configuration"]
        if made != declared:
            return refused(news, not_made(made, declared))
        if self._made_anew(_olds, news):
            news = {**news, "config": _olds["config"]}
        return self.judged(_olds, news)

    def _made_anew(self, olds: Props, news: Props) -> bool:
        same = not any(differs(olds, news, key) for key in ("content", "cloud_made"))
        if not same or not differs(olds, news, "config") or elsewhere(olds, news):
            return False
        return self.controller(news).stands(olds["config"])

    def asks(self, olds: Mapping[str, Any], news: Props) -> bool:
        """Also where hosts or capture change, or a deployment that was begun has to be ended."""
        return super().asks(olds, news) or differs(olds, news, "config") or self._unfinished(news)

    def ask(self, olds: Mapping[str, Any], news: Props, *, settles: bool = False) -> None:
        super().ask(olds, news, settles=settles)
        self.controller(news).refuse_missing()

    def wanted(self, news: Props) -> str | None:
        return known(news.get("config"), "")

    def _unfinished(self, news: Props) -> bool:
        """Whether the endpoint does not stand as a deployment of this declaration leaves it, and an update mends that.

        It ended Failed before it ever served; or another configuration was asked for last, whether it came about or
        not: such a wish ends with its declaration. Raises EndpointMissing where one that has served is gone: an `up`
        that found nothing to do would say that it serves.
        """
        controller = self.controller(news)
        try:
            status = controller.state().status
            if status == "Failed":
                return controller.unserved()
            if status == "Deleting":
                controller.refuse_missing()
        except EndpointMissing:
            controller.refuse_missing()
            return False
        return controller.unfinished(known(news.get("config"), ""))

    @told
    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return changed(differs(_olds, _news, "config"), moved(_olds, _news), self._unfinished(_news))

    @told
    def create(self, props: Props) -> CreateResult:
        return CreateResult(props["place"]["key"], self._deployed({}, props))

    @told
    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        return UpdateResult(self._deployed(_olds, _news))

    @told
    def read(self, id_: str, props: Props) -> ReadResult:
        """Brings `live_config` and `in_sync` up to date: SageMaker may have gone back to an earlier configuration."""
        try:
            config = self.controller(props).state().config
        except EndpointMissing:
            return gone()
        return ReadResult(id_, {**props, "live_config": config, "in_sync": config == props["config"]})

    def _deployed(self, olds: Props, news: Props) -> Props:
        before, after = held(olds), held(news)
        self.acknowledge(olds, news)
        record = self.controller(news).deploy(
            news["config"],
            held=after,
            content=news["configuration"],
            changed=frozenset(slot for slot in after if slot in before and not after[slot].same_model(before[slot])),
            abort_alarm=known(news.get("abort_alarm"), None),
            instances={slot: int(count) for slot, count in news["instances"].items()},
            policy=_policy(news["policy"]),
            tags=news.get("tags") or {},
        )
        for note in record.notes:
            say(note)
        return {**news, "live_config": record.config, "in_sync": True}


def not_made(made: str, declared: str) -> str:
    """Why a configuration is not deployed that is not made of what the config declares."""
    return (
        f"The endpoint configuration to be deployed is made of {made or 'nobody knows what'}, by its tag, and the "
        f"config declares {declared}: deploying it would put down what is not so. With --target its models, or it, "
        "were left out: run `pulumi up` without."
    )


def _policy(document: Mapping[str, Any]) -> DeploymentPolicy:
    size = document.get("size_percent")
    return DeploymentPolicy(
        type=document["type"],
        size_percent=int(size) if size is not None else None,
        wait_seconds=int(document["wait_seconds"]),
        termination_wait_seconds=int(document["termination_wait_seconds"]),
    )


class EndpointDeployment(Resource, module="tidewatch", name="EndpointDeployment"):
    """The configuration that the endpoint is on. `config` is its physical name, also the one that is live after it.

    `content` is what it was made of, which an `up` with targets may leave behind the declaration. `cloud_made` are
    names that it holds and no content tells: the capture bucket, its key, the models' roles. `tags` are all of the
    endpoint's own: a first one that failed is made again with them.
    """

    config: pulumi.Output[str]
    live_config: pulumi.Output[str]
    in_sync: pulumi.Output[bool]

    def __init__(
        self,
        name: str,
        declaration: Declaration,
        *,
        endpoint: pulumi.Input[str],
        acknowledged: str,
        config: pulumi.Input[str],
        content: pulumi.Input[str],
        cloud_made: Mapping[str, pulumi.Input[str]],
        instances: Mapping[str, int],
        abort_alarm: pulumi.Input[str],
        policy: DeploymentPolicy,
        tags: pulumi.Input[Mapping[str, str]],
        opts: pulumi.ResourceOptions,
    ) -> None:
        inputs = {
            **declaration.inputs(endpoint=endpoint),
            "acknowledged": acknowledged,
            "config": config,
            "content": content,
            "cloud_made": dict(cloud_made),
            "instances": dict(instances),
            "abort_alarm": abort_alarm,
            "policy": {k: v for k, v in asdict(policy).items() if k != "alarms"},
            "tags": tags,
            "live_config": None,
            "in_sync": None,
        }
        super().__init__(EndpointDeploymentProvider(), name, inputs, briefly(opts, "declared", "counts", "content"))
