"""Dashboards as resources: the pages of tidewatch.dashboards, once the names that they show are known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.scope import Scope
from components.tables import Tables
from tidewatch.alarms import Alarm, Names
from tidewatch.dashboards import PAGES, Subject, dashboard_url
from tidewatch.slo import Objective


@dataclass(frozen=True)
class DashboardsArgs:
    """What is shown.

    slots: the alarms of each slot; endpoint: those of the endpoint as a whole; objectives: what is promised to users.
    names: what the metrics' dimensions are made of. alarm_arns: by name, every alarm whose state is worth a look.
    log_group: where the rollback function writes what each slot holds. runbooks: the folder or URL that {key}.md is
    under. capture, monitoring: the buckets.
    reports: where the drift function's go; None where there is none. price_per_hour: of one instance; None where it is
    not known.
    """

    slots: Mapping[str, Sequence[Alarm]]
    endpoint: Sequence[Alarm]
    objectives: Sequence[Objective]
    names: Names[pulumi.Output[str]]
    alarm_arns: Mapping[str, pulumi.Input[str]]
    tables: Tables
    log_group: pulumi.Input[str]
    runbooks: str
    capture: pulumi.Input[str]
    monitoring: pulumi.Input[str]
    instance_type: str
    reports: pulumi.Input[str] | None = None
    price_per_hour: float | None = None


def links(scope: Scope, tables: Tables) -> dict[str, pulumi.Output[str]]:
    """Where the console shows each page: known before the pages are, for what they are about links them too."""
    names = {page: tables.physical_name(page) for page in PAGES}
    return {page: name.apply(lambda name: dashboard_url(scope.region, name)) for page, name in names.items()}


class Dashboards(pulumi.ComponentResource):
    """The three pages of an endpoint: for who pays, for who is on call, for who looks for a cause.

    They are a unit because they link each other. A dashboard's name is its own in the whole account, in every region,
    and Pulumi does not make it: it ends as the ledger's does. `links` are where the console shows them, by page.
    """

    def __init__(self, scope: Scope, args: DashboardsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tidewatch:components:Dashboards", scope.name("dashboards"), None, opts)
        self._scope, self._args = scope, args
        names = {page: args.tables.physical_name(page) for page in PAGES}
        self.links = links(scope, args.tables)
        # No `hide_diffs`: where every difference of a resource is hidden, the CLI prints all that it was, unmarked.
        said = self._said()
        self.dashboards = {
            page: aws.cloudwatch.Dashboard(
                scope.name(page),
                dashboard_name=name,
                dashboard_body=said.apply(lambda said, page=page: self._body(page, said)),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for page, name in names.items()
        }
        self.register_outputs({"links": self.links})

    def _said(self) -> pulumi.Output[dict[str, Any]]:
        """Everything that is known only once other resources are there."""
        args, names = self._args, self._args.names
        return pulumi.Output.all(
            endpoint=names.endpoint,
            functions=dict(names.functions),
            queues=dict(names.queues),
            rules=dict(names.rules),
            alarms=dict(args.alarm_arns),
            reports=args.reports or "",
            log_group=args.log_group,
            ledger=args.tables.ledger.name,
            capture=args.capture,
            monitoring=args.monitoring,
            links=self.links,
        )

    def _body(self, page: str, said: Mapping[str, Any]) -> str:
        args, names = self._args, self._args.names
        subject = Subject(
            region=self._scope.region,
            names=Names(names.key, said["endpoint"], names.champion, said["functions"], said["queues"], said["rules"]),
            slots=args.slots,
            endpoint=args.endpoint,
            objectives=args.objectives,
            alarms=said["alarms"],
            log_group=said["log_group"],
            runbooks=args.runbooks,
            ledger=said["ledger"],
            capture=said["capture"],
            monitoring=said["monitoring"],
            instance_type=args.instance_type,
            reports=said["reports"],
            price_per_hour=args.price_per_hour,
            links=said["links"],
        )
        return json.dumps(PAGES[page](subject).body(self._scope.region), separators=(",", ":"))
