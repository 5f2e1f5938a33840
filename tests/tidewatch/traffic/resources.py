"""The traffic's resources as Pulumi keeps and changes them: the real providers, asked in the order of an `up`.

check() with the inputs of before, diff() with the outputs of before, then create() or update(); what fails keeps what
it was. A preview is the same without the last step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pulumi.dynamic import ResourceProvider
from pulumi.output import Unknown

from components.sagemaker import provider
from components.sagemaker.capacity import VariantCapacityProvider
from components.sagemaker.deployment import EndpointDeploymentProvider
from components.sagemaker.gate import GateProvider
from components.sagemaker.provider import ProviderError
from components.sagemaker.weights import VariantWeightsProvider
from tests.tidewatch.traffic.account import Flights
from tidewatch.content_hash import compute_content_hash
from tidewatch.traffic import Clients, DeployedModel, Split

POLICY = {"type": "ALL_AT_ONCE", "size_percent": None, "wait_seconds": 0, "termination_wait_seconds": 0}
Props = dict[str, Any]


class Refusal(Exception):
    """What a check refused: nothing was done by that resource or any behind it."""


@dataclass
class Config:
    """What the people of a stack edit: variants with their weights, contents and counts; blue is the champion."""

    weights: dict[str, float]
    holds: dict[str, DeployedModel]
    counts: dict[str, int]
    acknowledged: str = ""
    guardrails: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def content(self) -> str:
        return compute_content_hash({variant: self.holds[variant].content for variant in sorted(self.weights)})


@dataclass
class Pulumi:
    """The state, and the commands that change it. `made` is the endpoint configuration in it: its content and name.

    Another content replaces it: going back to an earlier content makes one anew, under a name of its own.
    """

    account: Flights
    config: Config
    state: dict[str, tuple[Props, Props]] = field(default_factory=dict)
    made: tuple[str, str] = ("", "")

    def preview(self) -> None:
        """Raises Refusal."""
        for name, kind, inputs in self._resources(self._config()):
            news = self._check(name, kind, inputs)
            if name in self.state:
                kind.diff(name, self.state[name][1], news)

    def up(self, *targets: str) -> None:
        """Raises Refusal, or what a provider raises where the step fails."""
        wanted = self.config.content
        steps = self._resources(self._config())
        name, kind, inputs = next(steps)
        self._step(name, kind, inputs, targets)
        if self.made[0] != wanted and (not targets or "deployment" in targets):
            initial = {variant: 1.0 if variant == "blue" else 0.0 for variant in self.config.weights}
            self.made = wanted, self.account.make_config(initial)
        for name, kind, inputs in self._resources(self.made[1] or Unknown()):
            if name == "gate":
                continue
            if name == "weights" and "deployment" in self.state:
                inputs["deployment"] = self.state["deployment"][1]["config"]
            self._step(name, kind, inputs, targets)

    def _config(self) -> Any:
        """The name of the configuration as a preview knows it."""
        return self.made[1] if self.made[0] == self.config.content else Unknown()

    def refresh(self) -> None:
        """Brings the outputs up to date; what is gone leaves the state."""
        for name, kind, _ in list(self._resources(Unknown())):
            if name not in self.state or type(kind).read is ResourceProvider.read:
                continue
            inputs, outputs = self.state.pop(name)
            found = kind.read(name, outputs)
            if found.id:
                self.state[name] = (inputs, dict(found.outs or {}))

    def _check(self, name: str, kind: ResourceProvider, inputs: Props) -> Props:
        got = kind.check(self.state[name][0] if name in self.state else {}, inputs)
        if got.failures:
            raise Refusal("; ".join(one.reason for one in got.failures))
        return dict(got.inputs)

    def _step(self, name: str, kind: ResourceProvider, inputs: Props, targets: tuple[str, ...]) -> None:
        if targets and name not in targets:
            return
        news = self._check(name, kind, inputs)
        if name not in self.state:
            self.state[name] = (news, dict(kind.create(news).outs or {}))
            return
        outputs = self.state[name][1]
        if kind.diff(name, outputs, news).changes:
            outputs = dict(kind.update(name, outputs, news).outs or {})
        self.state[name] = (news, outputs)

    def _resources(self, config: Any) -> Iterator[tuple[str, ResourceProvider, Props]]:
        here, place = self.config, self.account.resource_names
        common: Props = {
            "resource_names": {
                "key": place.key,
                "endpoint": place.endpoint,
                "ledger": place.ledger,
                "control": place.control,
            },
            "split": Split.of(here.weights).to_json(),
            "variants": {variant: here.holds[variant].to_json() for variant in here.weights},
            "champion": "blue",
            "guardrails": dict(here.guardrails),
            "configuration": here.content,
            "instance_counts": {variant: here.counts[variant] for variant in here.weights},
            "acknowledged": here.acknowledged,
        }
        yield (
            "gate",
            GateProvider(),
            {**common, "resource_names": {**common["resource_names"], "endpoint": ""}, "name": "flights"},
        )
        counts = common["instance_counts"]
        made = Unknown() if isinstance(config, Unknown) else self.made[0]
        fleet = {"config": config, "content": made, "instances": counts, "abort_alarm": "abort", "policy": POLICY}
        yield "deployment", EndpointDeploymentProvider(), {**common, **fleet}
        for variant in sorted(here.weights):
            one = {"resource_names": common["resource_names"], "variant": variant, "instances": counts[variant]}
            yield f"capacity-{variant}", VariantCapacityProvider(), one
        yield "weights", VariantWeightsProvider(), {**common, "deployment": config}


@contextmanager
def providers_of(clients: Callable[[], Clients]) -> Iterator[None]:
    """The providers call AWS through these clients."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider, "get_clients", lambda *_: clients())
        yield


def cause(error: BaseException) -> BaseException:
    """The error that a provider put into one sentence."""
    return error.__context__ if isinstance(error, ProviderError) and error.__context__ else error


def adopt_endpoint(account: Flights, weights: Mapping[str, float], counts: int = 2) -> Pulumi:
    """A stack whose first `up` finds the endpoint that the account made for it."""
    config = Config(dict(weights), dict(account.holds), dict.fromkeys(weights, counts))
    made = Pulumi(account, config)
    made.up()
    return made
