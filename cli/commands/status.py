"""`tidewatch status`: what is declared, what is live, why they differ, and what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli import stack_health
from cli.aws_session import Session
from cli.backend import get_backend
from cli.console import Console
from cli.errors import UserError
from cli.outputs import read_stack_outputs
from cli.traffic_controller import create_controller, create_ledger_controller
from tidewatch import clock
from tidewatch.incidents import build_document_url
from tidewatch.text import collapse_whitespace, sanitize
from tidewatch.traffic import (
    EndpointMissing,
    EndpointState,
    Incident,
    Split,
    TrafficController,
    TrafficError,
    describe_incident_state,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

POLL_SECONDS = 5
MAX_LINE_LENGTH = 10_000
"""The most characters of a printed line."""
OUTPUTS_TTL = timedelta(minutes=1)
"""How long a watch reuses the stack's outputs; reading them from Pulumi takes seconds."""


def status(
    stack: Annotated[str, typer.Option(help="The stack to show.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the status as JSON; with --watch one object per line.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help=f"Refresh every {POLL_SECONDS} seconds until Ctrl-C.")] = False,
) -> None:
    """Shows the declared and the live split, open incidents, alarms, the remaining error budgets, and drift."""
    reader = StatusReader(stack)
    with Console(stderr=True).status(Text(f"reading {stack}")):
        first = reader()
    if watch:
        _watch_status(first, reader, as_json)
    elif as_json:
        typer.echo(json.dumps(first, indent=2))
    else:
        _print(Console(highlight=False), _render(first))


@dataclass
class StatusReader:
    """Describes a stack at each call."""

    stack: str
    _outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    _read_at: datetime | None = None

    def __call__(self) -> dict[str, Any]:
        now = clock.get_clock().now()
        if self._read_at is None or now - self._read_at >= OUTPUTS_TTL:
            self._outputs, self._read_at = read_stack_outputs(self.stack), now
        session = Session(self.stack)
        try:
            traffic = create_controller(self.stack, self._outputs, session)
        except UserError as error:
            raise UserError(f"{error}{_name_open_incidents(self.stack, self._outputs, session)}") from error
        try:
            return describe(self.stack, self._outputs, traffic, session)
        except EndpointMissing as error:
            if sentence := get_backend(self.stack).explain_missing_endpoint():
                raise UserError(sentence) from error
            raise


def _name_open_incidents(stack: str, outputs: dict[str, Any], session: Session) -> str:
    """Returns the incidents that a stack without an endpoint has left open; "" without any."""
    try:
        incidents = create_ledger_controller(stack, outputs, session).open_incidents()
    except (ClientError, UserError):
        return ""
    commands = ", ".join(f"`tidewatch acknowledge {incident.id} --stack {stack}`" for incident in incidents)
    return f". Still open, and to be acknowledged before anything is served again: {commands}" if commands else ""


def describe(stack: str, outputs: dict[str, Any], traffic: TrafficController, session: Session) -> dict[str, Any]:
    """Returns a stack's status.

    Shares are fractions of one; `in_sync` is false if the live split is not the declared one.

    An incident's `state` and `receipt` are those of its document, null if that was not written. `alarms`, `budgets` and
    `drift` are null if the stack has none, or if they could not be read and `unavailable` contains why.
    """
    state, s3, cloudwatch = traffic.state(), session.client("s3"), session.client("cloudwatch")
    live, declared = state.split, Split.from_json(outputs["traffic"]["declared"])
    unavailable: list[str] = []

    def try_read(what: str, read: Callable[[], Any]) -> Any:
        """Returns None on an error, so that traffic is shown to somebody who may not read the rest."""
        try:
            return read()
        except ClientError as error:
            unavailable.append(f"{what} cannot be read: {error}")
            return None

    return {
        "stack": stack,
        "model": outputs["model"],
        "time": session.now().isoformat(timespec="seconds"),
        "endpoint": {"name": state.name, "status": state.status, "configuration": state.config},
        "champion": outputs["traffic"]["champion"],
        "variants": {
            variant: _describe_variant(variant, state, outputs["traffic"], declared, live)
            for variant in sorted(state.variants)
        },
        "in_sync": declared.is_close_to(live),
        "withheld": traffic.describe_withheld_variants(declared),
        "incidents": [
            _describe_incident(incident, s3, outputs["buckets"]["monitoring"]) for incident in traffic.open_incidents()
        ],
        "alarms": try_read("alarms", lambda: stack_health.read_alarms(stack, outputs, cloudwatch)),
        "budgets": try_read(
            "error budgets", lambda: stack_health.read_budgets(outputs, cloudwatch, session.now()) or None
        ),
        "drift": try_read("drift reports", lambda: stack_health.read_drift(outputs, s3, state.variants)),
        "unavailable": unavailable,
    }


def _describe_variant(
    variant: str, state: EndpointState, traffic: dict[str, Any], declared: Split, live: Split | None
) -> dict[str, Any]:
    return {
        "version": traffic["versions"].get(variant),
        "declared": declared.get_share(variant),
        "live": live.get_share(variant) if live else 0.0,
        "instances": state.variants[variant].instances,
    }


def _describe_incident(incident: Incident, s3: S3Client, bucket: str) -> dict[str, Any]:
    try:
        document = json.load(s3.get_object(Bucket=bucket, Key=f"incidents/{incident.id}.json")["Body"])
    except ClientError:
        document = {}
    return {
        "id": incident.id,
        "kind": incident.kind,
        "state": document.get("state"),
        "opened_at": incident.opened_at.isoformat(timespec="seconds"),
        "opened_by": incident.who,
        "reason": incident.reason,
        "receipt": document.get("receipt"),
        "document": build_document_url(bucket, incident.id),
    }


def _watch_status(first: dict[str, Any], reader: StatusReader, as_json: bool) -> None:
    """Prints the status repeatedly. It shows errors and tries again, because a watch keeps running."""
    console = Console(highlight=False)
    try:
        if as_json:
            for report in _poll(first, reader):
                typer.echo(json.dumps(report))
        elif not console.is_terminal:
            for view in _render_views(first, reader):
                _print(console, view)
        else:
            # Output higher than the terminal is cut until Ctrl-C: lines that have scrolled away cannot be drawn over.
            with Live(console=console, auto_refresh=False) as live:
                for view in _render_views(first, reader):
                    live.update(Group(*view), refresh=True)
    except KeyboardInterrupt:
        return


def _poll(first: dict[str, Any], reader: StatusReader) -> Iterator[dict[str, Any]]:
    yield first
    while True:
        clock.get_clock().sleep(POLL_SECONDS)
        try:
            yield reader()
        except (BotoCoreError, ClientError, TrafficError, UserError) as error:
            yield {"stack": reader.stack, "error": str(error)}


def _render_views(first: dict[str, Any], reader: StatusReader) -> Iterator[list[RenderableType]]:
    """Keeps the last status on the screen, marked as old, while no newer one can be read."""
    last = first
    for report in _poll(first, reader):
        failed = report.get("error")
        last = last if failed else report
        warnings = [_format_line(f"Not up to date: {failed}", style="bold red")] if failed else []
        yield [Text(f"{last['time']}, every {POLL_SECONDS} seconds until Ctrl-C"), *warnings, *_render(last)]


def _print(console: Console, parts: Iterable[RenderableType]) -> None:
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, Text))


def _render(report: dict[str, Any]) -> Iterator[RenderableType]:
    endpoint = report["endpoint"]
    yield _format_line(f"{report['model']} in {report['stack']}: {endpoint['name']} is {endpoint['status']}")
    yield _build_split_table(report)
    for incident in report["incidents"]:
        yield _format_line(_format_incident(incident))
        yield _format_line(f"  {incident['document']}")
        yield _format_line(f"  tidewatch acknowledge {incident['id']} --stack {report['stack']}")
    if report["withheld"]:
        yield _format_line(report["withheld"])
    elif not report["in_sync"]:
        message = (
            "The live split differs from the declared one. `pulumi up` does not change it until you edit the "
            "declaration."
        )
        yield _format_line(get_backend(report["stack"]).adapt_commands(message))
    yield from _format_alarms(report["alarms"], report["stack"])
    yield from _format_budgets(report["budgets"] or {})
    yield from _format_drift(report["drift"] or {})
    for sentence in report["unavailable"]:
        yield _format_line(sentence, style="yellow")


def _format_line(text: str, style: str = "") -> Text:
    """Returns text on one line, also if others wrote parts of it."""
    return Text(sanitize(text, MAX_LINE_LENGTH), style=style)


def _build_split_table(report: dict[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2))
    for heading in ("variant", "version", "declared", "live", "instances"):
        table.add_column(heading, justify="left" if heading == "variant" else "right")
    for name, variant in report["variants"].items():
        champion = " (champion)" if name == report["champion"] else ""
        shares = (f"{variant[key]:.1%}" for key in ("declared", "live"))
        table.add_row(name + champion, variant["version"] or "-", *shares, str(variant["instances"]))
    return table


def _format_incident(incident: dict[str, Any]) -> str:
    state = describe_incident_state(incident["kind"], incident["state"] or "")
    since = f"open incident {incident['id']} since {incident['opened_at']}"
    return f"{since}{f' ({state})' if state else ''}: {collapse_whitespace(incident['reason'])}"


def _format_alarms(alarms: dict[str, Any] | None, stack: str) -> Iterator[RenderableType]:
    if alarms is None:
        return
    suffix = f"; {alarms['insufficient']} without enough data" if alarms["insufficient"] else ""
    yield _format_line(f"alarms: {len(alarms['firing']) or 'none'} of {alarms['total']} in ALARM{suffix}")
    counts = stack_health.format_alarm_counts(alarms["metric_alarms"], alarms["composites"])
    yield _format_line(f"  for these {alarms['total']} CloudWatch has {counts}")
    for alarm in alarms["firing"]:
        severity = alarm["severity"] or "-"
        line = f"  {severity:<2}  {alarm['alarm']} since {alarm['since']}: {alarm['runbook']}"
        yield _format_line(line, style="bold red" if severity == "P1" else "")
    if alarms["missing"]:
        deleted = f"  deleted by somebody: {', '.join(alarms['missing'])}; `pulumi up --refresh` creates them again"
        yield _format_line(get_backend(stack).adapt_commands(deleted))


def _format_budgets(budgets: dict[str, dict[str, Any]]) -> Iterator[RenderableType]:
    for objective, budget in budgets.items():
        target = f"{budget['percent']:g}% over {budget['days']} days"
        if budget["remaining_share"] is None:
            yield _format_line(f"error budget of {objective} ({target}): not measured yet")
        elif budget["remaining_share"] < 0:
            overspent = f"overspent by {-budget['remaining_share']:.1%}"
            yield _format_line(f"error budget of {objective} ({target}): {overspent}", style="bold red")
        else:
            yield _format_line(f"error budget of {objective} ({target}): {budget['remaining_share']:.1%} left")


def _format_drift(drift: dict[str, dict[str, Any] | None]) -> Iterator[RenderableType]:
    for variant, report in drift.items():
        if report is None:
            yield _format_line(f"drift of {variant}: no report yet")
            continue
        names = ", ".join(report["drifting"] or ())
        drift_note = f"; over three days: {names}" if names else ""
        version_note = "" if report["served"] else " (no longer served)"
        severity_note = f", severity {report['severity']}" if report["severity"] not in ("", "none") else ""
        yield _format_line(
            f"drift of {variant}, version {report['version']}{version_note}, up to {report['hour']}: "
            f"{report['verdict']}{severity_note}{drift_note}"
        )
        if severity_note:
            yield _format_line(f"  {report['report']}")
