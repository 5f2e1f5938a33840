"""Dashboards as resources: the pages of tidewatch.dashboards, rendered once the names that they show are known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pulumi
import pulumi_aws as aws

from components.dashboard_names import build_dashboard_names, build_links
from components.drift_monitor import DriftMonitor
from components.rollback_function import RollbackFunction
from components.settings import StackSpec
from components.shared_resources import SharedResources
from components.stack_context import StackContext
from components.tables import Tables
from tidewatch.alarms import Alarm, DimensionResolver
from tidewatch.dashboards import PAGE_BUILDERS, DashboardContext
from tidewatch.slo import Objective


class DrawnAlarms(Protocol):
    """The alarms that the pages show; the component Alarms implements it."""

    variants: Mapping[str, Sequence[Alarm]]
    endpoint: Sequence[Alarm]
    objectives: Sequence[Objective]
    dimensions: DimensionResolver[pulumi.Output[str]]

    @property
    def arns(self) -> Mapping[str, pulumi.Input[str]]:
        """Every alarm that indicates a problem, by key and variant."""
        ...


@dataclass(frozen=True)
class DashboardsArgs:
    """What the dashboards show."""

    alarms: DrawnAlarms
    tables: Tables
    log_group: pulumi.Input[str]
    """The rollback function's log group, where it logs what each variant holds."""
    runbooks: str
    """The folder or URL of the runbooks; each is {key}.md."""
    capture: pulumi.Input[str]
    monitoring: pulumi.Input[str]
    instance_type: str
    reports: pulumi.Input[str] | None = None
    """Where the drift function writes its reports; None without a drift function."""
    price_per_hour: float | None = None
    """The price of one instance; None if it is not known."""

    @classmethod
    def from_settings(
        cls,
        settings: StackSpec,
        shared: SharedResources,
        drift: DriftMonitor | None,
        rollback: RollbackFunction,
        alarms: DrawnAlarms,
    ) -> DashboardsArgs:
        return cls(
            alarms=alarms,
            tables=shared.tables,
            log_group=rollback.function.log_group,
            runbooks=settings.notify.runbooks,
            capture=shared.storage.capture.bucket,
            monitoring=shared.storage.monitoring.bucket,
            instance_type=settings.endpoint.instance_type,
            reports=drift.reports if drift else None,
            price_per_hour=settings.endpoint.hourly_price,
        )


class Dashboards(pulumi.ComponentResource):
    """The three pages of an endpoint: for executives, for the person on call and for debugging.

    They are a unit because they link to each other. A dashboard's name is unique in the account across all regions, and
    Pulumi does not generate it, so it ends with the suffix of the ledger's name. `names` and `links` (URLs in the
    console) are by page.
    """

    def __init__(self, context: StackContext, args: DashboardsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tidewatch:components:Dashboards", context.name("dashboards"), None, opts)
        self._context, self._args = context, args
        self.names = build_dashboard_names(context)
        self.links = build_links(context)
        # No `hide_diffs`: if all differences of a resource are hidden, the CLI prints the whole old value, unmarked.
        values = self._collect_values()
        self.dashboards = {
            page: aws.cloudwatch.Dashboard(
                context.name(page),
                dashboard_name=name,
                dashboard_body=values.apply(lambda values, page=page: self._render_body(page, values)),
                opts=pulumi.ResourceOptions(parent=self),
            )
            for page, name in self.names.items()
        }
        self.register_outputs({"links": self.links})

    def _collect_values(self) -> pulumi.Output[dict[str, Any]]:
        """Collects the values that are known only once other resources exist."""
        args, dimensions = self._args, self._args.alarms.dimensions
        return pulumi.Output.all(
            endpoint=dimensions.endpoint,
            functions=dict(dimensions.functions),
            queues=dict(dimensions.queues),
            rules=dict(dimensions.rules),
            alarms=dict(args.alarms.arns),
            reports=args.reports or "",
            log_group=args.log_group,
            ledger=args.tables.ledger.name,
            capture=args.capture,
            monitoring=args.monitoring,
            links=self.links,
        )

    def _render_body(self, page: str, values: Mapping[str, Any]) -> str:
        args, dimensions = self._args, self._args.alarms.dimensions
        subject = DashboardContext(
            region=self._context.region,
            names=DimensionResolver(
                dimensions.key,
                values["endpoint"],
                dimensions.champion,
                values["functions"],
                values["queues"],
                values["rules"],
            ),
            variants=args.alarms.variants,
            endpoint=args.alarms.endpoint,
            objectives=args.alarms.objectives,
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
