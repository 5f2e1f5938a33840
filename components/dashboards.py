"""Dashboards as resources: the pages of tidewatch.dashboards, once the names that they show are known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.stack_context import StackContext
from components.tables import Tables
from tidewatch.alarms import Alarm, DimensionResolver
from tidewatch.dashboards import PAGE_BUILDERS, DashboardContext, build_dashboard_url
from tidewatch.slo import Objective


@dataclass(frozen=True)
class DashboardsArgs:
    """What is shown.

    variants: the alarms of each variant; endpoint: those of the endpoint as a whole; objectives: what is promised to
    users. names: what the metrics' dimensions are made of. alarm_arns: by name, every alarm whose state is worth a
    look. log_group: where the rollback function writes what each variant holds. runbooks: the folder or URL that
    {key}.md is under. capture, monitoring: the buckets. reports: where the drift function's go; None where there is
    none. price_per_hour: of one instance; None where it is not known.
    """

    variants: Mapping[str, Sequence[Alarm]]
    endpoint: Sequence[Alarm]
    objectives: Sequence[Objective]
    names: DimensionResolver[pulumi.Output[str]]
    alarm_arns: Mapping[str, pulumi.Input[str]]
    tables: Tables
    log_group: pulumi.Input[str]
    runbooks: str
    capture: pulumi.Input[str]
    monitoring: pulumi.Input[str]
    instance_type: str
    reports: pulumi.Input[str] | None = None
    price_per_hour: float | None = None


def build_links(context: StackContext, tables: Tables) -> dict[str, pulumi.Output[str]]:
    """Where the console shows each page: known before the pages are, for what they are about links them too."""
    names = {page: tables.build_physical_name(page) for page in PAGE_BUILDERS}
    return {page: name.apply(lambda name: build_dashboard_url(context.region, name)) for page, name in names.items()}


class Dashboards(pulumi.ComponentResource):
    """The three pages of an endpoint: for who pays, for who is on call, for who looks for a cause.

    They are a unit because they link each other. A dashboard's name is its own in the whole account, in every region,
    and Pulumi does not make it: it ends as the ledger's does. `links` are where the console shows them, by page.
    """

    def __init__(self, context: StackContext, args: DashboardsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tidewatch:components:Dashboards", context.name("dashboards"), None, opts)
        self._context, self._args = context, args
        names = {page: args.tables.build_physical_name(page) for page in PAGE_BUILDERS}
        self.links = build_links(context, args.tables)
        # No `hide_diffs`: where every difference of a resource is hidden, the CLI prints all that it was, unmarked.
        values = self._collect_values()
        self.dashboards = {
            page: aws.cloudwatch.Dashboard(
                context.name(page),
                dashboard_name=name,
                dashboard_body=values.apply(lambda said, page=page: self._render_body(page, said)),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for page, name in names.items()
        }
        self.register_outputs({"links": self.links})

    def _collect_values(self) -> pulumi.Output[dict[str, Any]]:
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

    def _render_body(self, page: str, values: Mapping[str, Any]) -> str:
        args, names = self._args, self._args.names
        subject = DashboardContext(
            region=self._context.region,
            names=DimensionResolver(
                names.key, values["endpoint"], names.champion, values["functions"], values["queues"], values["rules"]
            ),
            variants=args.variants,
            endpoint=args.endpoint,
            objectives=args.objectives,
            alarm_arns=values["alarms"],
            log_group=values["log_group"],
            runbooks=args.runbooks,
            ledger=values["ledger"],
            capture_bucket=values["capture"],
            monitoring_bucket=values["monitoring"],
            instance_type=args.instance_type,
            reports=values["reports"],
            price_per_hour=args.price_per_hour,
            links=values["links"],
        )
        return json.dumps(PAGE_BUILDERS[page](subject).build_body(self._context.region), separators=(",", ":"))
