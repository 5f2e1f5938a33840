"""The dashboards as CloudWatch then has them: made by a program, with the names that other resources were given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from rehearsal.aws import simulate_aws
from rehearsal.engine import DeploymentSummary, Stack
from tests.tidewatch.dashboards.dashboard_body import check, series
from tidewatch import clock as clocks
from tidewatch.dashboards import PAGE_BUILDERS
from tidewatch.naming import hash_stack_key

PROGRAM = """
import json
from types import SimpleNamespace
import pulumi
import pulumi_aws as aws
from components.dashboards import Dashboards, DashboardsArgs
from components.stack_context import StackContext
from components.tables import Tables
from tidewatch.alarms import AlarmThresholds, DimensionResolver, build_endpoint_alarms, build_variant_alarms
from tidewatch.naming import hash_stack_key
from tidewatch.slo import Objective

given = json.loads(pulumi.Config("shown").require("given"))
context = StackContext.of(project="shown", stack="dev", model="flights", owner="a@b.c", region="us-east-1", tags={},
                 protect=False, force_destroy=True)
bucket = aws.s3.Bucket("flights-capture")
queue = aws.sqs.Queue("flights-rollback-failures")
variants = given["variants"]
alarms = SimpleNamespace(
    variants=build_variant_alarms(AlarmThresholds(), variants, "blue", gpu_count=0),
    endpoint=build_endpoint_alarms(AlarmThresholds(), variants, drift=False),
    objectives=(Objective("availability", 99.9),),
    dimensions=DimensionResolver(
        "tidewatch/dev/flights", bucket.bucket, "blue",
        {"rollback": queue.name}, {"rollback": queue.name}, {"break-glass": queue.name},
    ),  # fmt: skip
    arns={"drift": queue.arn},
)
shown = Dashboards(context, DashboardsArgs(
    alarms=alarms,
    tables=Tables(context),
    log_group="flights-rollback-1f0c3a2",
    runbooks="runbooks",
    capture=bucket.bucket,
    monitoring=bucket.bucket,
    instance_type="ml.m5.large",
    price_per_hour=0.115,
))
pulumi.export("dashboards", shown.links)
pulumi.export("queue", queue.name)
"""


@dataclass
class DashboardStack:
    """A stack of nothing but dashboards and what they name."""

    folder: Path

    def up(self, *variants: str, preview: bool = False) -> DeploymentSummary:
        config = {"aws:region": "us-east-1", "shown:given": json.dumps({"variants": variants})}
        stack = Stack("shown", "dev", self.folder, self.folder / "state.json", config)
        return stack.preview() if preview else stack.up(preview=False)


@pytest.fixture
def shown_dashboards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DashboardStack]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    (tmp_path / "__main__.py").write_text(PROGRAM)
    before = clocks.get_clock()
    with simulate_aws() as clock:
        clocks.install(clock)
        yield DashboardStack(tmp_path)
        clocks.install(before)


def bodies() -> dict[str, dict[str, Any]]:
    """Every dashboard of the account, by name."""
    cloudwatch = boto3.client("cloudwatch")
    names = [entry["DashboardName"] for entry in cloudwatch.list_dashboards()["DashboardEntries"]]
    return {name: json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]) for name in names}


def test_three_dashboards_are_made_with_the_names_that_resources_were_given(shown_dashboards: DashboardStack) -> None:
    outputs = shown_dashboards.up("blue", "green").outputs
    found = bodies()
    assert len(found) == 3
    for body in found.values():
        check(body)
    drawn = [read for body in found.values() for widget in body["widgets"] for read in series(widget)]
    named = {dimensions["FunctionName"] for _, _, dimensions, _ in drawn if "FunctionName" in dimensions}
    assert named == {outputs["queue"]}


def test_links_lead_to_dashboards_whose_names_end_with_the_hash_of_the_stacks_key(
    shown_dashboards: DashboardStack,
) -> None:
    links = shown_dashboards.up("blue").outputs["dashboards"]
    end = hash_stack_key("shown/dev/flights")
    assert links == {
        page: f"https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#dashboards/dashboard/"
        f"flights-{page}-{end}"
        for page in PAGE_BUILDERS
    }
    assert set(bodies()) == {f"flights-{page}-{end}" for page in PAGE_BUILDERS}


def test_a_second_up_changes_nothing_and_another_variant_changes_the_bodies_in_place(
    shown_dashboards: DashboardStack,
) -> None:
    shown_dashboards.up("blue")
    assert shown_dashboards.up("blue").changed_steps == ()
    before = bodies()
    changed = [step for step in shown_dashboards.up("blue", "green").steps if step.op != "same"]
    assert {step.op for step in changed} == {"update"}
    assert {step.urn.split("::")[2].split("$")[-1] for step in changed} == {"aws:cloudwatch/dashboard:Dashboard"}
    assert bodies().keys() == before.keys()


def test_a_preview_of_what_is_not_there_yet_shows_the_dashboards(shown_dashboards: DashboardStack) -> None:
    planned = [
        step.name for step in shown_dashboards.up("blue", preview=True).steps if "Dashboard" in step.urn.split("$")[-1]
    ]
    assert set(planned) >= {f"flights-{page}" for page in PAGE_BUILDERS}
    assert bodies() == {}
