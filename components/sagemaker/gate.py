"""The gate that fleet and traffic wait for: it refuses what the ledger forbids, and records who said otherwise."""

from __future__ import annotations

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, Resource, UpdateResult

from components.sagemaker.declaration import Declaration
from components.sagemaker.provider import (
    Props,
    TrafficProvider,
    changed,
    differs,
    same_declaration,
)
from tidewatch.operator import operator


class GateProvider(TrafficProvider):
    """Refuses in check(), so in preview too; update() asks again, and appends the acknowledgement."""

    def check(self, _olds: Props, news: Props) -> CheckResult:
        return self.judged(_olds, news)

    def diff(self, _id: str, _olds: Props, _news: Props) -> DiffResult:
        return changed(not same_declaration(_olds, _news), differs(_olds, _news, "acknowledged"))

    def create(self, props: Props) -> CreateResult:
        self._pass({}, props)
        return CreateResult(props["place"]["key"], props)

    def update(self, _id: str, _olds: Props, _news: Props) -> UpdateResult:
        self._pass(_olds, _news)
        return UpdateResult(_news)

    def _pass(self, olds: Props, news: Props) -> None:
        incident = str(news.get("acknowledged") or "")
        if incident and incident != olds.get("acknowledged"):
            self.controller(news).acknowledge(incident, f"pulumi ({operator()})")
        if not same_declaration(olds, news):
            self.ask(olds, news)


class Gate(Resource, module="tidewatch", name="Gate"):
    """Passed only by a declaration that the ledger allows. `acknowledged` is the incident the config names, or ""."""

    def __init__(self, name: str, declaration: Declaration, acknowledged: str, opts: pulumi.ResourceOptions) -> None:
        # without the physical name: the endpoint itself waits for this gate
        inputs = {**declaration.inputs(endpoint=""), "acknowledged": acknowledged}
        super().__init__(GateProvider(), name, inputs, opts)
